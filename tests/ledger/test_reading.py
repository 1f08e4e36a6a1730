from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_samples import DAY_US, NOON_US, HandClock, PriceList, make_call, opened

import freehold
from freehold.core.errors import BadRequest, NotFound, StoreError
from freehold.core.usage import NO_USAGE, Usage
from freehold.ledger.filters import Filter
from freehold.ledger.reading import Entry, LedgerReader
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.spending import SLICE, Spend
from freehold.ledger.tables import calls
from freehold.ledger.writer import Ledger
from freehold.store.places import Place


def id_of(number: int) -> str:
    return f"call_{number:032x}"


def record_all(place: Place, calls: list[Call]) -> LedgerReader:
    with opened(place, clock=HandClock()) as ledger:
        for call in calls:
            ledger.record(call)
        assert ledger.flush(60)
    return LedgerReader(place)


@pytest.fixture(scope="module")
def some(module_place: Place) -> LedgerReader:
    """100 calls, one a second, recorded in another order than they began; every tenth failed elsewhere."""
    calls = [
        make_call(
            id=id_of(number),
            started_us=NOON_US + number * 1_000_000,
            key_id=f"key_{number % 3}",
            **({"outcome": "failed", "error": "provider_timeout", "provider": "azure", "route": "openai/gpt-4o"}
               if number % 10 == 0 else {}),
        )
        for number in range(100)
    ]  # fmt: skip
    calls[50:60] = reversed(calls[50:60])
    return record_all(module_place, calls)


def numbers(entries: Iterable[Entry]) -> list[int]:
    return [int(entry.call.id[5:], 16) for entry in entries]


def test_the_newest_calls_come_first(some: LedgerReader) -> None:
    assert numbers(some.calls(limit=3)) == [99, 98, 97]
    assert len(some.calls()) == 50


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_pages_hold_every_call_exactly_once(some: LedgerReader, limit: int) -> None:
    seen: list[int] = []
    after: str | None = None
    while page := some.calls(limit=limit, after=after):
        seen += numbers(page)
        after = page[-1].cursor
    assert seen == list(range(99, -1, -1))


def test_calls_of_the_same_moment_are_paged_too(place: Place) -> None:
    reader = record_all(place, [make_call(id=id_of(n), started_us=NOON_US) for n in range(20)])
    seen: list[int] = []
    after: str | None = None
    while page := reader.calls(limit=3, after=after):
        seen += numbers(page)
        after = page[-1].cursor
    assert seen == list(range(19, -1, -1))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(outcome="failed"), range(90, -1, -10)),
        (Filter(error="provider_timeout", since_us=NOON_US + 50_000_000), (90, 80, 70, 60, 50)),
        (Filter(provider="azure", key_id="key_0"), (90, 60, 30, 0)),
        (Filter(route="openai/gpt-4o"), range(90, -1, -10)),
        (Filter(model="azure/gpt-4o"), range(90, -1, -10)),
        (Filter(model="gpt-4o", until_us=NOON_US + 2_000_000), (1, 0)),
        (Filter(operation="embeddings"), ()),
        (Filter(route="never heard of"), ()),
        (Filter(since_us=NOON_US + 98_000_000), (99, 98)),
    ],
)
def test_filters_choose(some: LedgerReader, chosen: Filter, expected: range | tuple[int, ...]) -> None:
    assert numbers(some.calls(chosen)) == list(expected)
    assert sorted(numbers(some.export(chosen))) == sorted(expected)


def test_a_model_whose_name_has_a_slash_is_found_by_either_name(place: Place) -> None:
    reader = record_all(place, [make_call(provider="together", model="meta-llama/Llama-3"), make_call()])
    for name in ("meta-llama/Llama-3", "together/meta-llama/Llama-3"):
        assert len(reader.calls(Filter(model=name))) == 1


def test_more_words_than_are_loaded_together_are_found_all_the_same(place: Place) -> None:
    calls = [make_call(id=id_of(number), model=f"model {number}") for number in range(1500)]
    reader = record_all(place, calls)
    assert [one.call.model for one in reader.export()] == [call.model for call in calls]
    assert len(reader.spend("model")) == 1500


def test_following_sees_calls_in_the_order_they_were_recorded(some: LedgerReader) -> None:
    first = some.recorded_after(0, limit=55)
    rest = some.recorded_after(first[-1].seq)
    order = [*range(50), *range(59, 49, -1), *range(60, 100)]
    assert numbers(first) + numbers(rest) == order
    assert rest[-1].seq == some.last_seq()
    assert some.recorded_after(some.last_seq()) == []


def test_a_call_is_found_by_a_beginning_that_is_enough(some: LedgerReader) -> None:
    assert some.call(id_of(17)).call.id == id_of(17)
    assert some.call(id_of(17).removeprefix("call_")).call.id == id_of(17)
    with pytest.raises(BadRequest) as caught:
        some.call(id_of(16)[:-1])
    assert id_of(16) in str(caught.value.hint)
    for nothing in ("call_f", "~", "", "%", "call_" + "0" * 31 + "g"):
        with pytest.raises((NotFound, BadRequest)):
            some.call(nothing)
    with pytest.raises(NotFound):
        some.call("call_f")


@pytest.mark.parametrize(
    "cursor", ["", "1", "a.b", "1.2.3", "-1.5", "1.²", "1.1٣", f"{2**63}.1", f"1.{2**63}"]
)
def test_a_cursor_that_is_none_is_refused(some: LedgerReader, cursor: str) -> None:
    with pytest.raises(BadRequest):
        some.calls(after=cursor)


def test_there_is_nothing_to_read_before_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        LedgerReader(tmp_path / "ledger.db").calls()
    assert "freehold up" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_spending_counts_what_is_unknown_instead_of_adding_zero(place: Place) -> None:
    calls = [
        make_call(model="gpt-4o", started_us=NOON_US),
        make_call(model="gpt-4o", started_us=NOON_US + DAY_US, usage=NO_USAGE),
        make_call(model="mystery", route=None, started_us=NOON_US + DAY_US, usage=Usage(1, None)),
        make_call(
            provider=None, model=None, attempts=[], key_id=None, usage=NO_USAGE, started_us=NOON_US + DAY_US
        ),
    ]
    reader = record_all(place, calls)
    price = Decimal("0.0001475")
    assert reader.spend("model") == [
        Spend("openai/gpt-4o", 2, 1, price, 1, 19, 7),
        Spend("openai/mystery", 1, 1, None, 0, 1, 0),
        Spend(None, 1, 0, Decimal(0), 1, 0, 0),
    ]
    assert reader.spend("day") == [
        Spend("2024-10-04", 1, 0, price, 0, 19, 7),
        Spend("2024-10-05", 3, 2, Decimal(0), 2, 1, 0),
    ]
    assert reader.spend("route") == [
        Spend("copilot", 3, 1, price, 2, 19, 7),
        Spend(None, 1, 1, None, 0, 1, 0),
    ]
    assert {one.name for one in reader.spend("key")} == {"key_1", None}
    assert [one.calls for one in reader.spend("provider", Filter(until_us=NOON_US + 1))] == [1]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.none() | st.decimals(0, 9_000_000, places=12, allow_nan=False, allow_infinity=False),
        min_size=1,
        max_size=300,
    )
)
def test_sums_are_exact_however_large_or_small(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal | None]
) -> None:
    path = tmp_path_factory.mktemp("sums") / "ledger.db"
    prices = {f"m{n}": str(amount) for n, amount in enumerate(amounts) if amount is not None}
    ledger = Ledger(path, LedgerSettings(), PriceList(**prices))
    ledger.start()
    for number in range(len(amounts)):
        ledger.record(make_call(model=f"m{number}"))
    assert ledger.close(10)
    (total,) = LedgerReader(path).spend("route")
    known = [amount for amount in amounts if amount is not None]
    assert total.cost == (sum(known, Decimal(0)) if known else None)
    assert (total.calls, total.unpriced) == (len(amounts), amounts.count(None))


def test_many_calls_are_summed_in_slices_so_that_the_writer_need_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    count = 2 * SLICE + 2
    record_all(path, [make_call(started_us=NOON_US)])
    with sqlite3.connect(path) as direct:
        columns = ", ".join(calls.c.keys()[3:])
        direct.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
            f" INSERT INTO calls (id, started_us, {columns}) SELECT 'c' || n, ? + n / 10, {columns} FROM calls, n",
            (count - 1, NOON_US),
        )
        # As it is while sums are being made of calls that were there before them.
        direct.execute("UPDATE reach SET summed = 0, former = (SELECT max(seq) FROM calls)")
    direct.close()
    reader = LedgerReader(path)
    (total,) = reader.spend("model")
    assert (total.calls, total.cost, total.input_tokens) == (count, count * Decimal("0.0001475"), count * 19)
    between = Filter(since_us=NOON_US + 1, until_us=NOON_US + SLICE // 10 + 1)
    assert [one.calls for one in reader.spend("route", between)] == [SLICE]
    assert [one.calls for one in reader.spend("day", Filter(since_us=NOON_US + count))] == []


def test_exporting_streams_and_ends_where_it_began(place: Place) -> None:
    with opened(place) as ledger:
        for number in range(1200):
            ledger.record(make_call(id=id_of(number), request_body=b"body %d" % number))
        assert ledger.flush(60)
        found = iter(LedgerReader(place).export(with_bodies=True))
        assert next(found).call.request_body == b"body 0"
        for number in range(1200, 1300):
            ledger.record(make_call(id=id_of(number)))
        assert ledger.flush(60)
        assert numbers(found) == list(range(1, 1200))


def test_readers_read_while_the_writer_writes(place: Place) -> None:
    with opened(place, flush_ms=10) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        seen: list[list[int]] = [[], []]
        end = threading.Event()

        def follow(mine: list[int]) -> None:
            reader, last = LedgerReader(place), 0
            while not end.is_set() or reader.last_seq() > last:
                for entry in reader.recorded_after(last):
                    mine.append(entry.seq)
                    last = entry.seq

        threads = [threading.Thread(target=follow, args=(mine,)) for mine in seen]
        for thread in threads:
            thread.start()
        for _ in range(20):
            for _ in range(50):
                ledger.record(make_call(request_body=b"x" * 1000))
            assert ledger.flush(5)
        end.set()
        for thread in threads:
            thread.join(10)
        assert seen == [list(range(1, 1002))] * 2
        assert ledger.status.state == "ok"


def test_the_extent_says_how_much_there_is(place: Place) -> None:
    calls = [
        make_call(started_us=NOON_US + n, request_body=b"same", answer_body=b"answer %d" % n)
        for n in range(5)
    ]
    extent = record_all(place, calls).extent()
    assert (extent.calls, extent.bodies) == (5, 6)
    assert (extent.oldest_us, extent.newest_us) == (NOON_US, NOON_US + 4)
    assert 0 < extent.body_bytes < extent.file_bytes


def test_settings_can_be_read_without_loading_the_database_library() -> None:
    program = (
        "import sys, freehold.ledger.settings, freehold.ledger.record; print('sqlalchemy' in sys.modules)"
    )
    source = str(Path(freehold.__file__ or "").parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": source}, capture_output=True, check=True
    )
    assert done.stdout == b"False\n"
