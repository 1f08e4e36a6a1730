"""Sums are kept beside the calls, and never disagree with them."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from databases import Databases, change, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_samples import DAY_US, NOON_US, QUICK, HandClock, PriceList, make_call, opened, wait_until

from freehold.core.usage import Usage
from freehold.ledger.filters import Filter
from freehold.ledger.histogram import ERROR, count, merge, narrow, pack, percentile, unpack, widen
from freehold.ledger.names import MOST
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.totals import By, Sum
from freehold.ledger.writer import Ledger
from freehold.store.places import Place

HOUR_US = 3_600_000_000
PRICES = {"gpt-4o": "0.0001475", "dear": "123456.789", "dust": "0.000000000001"}
BYS: tuple[By, ...] = ("route", "provider", "model", "key", "operation", "outcome", "error", "day", "hour")

times = st.integers(NOON_US - 3 * DAY_US, NOON_US + 3 * DAY_US) | st.sampled_from(
    [NOON_US // HOUR_US * HOUR_US + step for step in (-1, 0, 1, HOUR_US)]
    + [NOON_US // DAY_US * DAY_US + step for step in (-1, 0, 1, DAY_US)]
)
tokens = st.none() | st.integers(0, 10**6)
usages = st.builds(
    Usage, tokens, tokens, tokens, tokens, tokens, source=st.sampled_from(["provider", "unknown"])
)
calls = st.builds(
    lambda **values: make_call(**values, attempts=[]),
    started_us=times,
    key_id=st.sampled_from([None, "key_1", "key_2"]),
    route=st.sampled_from([None, "copilot", "search"]),
    provider=st.sampled_from(["openai", "azure"]),
    model=st.sampled_from([*PRICES, "mystery"]),
    operation=st.sampled_from(["chat", "embeddings"]),
    outcome=st.sampled_from(["answered", "answered", "failed", "cut"]),
    error=st.sampled_from([None, "provider_refused"]),
    usage=usages,
    duration_ms=st.floats(0.001, 3_000_000),
    first_token_ms=st.none() | st.floats(0.001, 100_000),
    losses=st.lists(st.sampled_from(["audio", "seed", "field.a"]), unique=True).map(tuple),
)
edges = st.none() | times
filters = st.builds(
    Filter,
    route=st.sampled_from([None, None, "copilot", "nobody"]),
    model=st.sampled_from([None, None, "dear", "azure/gpt-4o"]),
    key_id=st.sampled_from([None, None, "key_2"]),
    outcome=st.sampled_from([None, None, "answered", "failed"]),
    error=st.sampled_from([None, None, "provider_refused"]),
    since_us=edges,
    until_us=edges,
)


def record(place: Place, made: list[Call]) -> LedgerReader:
    ledger = Ledger(place, LedgerSettings(), PriceList(**PRICES), HandClock(), QUICK)
    ledger.start()
    try:
        for first in range(0, len(made), 500):
            for one in made[first : first + 500]:
                ledger.record(one)
            assert ledger.flush(30)
        assert ledger.status.dropped == 0
        assert ledger.status.state == "ok"
    finally:
        ledger.close(5.0)
    return LedgerReader(place)


def is_meant(call: Call, chosen: Filter) -> bool:
    return (
        chosen.route in (None, call.route)
        and chosen.model in (None, call.model, f"{call.provider}/{call.model}")
        and chosen.key_id in (None, call.key_id)
        and chosen.outcome in (None, call.outcome)
        and chosen.error in (None, call.error)
        and (chosen.since_us is None or chosen.since_us <= call.started_us)
        and (chosen.until_us is None or call.started_us < chosen.until_us)
    )


def name_of(call: Call, by: By) -> str | None:
    moment = time.gmtime(call.started_us // 1_000_000)
    found: dict[str, str | None] = {
        "model": f"{call.provider}/{call.model}",
        "key": call.key_id,
        "day": time.strftime("%Y-%m-%d", moment),
        "hour": time.strftime("%Y-%m-%dT%H", moment),
    }
    return found[by] if by in found else getattr(call, by)


def expected(made: list[Call], by: tuple[By, ...]) -> dict[tuple[str | None, ...], tuple[object, ...]]:
    groups: defaultdict[tuple[str | None, ...], list[Call]] = defaultdict(list)
    for call in made:
        groups[tuple(name_of(call, one) for one in by)].append(call)
    return {names: told_by_calls(some) for names, some in groups.items()}


def told_by_calls(made: list[Call]) -> tuple[object, ...]:
    prices = [Decimal(PRICES[call.model]) for call in made if call.model in PRICES]

    def total(name: str) -> int | None:
        known = [value for call in made if (value := getattr(call.usage, name)) is not None]
        return sum(known) if known else None

    first = [int(call.first_token_ms * 1000 + 0.5) for call in made if call.first_token_ms is not None]
    return (
        len(made),
        len(made) - len(prices),
        sum(prices) if prices else None,
        sum(call.usage.input_tokens is None for call in made),
        total("input_tokens") or 0,
        total("output_tokens") or 0,
        total("cache_read_tokens"),
        total("cache_write_tokens"),
        total("reasoning_tokens"),
        sum(int(call.duration_ms * 1000 + 0.5) for call in made),
        len(first),
        sum(first),
    )


def told_by_sum(one: Sum) -> tuple[object, ...]:
    return (
        one.calls,
        one.unpriced,
        one.cost,
        one.uncounted,
        one.input_tokens,
        one.output_tokens,
        one.cache_read_tokens,
        one.cache_write_tokens,
        one.reasoning_tokens,
        round(one.duration_ms * 1000),
        one.streams,
        round(one.first_token_ms * 1000),
    )


groupings = st.lists(st.sampled_from(BYS), max_size=2, unique=True)


@given(st.lists(calls, max_size=60), st.lists(st.tuples(groupings, filters), min_size=1, max_size=12))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_those_of_the_calls_whatever_is_asked(
    places: Callable[[], Place], made: list[Call], questions: list[tuple[list[By], Filter]]
) -> None:
    reader = record(places(), made)
    for by, chosen in questions:
        meant = [call for call in made if is_meant(call, chosen)]
        found = reader.sums(by, chosen)
        assert {one.names: told_by_sum(one) for one in found} == expected(meant, tuple(by))
        assert len({one.names for one in found}) == len(found)
        losses = {one.loss: one.calls for one in reader.losses(chosen)}
        assert losses == {
            loss: lost
            for loss in ("audio", "seed", "field.a")
            if (lost := sum(loss in call.losses for call in meant))
        }
        newest = sorted(meant, key=lambda call: -call.started_us)
        page = reader.calls(chosen, limit=5)
        assert [one.call.started_us for one in page] == [call.started_us for call in newest[:5]]
        everything, after = list(page), page[-1].cursor if page else None
        while page:
            page = reader.calls(chosen, limit=5, after=after)
            everything += page
            after = page[-1].cursor if page else None
        assert sorted(one.call.id for one in everything) == sorted(call.id for call in meant)
        answered = sorted(call.duration_ms for call in meant if call.outcome == "answered")
        for pace in reader.paces((), chosen):
            assert pace.calls == len(answered)
            for share, told in pace.duration_ms.items():
                exact = answered[math.ceil(Fraction(share, 100) * len(answered)) - 1]
                assert told == pytest.approx(max(exact, 1 / 1.1), rel=ERROR + 0.002)


def test_sums_are_kept_and_not_made_when_they_are_asked_for(place: Place) -> None:
    reader = record(place, [make_call(started_us=NOON_US + step * DAY_US) for step in range(3)])
    (before,) = reader.sums()
    change(place, "DELETE FROM calls")
    assert reader.sums() == [before]
    assert before.calls == 3
    assert [one.calls for one in reader.spend("day")] == [1, 1, 1]
    assert [(one.loss, one.calls) for one in reader.losses()] == [("reasoning_signature", 3)]


def test_a_call_that_comes_twice_counts_once(place: Place) -> None:
    twice = make_call(started_us=NOON_US)
    with opened(place, clock=HandClock()) as ledger:
        ledger.record(make_call(started_us=NOON_US))
        ledger.record(twice)
        assert ledger.flush(5)
        # A server that is not asked refuses the second, and then goes through the batch one by one.
        ledger.record(twice)
        ledger.record(make_call(started_us=NOON_US))
        ledger.record(make_call(started_us=NOON_US, usage=Usage("many")))  # type: ignore[arg-type]
        ledger.flush(5)
    reader = LedgerReader(place)
    (total,) = reader.sums()
    assert total.calls == len(reader.calls()) == 3


def test_counts_beyond_all_sense_do_not_keep_later_calls_from_being_written(place: Place) -> None:
    def absurd() -> Call:
        return make_call(started_us=NOON_US, usage=Usage(2**62, 2**62, source="provider"), duration_ms=1e15)

    record(place, [absurd(), absurd(), absurd(), make_call(started_us=NOON_US)])
    reader = record(place, [absurd(), make_call(started_us=NOON_US)])
    assert len(reader.calls()) == 6
    (total,) = reader.sums()
    assert (total.calls, total.uncounted, total.input_tokens) == (6, 4, 2 * 19)


def test_roll_ups_are_made_of_calls_that_were_there_before_them(place: Place) -> None:
    made = [
        make_call(
            started_us=NOON_US + number * HOUR_US // 40, model=("gpt-4o", "dear")[number % 2], attempts=[]
        )
        for number in range(2500)
    ]
    reader = record(place, made)
    sums, paces, losses = reader.sums(BYS), reader.paces(("route", "hour")), reader.losses()
    for table in ("hours", "days", "hour_paces", "day_paces", "hour_losses", "day_losses"):
        change(place, f"DELETE FROM {table}")
    change(place, "UPDATE reach SET summed = 0, former = (SELECT max(seq) FROM calls)")
    # Until they are there, the calls are asked.
    assert sorted(reader.sums(BYS), key=str) == sorted(sums, key=str)
    assert {one.names: one.calls for one in reader.paces(("route", "hour"))} == {
        one.names: one.calls for one in paces
    }
    assert reader.losses() == losses
    with opened(place, clock=HandClock()) as ledger:
        ledger.record(make_call(started_us=NOON_US, route="new"))
        wait_until(lambda: rows(place, "SELECT former - summed FROM reach") == [(0,)], 20.0)
    change(place, "DELETE FROM calls")
    assert sorted([one for one in reader.sums(BYS) if one.names[0] != "new"], key=str) == sorted(
        sums, key=str
    )
    assert [one.calls for one in reader.sums((), Filter(route="new"))] == [1]
    assert sorted(
        [one for one in reader.paces(("route", "hour")) if one.names[0] != "new"], key=str
    ) == sorted(paces, key=str)


def test_hours_outlast_the_calls_and_belong_to_the_time_in_which_they_begin(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_calls_days=10) as ledger:
        for minutes in (10, 50, 70, 110):
            ledger.record(make_call(started_us=NOON_US + minutes * 60_000_000))
        assert ledger.flush(5)
        reader = LedgerReader(place)
        half = NOON_US + 30 * 60_000_000
        chosen = Filter(since_us=half, until_us=half + HOUR_US)
        assert [one.calls for one in reader.sums((), chosen)] == [2]
        clock.now_us += 30 * DAY_US
        wait_until(lambda: reader.calls() == [])
        assert [one.calls for one in reader.sums()] == [4]
        # The hour from 12 on began before, that from 13 on begins within.
        assert [(one.names, one.calls) for one in reader.sums(("hour",), chosen)] == [(("2024-10-04T13",), 2)]


@given(st.lists(st.integers(0, 5 * 10**9), min_size=1, max_size=200), st.integers(1, 100))
def test_a_percentile_is_off_by_less_than_it_says(times_us: list[int], share: int) -> None:
    half = len(times_us) // 2
    histogram = count(times_us[:half])
    merge(histogram, unpack(pack(count(times_us[half:]))))
    exact = sorted(times_us)[math.ceil(Fraction(share, 100) * len(times_us)) - 1]
    told = percentile(histogram, share / 100)
    assert told is not None
    if exact < 1000:
        assert told < 1000
    elif exact < 3_600_000_000:
        assert told == pytest.approx(exact, rel=ERROR + 0.001)
    assert unpack(pack(histogram)) == histogram
    assert narrow(widen(pack(histogram)) + widen(pack(histogram))) == {
        key: 2 * n for key, n in histogram.items()
    }


def test_several_processes_add_to_the_same_sums(databases: Databases) -> None:
    place = databases.make()
    try:
        ledgers = [Ledger(place, LedgerSettings(), PriceList(**PRICES), None, QUICK) for _ in range(3)]
        for one in ledgers:
            one.start()
        for number in range(900):
            ledgers[number % 3].record(
                make_call(started_us=NOON_US + number % 5 * HOUR_US, route=f"r{number % 7}", attempts=[])
            )
            if number % 50 == 0:
                time.sleep(0.02)
        assert all(one.flush(20) for one in ledgers)
        assert all(one.status.state == "ok" for one in ledgers)
        for one in ledgers:
            one.close()
        reader = LedgerReader(place)
        assert [one.calls for one in reader.sums()] == [900]
        assert sum(one.calls for one in reader.paces(("route",))) == 900
        assert {one.name: one.calls for one in reader.spend("route")} == {
            f"r{n}": len(range(n, 900, 7)) for n in range(7)
        }
    finally:
        databases.drop(place)


def test_roll_ups_are_kept_for_ever_unless_a_bound_is_set(place: Place) -> None:
    made = [make_call(started_us=NOON_US - days * DAY_US) for days in (0, 3, 9, 10, 11, 300)]
    reader = record(place, made)
    assert [one.calls for one in reader.sums()] == [6]
    with opened(place, clock=HandClock(), keep_rollups_days=10, keep_calls_days=10):
        wait_until(lambda: [one.calls for one in reader.sums()] == [4])
    assert len(reader.spend("day")) == len(reader.sums(("hour",))) == 4
    for table in ("hours", "days", "hour_paces", "day_paces", "hour_losses", "day_losses"):
        assert rows(place, f"SELECT count(*) FROM {table}") == [(4,)]


def test_more_words_than_are_kept_in_mind_are_all_told_apart(place: Place) -> None:
    """Words come from clients, as names of models do: what is forgotten of them takes no other word along."""
    many = tuple(f"word-{number}" for number in range(MOST + 1))
    with opened(place) as ledger:
        for changes in (
            {"losses": many},
            {"model": "new", "losses": ("seed",)},
            {"model": "newer", "losses": ("audio",)},
        ):
            ledger.record(make_call(**changes, attempts=[]))
            assert ledger.flush(30)
    reader = LedgerReader(place)
    models = [f"openai/{model}" for model in ("gpt-4o", "new", "newer")]
    assert sorted(one.names for one in reader.sums(("operation", "model"))) == [
        ("chat", one) for one in models
    ]
    assert [entry.call.provider for entry in reader.calls()] == ["openai"] * 3
    assert sum(one.calls for one in reader.losses()) == len(many) + 2
