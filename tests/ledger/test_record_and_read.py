from __future__ import annotations

import string
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_samples import make_call, opened

from freehold.core.decision import Decision
from freehold.core.ids import new_id
from freehold.core.money import Cost
from freehold.core.usage import Usage
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Attempt, Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.store.places import Place

OUTCOMES = ("answered", "refused", "failed", "cut", "cancelled")


@pytest.fixture(scope="module")
def pair(module_place: Place) -> Iterator[tuple[Ledger, LedgerReader]]:
    with opened(module_place, keep_calls_days="unlimited", keep_bodies_days="unlimited") as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        yield ledger, LedgerReader(module_place)


def test_a_call_comes_back_with_everything_it_had(pair: tuple[Ledger, LedgerReader]) -> None:
    ledger, reader = pair
    call = make_call(request_body=b'{"question":"?"}', answer_body=b'{"answer":"!"}')
    ledger.record(call)
    assert ledger.flush(5)
    entry = reader.call(call.id)
    assert entry.call == call
    assert entry.cost == Cost(Decimal("0.0001475"), "test openai/gpt-4o")
    assert reader.calls(Filter(), limit=1)[0].call == msgspec.structs.replace(
        call, request_body=None, answer_body=None
    )


def test_decisions_are_found_by_the_ids_of_their_calls(pair: tuple[Ledger, LedgerReader]) -> None:
    ledger, reader = pair
    decided = Decision("weighted", "a/b", "drawn", facts={"draw": 0.25}, rollout="rollout_1", arm="candidate")
    some = [make_call(decision=decided if number % 2 else None) for number in range(1100)]
    for call in some:
        ledger.record(call)
    assert ledger.flush(5)
    found = reader.decisions([call.id for call in some] + ["call_nobody"])
    assert found == {call.id: decided for call in some if call.decision is not None}


def test_a_call_that_is_almost_empty_comes_back_as_it_was(pair: tuple[Ledger, LedgerReader]) -> None:
    ledger, reader = pair
    call = Call(
        new_id("call"), 1, "embeddings", "openai-chat", status=401, outcome="refused", error="invalid_api_key"
    )
    ledger.record(call)
    assert ledger.flush(5)
    entry = reader.call(call.id)
    assert entry.call == call
    assert entry.cost == Cost(Decimal(0), "no provider was asked")
    assert (entry.request_digest, entry.answer_digest) == (None, None)


words = st.none() | st.text(string.printable + "äß#:,漢😀", max_size=30)
counts = st.none() | st.integers(0, 2**63 - 1)
times = st.integers(0, 10**12).map(lambda us: us / 1000)
sizes = st.integers(0, 2**40)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
usages = st.builds(
    Usage,
    counts,
    counts,
    counts,
    counts,
    counts,
    counts,
    counts,
    st.sampled_from(["provider", "counted", "unknown"]),
)
attempts = st.builds(
    Attempt,
    st.text(max_size=9),
    st.text(max_size=9),
    times,
    times,
    st.none() | times,
    st.none() | st.integers(100, 599),
    st.sampled_from(OUTCOMES),
    words,
    usage=usages,
)


def _as_used(call: Call) -> Call:
    """The only attempt of a call used what the call did."""
    if len(call.attempts) == 1:
        call.attempts[0].usage = call.usage
    return call


calls = st.builds(
    Call,
    id=st.builds(new_id, st.just("call")),
    started_us=st.integers(0, 2**52),
    operation=st.sampled_from(["chat", "embeddings"]),
    dialect=st.just("openai-chat"),
    key_id=words,
    route=words,
    provider=words,
    model=words,
    reported_model=words,
    streamed=st.booleans(),
    status=st.integers(100, 599),
    outcome=st.sampled_from(OUTCOMES),
    error=words,
    stop_reason=words,
    usage=usages,
    raw_usage=st.none()
    | st.dictionaries(st.text(max_size=8), json_values, max_size=5).map(msgspec.json.encode),
    first_token_ms=st.none() | times,
    duration_ms=times,
    request_bytes=sizes,
    answer_bytes=sizes,
    attempts=st.lists(attempts, max_size=3),
    losses=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    request_body=st.none() | st.binary(max_size=400),
    answer_body=st.none() | st.binary(max_size=400),
).map(_as_used)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(calls, min_size=1, max_size=70))
def test_whatever_is_recorded_is_read_back(pair: tuple[Ledger, LedgerReader], some: list[Call]) -> None:
    ledger, reader = pair
    before = reader.last_seq()
    for call in some:
        ledger.record(call)
    assert ledger.flush(10)
    found = reader.recorded_after(before)
    assert [one.call.id for one in found] == [call.id for call in some]
    for call in some[:5]:
        assert reader.call(call.id).call == call


def test_a_word_or_number_that_no_row_can_hold_costs_nothing_but_itself(
    pair: tuple[Ledger, LedgerReader],
) -> None:
    ledger, reader = pair
    dropped = ledger.status.dropped
    odd = make_call(
        reported_model="half \ud800 pair",
        usage=Usage(2**64, 7),
        duration_ms=float("nan"),
        losses=("\udfff",),
        attempts=[Attempt("openai", "\ud800", float("inf"))],
    )
    good = make_call()
    for call in (odd, good):
        ledger.record(call)
    assert ledger.flush(5)
    found = reader.call(odd.id).call
    assert found.reported_model == "half ? pair"
    assert (found.usage.input_tokens, found.usage.output_tokens) == (None, 7)
    assert (found.duration_ms, found.losses, found.attempts[0].model) == (0, ("?",), "?")
    assert reader.call(good.id).call == good
    assert ledger.status.dropped == dropped


def test_what_is_no_call_is_counted_and_harms_nobody(place: Place) -> None:
    with opened(place) as ledger:
        ledger.record(cast("Call", None))
        ledger.record(cast("Call", "nonsense"))
        ledger.record(make_call(status=cast("int", object())))
        ledger.record(make_call(started_us=cast("int", None), request_body=b"x"))
        ledger.record(make_call(request_body=cast("bytes", "not bytes"), answer_body=b"kept"))
        good = make_call()
        ledger.record(good)
        assert ledger.flush(5)
        status = ledger.status
        assert status.dropped_by == {"unrecordable": 4}
        assert (status.recorded, status.written, status.queued, status.queued_bytes) == (6, 2, 0, 0)
        assert LedgerReader(place).call(good.id).call == good


def test_the_same_call_twice_is_there_once(place: Place) -> None:
    call = make_call()
    with opened(place) as ledger:
        ledger.record(call)
        ledger.record(call)
        assert ledger.flush(5)
        assert len(LedgerReader(place).calls()) == 1


def test_a_price_that_cannot_be_worked_out_loses_no_call(place: Place) -> None:
    with opened(place) as ledger:
        call = make_call(model="raises")
        ledger.record(call)
        assert ledger.flush(5)
        assert LedgerReader(place).call(call.id).cost == Cost(None, None)
        assert ledger.status.pricing_errors == 1


@pytest.mark.parametrize(
    ("first", "known"),
    [
        (Attempt("azure", "gpt-4o", 0.1, 9.5, None, 503, "failed", "provider_refused"), True),
        (Attempt("azure", "gpt-4o", 0.1, 9.5, None, None, "failed", "provider_unreachable"), True),
        (Attempt("azure", "gpt-4o", 0.1, 9.5, None, 200, "failed", "provider_broken"), False),
        (Attempt("azure", "gpt-4o", 0.1, 9.5, None, None, "failed", "provider_timeout"), False),
    ],
)
def test_a_cost_is_unknown_when_an_attempt_before_may_be_billed(
    place: Place, first: Attempt, known: bool
) -> None:
    with opened(place) as ledger:
        call = make_call()
        call.attempts = [first, call.attempts[-1]]
        ledger.record(call)
        assert ledger.flush(5)
        cost = LedgerReader(place).call(call.id).cost
        assert (cost.amount is not None) == known


def test_calls_recorded_from_many_threads_are_all_there(place: Place) -> None:
    with opened(place) as ledger:

        def record_some() -> None:
            for _ in range(500):
                ledger.record(make_call())

        threads = [threading.Thread(target=record_some) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.flush(10)
        status = ledger.status
        assert (status.recorded, status.written, status.dropped, status.queued_bytes) == (2000, 2000, 0, 0)
    assert len(list(LedgerReader(place).export())) == 2000


def test_a_call_is_committed_without_anybody_asking(place: Place) -> None:
    with opened(place, flush_ms=20) as ledger:
        ledger.record(make_call())
        end = threading.Event()
        for _ in range(200):
            if ledger.status.written == 1:
                break
            end.wait(0.01)
        assert ledger.status.written == 1


def test_closing_writes_what_waits_and_drops_what_comes_later(place: Place) -> None:
    with opened(place, flush_ms=60_000) as ledger:
        for _ in range(10):
            ledger.record(make_call())
        assert ledger.close()
        ledger.record(make_call())
        assert ledger.status.dropped_by == {"closed": 1}
    if isinstance(place, Path):
        assert place.with_name("ledger.db-journal").stat().st_size == 0
    reader = LedgerReader(place)
    assert len(reader.calls()) == 10
    assert [run.ending for run in reader.runs()] == ["clean"]
    assert reader.gaps() == []


def test_a_ledger_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", LedgerSettings(), cast("Any", None))
    ledger.record(make_call())
    assert not ledger.close()
    assert ledger.status.dropped_by == {"closed": 1}
