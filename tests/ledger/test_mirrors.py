"""Copies of calls are on record and cost money, and are no traffic."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from ledger_samples import DAY_US, NOON_US, HandClock, make_call, opened

from freehold.ledger.drawing import Numbers
from freehold.ledger.exporting import Export, Target
from freehold.ledger.filters import ALL, Filter
from freehold.ledger.reading import LedgerReader
from freehold.store.places import Place

MIRRORS = Filter(operation="mirror")
# Within an hour, so that the calls themselves are looked at; and as a whole day, of which there are sums.
EDGE = Filter(since_us=NOON_US - 1, until_us=NOON_US + 60_000_000)
DAY = Filter(since_us=NOON_US - DAY_US // 2, until_us=NOON_US + DAY_US // 2)


@pytest.fixture
def reader(place: Place) -> Iterator[LedgerReader]:
    with opened(place, clock=HandClock(NOON_US), keep_calls_days="unlimited") as ledger:
        for number in range(6):
            call = make_call(started_us=NOON_US + number, attempts=[], request_body=b"{}")
            ledger.record(call)
            if number < 4:
                copy = msgspec.structs.replace(
                    call,
                    id=f"{call.id[:-4]}copy",
                    operation="mirror",
                    mirrors=call.id,
                    key_id="rollout_1",
                    duration_ms=90_000.0,
                    losses=("field.seed",),
                )
                ledger.record(copy)
        assert ledger.flush(5)
        yield LedgerReader(place)


@pytest.mark.parametrize("chosen", [ALL, EDGE, DAY, Filter(route="copilot"), Filter(outcome="answered")])
def test_what_is_counted_is_what_clients_did(reader: LedgerReader, chosen: Filter) -> None:
    (spend,) = reader.spend("route", chosen)
    assert (spend.calls, spend.cost) == (6, 6 * Decimal("0.0001475"))
    (total,) = reader.sums((), chosen)
    assert total.calls == 6
    assert {one.names for one in reader.sums(("operation",), chosen)} == {("chat",)}
    (pace,) = reader.paces((), chosen)
    assert pace.calls == 6
    assert pace.duration_ms[99] < 1000
    assert [(one.loss, one.calls) for one in reader.losses(chosen)] == [("reasoning_signature", 6)]


@pytest.mark.parametrize("chosen", [ALL, EDGE, DAY, Filter(route="copilot")])
def test_copies_are_counted_where_they_are_asked_for(reader: LedgerReader, chosen: Filter) -> None:
    only = msgspec.structs.replace(chosen, operation="mirror")
    both = msgspec.structs.replace(chosen, mirrors=True)
    (spend,) = reader.spend("key", only)
    assert (spend.name, spend.calls, spend.cost) == ("rollout_1", 4, 4 * Decimal("0.0001475"))
    assert [one.calls for one in reader.spend("route", both)] == [10]
    assert [one.calls for one in reader.paces((), only)] == [4]
    assert [(one.loss, one.calls) for one in reader.losses(only)] == [("field.seed", 4)]


def test_lists_have_them_unless_they_are_not_wanted(reader: LedgerReader) -> None:
    found = reader.calls()
    assert len(found) == 10
    copies = [entry.call for entry in found if entry.call.mirrors is not None]
    assert {one.operation for one in copies} == {"mirror"}
    assert len(copies) == len(reader.calls(MIRRORS)) == 4
    assert all(reader.call(one.mirrors or "").call.operation == "chat" for one in copies)
    assert len(reader.calls(Filter(mirrors=False))) == 6
    assert len(reader.recorded_after(0)) == 10
    assert len(list(reader.export())) == 10
    assert reader.extent().calls == 10


def test_copies_of_one_call_are_found(reader: LedgerReader) -> None:
    total = 0
    for entry in reader.calls(Filter(operation="chat")):
        found = reader.calls(Filter(mirrors_of=entry.call.id))
        assert [one.call.mirrors for one in found] == [entry.call.id] * len(found)
        assert sum(one.calls for one in reader.spend("route", Filter(mirrors_of=entry.call.id))) == len(found)
        total += len(found)
    assert total == 4
    assert reader.calls(Filter(mirrors_of="call_nobody's")) == []


def test_no_suite_is_drawn_of_copies(reader: LedgerReader) -> None:
    for chosen in (ALL, Filter(route="copilot", operation="chat")):
        some = reader.numbers(Numbers(chosen, without_keys=(), longest=1000))
        numbers = [number for part in some for number in part]
        assert len(numbers) == 6
        assert {entry.call.operation for entry in reader.numbered(numbers)} == {"chat"}


def test_an_export_of_days_has_them_and_is_whole(reader: LedgerReader, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    target = Target(str(tmp_path / "out"))
    (first,) = Export(reader, target, ALL, bodies=False).run()
    (again,) = Export(reader, target, ALL, bodies=False).run()
    assert (first.calls, first.written) == (10, True)
    assert (again.calls, again.written) == (10, False)
