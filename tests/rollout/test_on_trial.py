"""A candidate at the incumbent's provider: what it is told bars nobody but itself."""

from __future__ import annotations

import msgspec
import pytest
from engines import stage_of
from loops import on_uvloop
from shadowed import question

from freehold.access.key import Key
from freehold.core.decision import Decision
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.providers.simulated import Behaviour, Echo, Refused, Script, SimulatedProvider
from freehold.routing.routes import Route, Target
from freehold.wire.request import Request

OLD, NEW = Target("one", "old"), Target("one", "new")


class EverySecond:
    """Half of the calls are the candidate's, and the incumbent takes over."""

    def __init__(self) -> None:
        self.calls = 0

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered:
        self.calls += 1
        if self.calls % 2:
            return Steered(
                route, Decision("rollout", OLD.name, "drawn", rollout="rollout_1", arm="incumbent")
            )
        led = msgspec.structs.replace(route, incumbent=NEW, fallbacks=(OLD,))
        return Steered(led, Decision("rollout", NEW.name, "drawn", rollout="rollout_1", arm="candidate"))

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        """It remembers nothing."""

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        """Nor this."""


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
@on_uvloop
async def test_no_call_waits_or_fails_for_a_candidate_that_is_refused(status: int) -> None:
    script = Script(
        models={
            "old": Behaviour(text=Echo()),
            "new": Behaviour(faults=(Refused(status=status, retry_after="30" if status == 429 else None),)),
        }
    )
    async with (
        SimulatedProvider(script) as provider,
        stage_of({"one": provider.base_url}, route=Route("r", OLD)) as stage,
    ):
        stage.engine.runtime = msgspec.structs.replace(stage.engine.runtime, steering=EverySecond())
        for number in range(12):
            played = await stage.play(question(f"{number}"))
            assert played.error is None
            assert played.running.call.attempts[-1].start_ms < 900  # a breaker's first pause is 1 s
            if not number % 2:
                assert [one.model for one in played.running.call.attempts] == ["old"]
        asked = [one.model for record in stage.records for one in record.attempts]
        assert asked.count("old") == 12
        assert 1 <= asked.count("new") <= 6
