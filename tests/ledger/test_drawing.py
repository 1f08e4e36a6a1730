"""Calls by their numbers: all that can be drawn, and then those that were."""

from __future__ import annotations

import pytest
from ledger_samples import NOON_US, HandClock, make_call, opened

from freehold.core.clock import SystemClock
from freehold.ledger.drawing import Numbers
from freehold.ledger.feedback import Given
from freehold.ledger.filters import Filter
from freehold.ledger.opinions import Opinions
from freehold.ledger.reading import LedgerReader
from freehold.store.places import Place


@pytest.fixture(scope="module")
def reader(module_place: Place) -> LedgerReader:
    with opened(module_place, clock=HandClock()) as ledger:
        for number in range(60):
            kept = number % 5 != 0
            ledger.record(
                make_call(
                    id=f"call_{number:032x}",
                    started_us=NOON_US + number,
                    key_id=f"comparison_{number}" if number % 6 == 0 else "key_1" if number % 2 else None,
                    route="shop",
                    request_body=b"%d" % number if kept else None,
                    request_bytes=1_000 if number == 59 else 10,
                )
            )
        assert ledger.flush(10)
    return LedgerReader(module_place)


def test_calls_are_told_by_number_and_read_in_any_order(reader: LedgerReader) -> None:
    wanted = Numbers(Filter(route="shop"), without_keys=("comparison_",), longest=100)
    found = [number for some in reader.numbers(wanted) for number in some]
    kept = [number for number in range(60) if number % 6 and number % 5]
    assert (len(found), wanted.too_long) == (len(kept) - 1, 1)
    assert wanted.without_body == sum(number % 6 != 0 and number % 5 == 0 for number in range(60))
    backwards = reader.numbered(found[::-1])
    assert [entry.call.request_body for entry in backwards] == [b"%d" % number for number in kept[:-1][::-1]]
    assert reader.numbered([found[3], 10**6, found[1]])[0].seq == found[3]
    assert len(reader.numbered([found[3], 10**6, found[1]])) == 2


def test_calls_that_somebody_spoke_of_can_be_told(place: Place) -> None:
    with opened(place, clock=HandClock()) as ledger:
        found = [make_call(route="shop", request_body=b"{}") for _ in range(6)]
        for call in found:
            ledger.record(call)
        assert ledger.flush(10)
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        for call in (found[4], found[1]):
            opinions.give_as(call.id, Given(value=True), by="one")
        opinions.give_as(found[1].id, Given(value=0.5, name="other"), by="one")
        wanted = Numbers(Filter(route="shop"), without_keys=(), longest=10_000, with_feedback=True)
        [numbers] = reader.numbers(wanted)
        assert [entry.call.id for entry in reader.numbered(numbers)] == [found[1].id, found[4].id]


def test_nothing_is_found_of_what_was_never_called(reader: LedgerReader) -> None:
    wanted = Numbers(Filter(route="nobody"), without_keys=(), longest=100)
    assert [number for some in reader.numbers(wanted) for number in some] == []
