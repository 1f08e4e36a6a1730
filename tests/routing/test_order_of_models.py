"""The order in which models are tried, and why."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.allowance import Allowance
from freehold.routing.backoff import LONGEST_SECONDS, full_jitter
from freehold.routing.breakers import Ending, spots_of
from freehold.routing.plans import Accounts, ProvidersHealth, Step, first_step, plan_for
from freehold.routing.routes import Route, Target

BIG, SMALL, OWN = Target("acme", "big"), Target("beta", "small"), Target("local", "own")
COPILOT = Route("copilot", BIG, (SMALL, OWN))
ALONE = Accounts()
REGIONS = Accounts(pools={"acme": ("acme-eu", "acme-us", "acme-asia")})


def health() -> ProvidersHealth:
    return ProvidersHealth(random.Random(11).random)


def order(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.target.name, step.reason) for step in steps]


def test_all_well_it_is_the_route_s_own_order() -> None:
    steps = plan_for(COPILOT, ALONE, health(), 5.0)
    assert order(steps) == [("acme/big", "incumbent"), ("beta/small", "fallback"), ("local/own", "fallback")]
    assert all(step.free_at == 5.0 for step in steps)


PROVIDERS = st.sampled_from(["acme", "acme-eu", "acme-second", "beta"])
TARGETS = st.builds(Target, PROVIDERS, st.sampled_from(["big", "small"]))


@st.composite
def found(draw: st.DrawFn, accounts: Accounts) -> ProvidersHealth:
    """What is known after some time in which this and that went wrong."""
    state = health()
    state.enabled = draw(st.booleans())
    endings: st.SearchStrategy[Ending] = st.sampled_from(["missing", "locked-out", "unreachable", "answered"])
    for target, ending in draw(st.lists(st.tuples(TARGETS, endings))):
        spots = spots_of(target.provider, target.model, accounts.quota_of(target.provider))
        state.breakers.end(state.breakers.begin(spots, 0.0), ending, 0.0)
    for provider, until in draw(st.lists(st.tuples(PROVIDERS, st.sampled_from([2.0, 5.0])), min_size=1)):
        state.quotas.block(provider, until)
    left = st.tuples(PROVIDERS, st.integers(0, 2), st.sampled_from([0, 100, 900]))
    for provider, requests, tokens in draw(st.lists(left)):
        allowance = Allowance(
            requests_limit=2, requests_left=requests, requests_reset=2.5,
            tokens_limit=1000, tokens_left=tokens, tokens_reset=50.0,
        )  # fmt: skip
        state.quotas.note(provider, allowance, 0.0)
    return state


@settings(max_examples=300)
@given(st.data())
def test_who_is_found_well_without_a_plan_is_the_first_of_the_plan(data: st.DataObject) -> None:
    fallbacks = st.lists(TARGETS, max_size=3).map(tuple)
    route = data.draw(st.builds(Route, st.just("r"), TARGETS, fallbacks))
    accounts = data.draw(st.sampled_from([ALONE, REGIONS, Accounts(quotas={"acme-second": "acme"})]))
    state = data.draw(found(accounts))
    now, tokens = (
        data.draw(st.sampled_from([0.0, 1.0, 3.0, 60.0])),
        data.draw(st.sampled_from([0, 200, 5000])),
    )
    plan = plan_for(route, accounts, state, now, tokens=tokens)
    step = first_step(route, accounts, state, now, tokens=tokens)
    if step is not None:
        assert step == plan[0]
    elif route.incumbent.provider not in accounts.pools:
        assert next(one.free_at for one in plan if one.target == route.incumbent) > now


def test_what_is_broken_or_used_up_comes_last_and_the_soonest_free_first() -> None:
    state = health()
    passage = state.breakers.begin(spots_of("acme", "big", "acme"), 0.0)
    state.breakers.end(passage, "missing", 0.0)
    state.quotas.block("beta", 30.0)
    names = [step.target.name for step in plan_for(COPILOT, ALONE, state, 0.0)]
    assert names == ["local/own", "acme/big", "beta/small"]


def test_a_wait_asked_of_one_model_holds_for_all_of_the_same_quota() -> None:
    """Elsewhere each deployment of a shared quota was asked in turn: https://github.com/BerriAI/litellm/issues/34399."""
    shared = Accounts(quotas={"acme-second": "acme"})
    state = health()
    state.quotas.block("acme", 12.0)
    route = Route("copilot", BIG, (Target("acme-second", "big"), Target("acme", "medium"), SMALL))
    steps = plan_for(route, shared, state, 0.0)
    assert steps[0].target == SMALL
    assert [step.free_at for step in steps[1:]] == [12.0] * 3
    assert plan_for(route, shared, state, 12.0)[0].target == BIG


def test_a_quota_that_is_nearly_used_up_is_left_alone_ahead_of_time() -> None:
    state = health()
    state.quotas.note("acme", Allowance(requests_limit=100, requests_left=2, requests_reset=60.0), 0.0)
    assert plan_for(COPILOT, ALONE, state, 0.0)[0].target == BIG
    state.quotas.began("acme", 10)
    state.quotas.began("acme", 10)
    assert plan_for(COPILOT, ALONE, state, 0.0)[0].target == SMALL
    assert plan_for(COPILOT, ALONE, state, 60.0)[0].target == BIG


def test_a_request_larger_than_the_tokens_left_goes_elsewhere() -> None:
    state = health()
    state.quotas.note("acme", Allowance(tokens_limit=10_000, tokens_left=500, tokens_reset=30.0), 0.0)
    assert plan_for(COPILOT, ALONE, state, 0.0, tokens=400)[0].target == BIG
    assert plan_for(COPILOT, ALONE, state, 0.0, tokens=600)[0].target == SMALL
    state.quotas.note("acme", Allowance(tokens_limit=10_000, tokens_left=10_000, tokens_reset=30.0), 0.0)
    assert plan_for(COPILOT, ALONE, state, 0.0, tokens=50_000)[0].target == BIG, "it will never have more"


def test_accounts_get_calls_by_the_room_they_have() -> None:
    state = health()
    state.quotas.note("acme-eu", Allowance(requests_limit=100, requests_left=75, requests_reset=60.0), 0.0)
    state.quotas.note("acme-us", Allowance(requests_limit=100, requests_left=25, requests_reset=60.0), 0.0)
    state.quotas.note("acme-asia", Allowance(requests_limit=100, requests_left=0, requests_reset=60.0), 0.0)
    firsts = Counter(plan_for(COPILOT, REGIONS, state, 0.0)[0].target.provider for _ in range(2000))
    assert set(firsts) == {"acme-eu", "acme-us"}
    assert 2.5 < firsts["acme-eu"] / firsts["acme-us"] < 3.6
    names = [step.target.name for step in plan_for(COPILOT, REGIONS, state, 0.0)]
    assert names[2:] == ["beta/small", "local/own", "acme-asia/big"]


def test_a_conversation_stays_with_its_account() -> None:
    state = health()
    firsts = {plan_for(COPILOT, REGIONS, state, 0.0, affinity="talk-1")[0].target.provider for _ in range(50)}
    assert len(firsts) == 1
    spread = {
        plan_for(COPILOT, REGIONS, state, 0.0, affinity=f"talk-{one}")[0].target.provider for one in range(50)
    }
    assert spread == {"acme-eu", "acme-us", "acme-asia"}
    state.quotas.block(firsts.pop(), 30.0)
    assert plan_for(COPILOT, REGIONS, state, 0.0, affinity="talk-1")[0].free_at == 0.0


def test_reasoning_that_only_one_can_read_keeps_it_there() -> None:
    state = health()
    made_it = SMALL.__eq__
    assert order(plan_for(COPILOT, ALONE, state, 0.0, made_it=made_it)) == [
        ("beta/small", "state"),
        ("acme/big", "incumbent"),
        ("local/own", "fallback"),
    ]
    state.quotas.block("beta", 9.0)
    assert plan_for(COPILOT, ALONE, state, 0.0, made_it=made_it)[0].target == BIG


def test_waits_are_spread_and_bounded() -> None:
    chance = random.Random(3).random
    waits = [[full_jitter(earlier, chance) for _ in range(200)] for earlier in range(40)]
    assert all(0.0 <= wait <= LONGEST_SECONDS for row in waits for wait in row)
    assert max(waits[0]) <= 0.25 < max(waits[3])
    assert min(waits[10]) < 0.5, "full jitter begins at nothing"
