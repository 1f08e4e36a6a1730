"""Calls are found by what was decided for them, in lists, sums and exports alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_samples import make_call, opened

from freehold.core.decision import Arm, Decision, Rejected
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call
from freehold.ledger.writer import Ledger
from freehold.store.places import Place

words = st.sampled_from(
    ["a", "b", "a_", "A%", 'a"', "a\\", "rollout_1", "rollout_11", "ä", 'x","arm":"candidate']
)
arms = st.sampled_from([None, "incumbent", "candidate"])
decisions = st.builds(
    Decision,
    policy=words,
    chosen=words,
    reason=words,
    rejected=st.lists(st.builds(Rejected, words, words), max_size=2).map(tuple),
    facts=st.dictionaries(words | st.sampled_from(["rollout", "arm", "policy"]), words, max_size=3),
    rollout=st.none() | words,
    arm=arms,
)
filters = st.builds(Filter, policy=st.none() | words, rollout=st.none() | words, arm=arms)


@pytest.fixture(scope="module")
def pair(module_place: Place) -> Iterator[tuple[Ledger, LedgerReader]]:
    with opened(module_place, keep_calls_days="unlimited", keep_bodies_days="unlimited") as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        yield ledger, LedgerReader(module_place)


def agrees(chosen: Filter) -> Callable[[Call], bool]:
    def meant(call: Call) -> bool:
        decision = call.decision
        return decision is not None and all(
            wanted is None or wanted == found
            for wanted, found in (
                (chosen.policy, decision.policy),
                (chosen.rollout, decision.rollout),
                (chosen.arm, decision.arm),
            )
        )

    return meant if chosen.asks_calls else lambda _: True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.none() | decisions, min_size=1, max_size=8), st.lists(filters, min_size=1, max_size=4))
def test_a_filter_finds_what_it_asks_for(
    pair: tuple[Ledger, LedgerReader], some: list[Decision | None], chosen: list[Filter]
) -> None:
    ledger, reader = pair
    before = reader.last_seq()
    calls = [make_call(decision=one) for one in some]
    for call in calls:
        ledger.record(call)
    assert ledger.flush(10)
    for one in chosen:
        expected = [call.id for call in calls if agrees(one)(call)]
        assert [entry.call.id for entry in reader.recorded_after(before, one)] == expected, one


def test_sums_of_decided_calls_are_those_of_the_calls(place: Place) -> None:
    with opened(place) as ledger:
        for number in range(9):
            arm: Arm = "candidate" if number % 3 == 0 else "incumbent"
            policy = "rollout" if number < 6 else "weighted"
            decision = Decision(policy, "openai/gpt-4o", "drawn", rollout="rollout_1", arm=arm)
            ledger.record(make_call(decision=decision, attempts=[]))
        ledger.record(make_call(attempts=[]))
        assert ledger.flush(5)
        reader = LedgerReader(place)

        def counts(chosen: Filter) -> set[int]:
            listed = len(reader.calls(chosen))
            exported = len(list(reader.export(chosen)))
            spent = sum(one.calls for one in reader.spend("route", chosen))
            days = sum(one.calls for one in reader.sums(("day",), chosen))
            paced = sum(one.calls for one in reader.paces((), chosen))
            lost = sum(one.calls for one in reader.losses(chosen))
            return {listed, exported, spent, days, paced, lost}

        assert counts(Filter()) == {10}
        assert counts(Filter(rollout="rollout_1")) == {9}
        assert counts(Filter(rollout="rollout_1", arm="candidate")) == {3}
        assert counts(Filter(policy="rollout", arm="incumbent", route="copilot")) == {4}
        assert counts(Filter(policy="weighted", rollout="rollout_2")) == {0}
