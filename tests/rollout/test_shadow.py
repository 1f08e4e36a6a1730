"""Calls are copied to the candidate after the client was answered, and what came of both is kept."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loops import on_uvloop
from shadowed import NEW, OLD, ROLLOUT, WORST_PICO, order_of, question, shadowed

from freehold.providers.simulated import Behaviour, Cut, Echo, Hang, Refused, Script
from freehold.rollout.shadow import archive, copies, copying, shadow
from freehold.routing.routes import Route, Target
from freehold.store.places import Place

ECHO = Script(models={"*": Behaviour(text=Echo())})
SLOW = Script(models={"*": Behaviour(text=Echo(), headers_s=0.4)})


def refusing(status: int) -> Script:
    return Script(models={"*": Behaviour(faults=(Refused(status=status),))})


@pytest.mark.parametrize("streamed", [False, True])
@on_uvloop
async def test_copy_is_a_call_of_its_own_that_names_the_one_it_copies(streamed: bool) -> None:
    async with shadowed({"old": ECHO, "new": ECHO}) as here:
        (answered,) = await here.play(question("hello", stream=streamed, temperature=0.5))
        (mirror,) = here.mirrors
        call = answered.running.call
        assert (mirror.mirrors, mirror.key_id, mirror.outcome) == (call.id, ROLLOUT, "answered")
        assert (mirror.provider, mirror.model, mirror.streamed) == ("new", "new-model", streamed)
        assert mirror.route == call.route
        asked = msgspec.json.decode(mirror.request_body or b"")
        assert asked.pop("model") == NEW.name
        assert asked == {
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0.5,
            "stream": streamed,
        }
        assert here.stage.engine.active == 0
        pair = here.pair
        assert (pair.call, pair.mirror, pair.seq) == (call.id, mirror.id, 1)
        assert pair.incumbent.answered and pair.candidate.answered
        assert (pair.difference, pair.basis) == (None, None)  # nobody can say which is better
        assert pair.candidate.cost_pico and pair.spent_pico == pair.candidate.cost_pico


@on_uvloop
async def test_client_is_answered_before_the_candidate_is_asked() -> None:
    slower = Script(models={"*": Behaviour(text=Echo(), headers_s=0.8)})
    async with shadowed({"old": ECHO, "new": slower}) as here:
        played = await here.stage.play(question())
        assert not here.mirrors
        assert played.running.call.outcome == "answered"
        await here.shadow.settle()
        assert (here.pair.candidate.duration_ms or 0) >= 800


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (refusing(500), "provider_refused"),
        (refusing(401), "provider_refused"),
        (Script(models={"*": Behaviour(faults=(Cut(),))}), "provider_broken"),
        (Script(models={"other": Behaviour()}), "provider_refused"),
        (Script(models={"*": Behaviour(faults=(Hang(),))}), "provider_timeout"),
        ("http://127.0.0.1:9/v1", "provider_unreachable"),
    ],
)
@on_uvloop
async def test_candidate_that_fails_has_failed_and_no_client_hears_of_it(
    script: Script | str, error: str
) -> None:
    async with shadowed({"old": ECHO, "new": script}) as here:
        for streamed in (False, True):
            (played,) = await here.play(question(stream=streamed))
            assert played.error is None
            assert played.running.call.outcome == "answered"
        for pair in here.pairs():
            assert (pair.candidate.answered, pair.candidate.error) == (False, error)
            assert (pair.difference, pair.basis) == (-1.0, "outcome")
        assert len(here.pairs()) == 2


@on_uvloop
async def test_candidate_is_asked_again_as_the_route_would_ask_it() -> None:
    twice = Script(models={"*": (Behaviour(faults=(Refused(status=503),)), Behaviour(text=Echo()))})
    for retries, answered in ((0, False), (1, True)):
        async with shadowed({"old": ECHO, "new": twice}, route=Route("r", OLD, retries=retries)) as here:
            await here.play(question())
            assert here.pair.candidate.answered is answered


@on_uvloop
async def test_candidate_has_as_long_as_the_route_gives_a_call() -> None:
    never = Script(models={"*": Behaviour(faults=(Hang(),))})
    async with shadowed({"old": ECHO, "new": never}, route=Route("r", OLD, deadline=0.3)) as here:
        await here.play(question())
        assert here.pair.candidate.error in ("provider_timeout", "deadline_passed")
        assert (here.pair.candidate.duration_ms or 0) < 5000


@on_uvloop
async def test_candidate_whose_provider_is_gone_is_not_asked() -> None:
    async with shadowed({"old": ECHO}) as here:
        await here.play(question())
        assert here.passed_over == {copying.NOT_CONFIGURED: 1}
        assert not here.mirrors


@on_uvloop
async def test_failures_of_the_incumbent_are_copied_too() -> None:
    async with shadowed({"old": refusing(500), "new": ECHO}) as here:
        (played,) = await here.play(question())
        assert played.error is not None
        pair = here.pair
        assert (pair.incumbent.answered, pair.candidate.answered) == (False, True)
        assert (pair.difference, pair.basis) == (1.0, "outcome")


@on_uvloop
async def test_incumbent_has_failed_where_a_fallback_took_over() -> None:
    route = Route("r", OLD, (NEW,))
    async with shadowed({"old": refusing(500), "new": ECHO}, route=route) as here:
        (played,) = await here.play(question())
        assert played.running.call.provider == "new"
        assert not here.pair.incumbent.answered
        assert here.pair.difference == 1.0


@on_uvloop
async def test_neither_has_failed_more_where_both_did() -> None:
    async with shadowed({"old": refusing(500), "new": refusing(500)}) as here:
        await here.play(question())
        assert (here.pair.difference, here.pair.basis) == (0.0, "outcome")


@on_uvloop
async def test_who_had_no_room_says_nothing_about_a_model() -> None:
    async with shadowed({"old": ECHO, "new": refusing(429)}) as here:
        await here.play(question())
        await here.play(question())
        assert not here.pairs()
        assert here.passed_over == {copying.NO_ROOM: 1}  # then the provider is left alone
        assert here.archive.tally(ROLLOUT, 0, 0).spent_pico == 0  # nothing is claimed


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
@on_uvloop
async def test_what_a_candidate_is_told_bars_no_client_from_its_provider(status: int) -> None:
    """Both models are one provider's, with one account."""
    one = Script(models={OLD.model: ECHO.models["*"], "trial": refusing(status).models["*"]})
    trial = Target("old", "trial")
    async with shadowed({"old": one}, order=order_of(candidate=trial)) as here:
        for number in range(8):
            (played,) = await here.play(question(f"{number}"))
            assert played.error is None
            assert played.running.call.attempts[-1].start_ms < 900  # nobody waited for a provider left alone
        assert here.mirrors
        assert here.stage.engine.runtime.health.breakers.idle
        assert not here.stage.engine.runtime.health.found(0.0)


@on_uvloop
async def test_no_more_is_copied_than_the_stage_has() -> None:
    async with shadowed({"old": ECHO, "new": SLOW}, order=order_of(calls=3)) as here:
        await asyncio.gather(*(here.stage.play(question(f"{one}")) for one in range(12)))
        await here.shadow.settle()
        assert len(here.pairs()) == len(here.mirrors) == 3
        assert here.passed_over[archive.USED_UP] >= 1
        tally = here.archive.tally(ROLLOUT, 0, 2**60)
        assert (tally.claimed, tally.finished, tally.compared) == (3, 3, 0)


@on_uvloop
async def test_no_more_is_spent_than_the_budget() -> None:
    budget = 2 * WORST_PICO + 10
    async with shadowed({"old": ECHO, "new": SLOW}, order=order_of(budget_pico=budget)) as here:
        await asyncio.gather(*(here.stage.play(question(f"{one}")) for one in range(8)))
        await here.shadow.settle()
        spent = sum(one.spent_pico or 0 for one in here.pairs())
        assert 0 < spent <= budget
        assert here.archive.tally(ROLLOUT, 0, 2**60).spent_pico == spent
        assert here.passed_over[archive.SPENT] >= 1


@on_uvloop
async def test_without_a_price_a_budget_lets_nothing_be_copied() -> None:
    async with shadowed({"old": ECHO, "new": ECHO}, order=order_of(budget_pico=10**12), worst=None) as here:
        await here.play(question())
        assert here.passed_over == {copying.UNPRICED: 1}
        assert not here.mirrors


@on_uvloop
async def test_what_waits_is_bounded_and_what_is_too_much_is_counted() -> None:
    many = shadow.MOST_WAITING + 30
    order = order_of(calls=10_000)
    hanging = Script(models={"*": Behaviour(text=Echo(), headers_s=0.2)})
    async with shadowed({"old": ECHO, "new": hanging}, order=order, at_once=2) as here:
        await asyncio.gather(*(here.stage.play(question(f"{one}")) for one in range(many)))
        assert here.passed_over[shadow.FULL] > 0
        await here.shadow.stop()


@on_uvloop
async def test_large_calls_are_held_within_a_bound_in_bytes() -> None:
    large = question("x" * (shadow.MOST_BYTES // 3))
    async with shadowed({"old": ECHO, "new": SLOW}) as here:
        await here.play(*[large] * 2)
        assert here.passed_over[shadow.FULL] == 1


@on_uvloop
async def test_calls_whose_bodies_are_not_kept_are_not_copied() -> None:
    async with shadowed({"old": ECHO, "new": ECHO}) as here:
        await here.play(question(), keep_body=False)
        assert here.passed_over == {shadow.BODIES: 1}
        assert not here.mirrors


@on_uvloop
async def test_what_is_under_way_at_the_end_is_given_up_and_stays_counted() -> None:
    never = Script(models={"*": Behaviour(faults=(Hang(),))})
    async with shadowed({"old": ECHO, "new": never}) as here:
        await here.stage.play(question())
        while not here.archive.tally(ROLLOUT, 0, 2**60).spent_pico:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        await here.shadow.stop()
        (mirror,) = here.mirrors
        assert mirror.error == "stopping"
        tally = here.archive.tally(ROLLOUT, 0, 2**60)
        assert (tally.claimed, tally.finished, tally.spent_pico) == (0, 0, WORST_PICO)


@on_uvloop
async def test_what_is_under_way_when_its_stage_ends_makes_room_for_the_next() -> None:
    hangs = Script(models={NEW.model: Behaviour(faults=(Hang(),)), "*": Behaviour(text=Echo())})
    async with shadowed({"old": ECHO, "new": hangs}, at_once=1) as here:
        await here.stage.play(question())
        while not here.archive.tally(ROLLOUT, 0, 2**60).spent_pico:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        here.shadow.follow({ROLLOUT: order_of(stage=1, candidate=Target("new", "other"))})
        async with asyncio.timeout(10):
            await here.shadow.settle()
            (mirror,) = here.mirrors
            assert mirror.error == "stopping"
            tally = here.archive.tally(ROLLOUT, 0, time.time_ns() // 1000)
            assert (tally.claimed, tally.finished, tally.spent_pico) == (0, 0, WORST_PICO)
            assert here.passed_over == {copying.ENDED: 1}
            await here.play(question("next"))
        assert here.pair.stage == 1


@on_uvloop
async def test_a_copy_whose_rollout_ends_while_it_is_claimed_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with shadowed({"old": ECHO, "new": ECHO}) as here:
        loop, claim = asyncio.get_running_loop(), here.archive.claim

        def claimed(*details: Any) -> str | None:
            why = claim(*details)
            loop.call_soon_threadsafe(here.shadow.follow, {})
            return why

        monkeypatch.setattr(here.archive, "claim", claimed)
        await here.play(question())
        assert here.passed_over == {copying.ENDED: 1}
        assert not here.mirrors
        assert here.archive.tally(ROLLOUT, 0, 0).spent_pico == 0


@on_uvloop
async def test_what_is_under_way_in_a_pause_comes_to_its_end_and_nothing_more_is_sent() -> None:
    async with shadowed({"old": ECHO, "new": SLOW}) as here:
        await here.stage.play(question())
        while not here.archive.tally(ROLLOUT, 0, 2**60).spent_pico:
            await asyncio.sleep(0.02)
        here.shadow.follow({ROLLOUT: order_of(paused=True)})
        await here.play(question("more"))
        assert here.pair.candidate.answered
        assert len(here.mirrors) == 1


@on_uvloop
async def test_a_restart_goes_on_where_it_was(place: Place) -> None:
    order = order_of(calls=3)
    for expected in (2, 3):
        async with shadowed({"old": ECHO, "new": ECHO}, order=order, place=place) as here:
            await here.play(question("a"), question("b"))
            assert [one.seq for one in here.pairs()] == list(range(1, expected + 1))


@on_uvloop
async def test_a_call_that_is_not_of_the_rollout_is_left_alone() -> None:
    async with shadowed({"old": ECHO, "new": ECHO}, order=order_of(rollout="rollout_other")) as here:
        here.shadow.follow({"rollout_other": order_of(rollout="rollout_other")})
        await here.play(question())
        assert not here.mirrors
        assert not here.passed_over


@on_uvloop
async def test_a_database_that_cannot_be_written_fails_no_call(tmp_path: Path) -> None:
    folder = tmp_path / "rollout.db"
    folder.mkdir()
    async with shadowed({"old": ECHO, "new": ECHO}, place=folder) as here:
        (played,) = await here.play(question())
        assert played.error is None
        assert here.passed_over == {shadow.NOT_RECORDED: 1}
        assert not here.mirrors


UNCOPIED: list[tuple[dict[str, Any], str]] = [
    ({"web_search_options": {}, "plugins": [{"id": "web"}]}, copies.HOSTED),
    ({"tools": [{"type": "web_search"}]}, copies.HOSTED),
    (
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
        copies.FILES,
    ),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, copies.UNFIT),
]


@pytest.mark.parametrize(("fields", "why"), UNCOPIED)
@on_uvloop
async def test_what_would_happen_twice_is_not_copied(fields: dict[str, Any], why: str) -> None:
    async with shadowed({"old": ECHO, "new": ECHO}) as here:
        await here.play(msgspec.json.encode({**msgspec.json.decode(question()), **fields}))
        assert here.passed_over == {why: 1}
        assert not here.mirrors
