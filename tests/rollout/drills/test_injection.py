"""What becomes of a call that a live drill took says nothing of a rollout's models."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from engines import stage_of
from loops import on_uvloop
from shadowed import ROLLOUT, question, shadowed

from freehold.access.key import Key
from freehold.config.load import load
from freehold.core.clock import SystemClock, microseconds
from freehold.core.decision import Decision
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider
from freehold.rollout.drills.injecting import REASON, Injection
from freehold.rollout.drills.live import LEASE_SECONDS, LiveDrill
from freehold.rollout.shadow.copying import DRILLED
from freehold.routing.routes import Route, Target
from freehold.wire.request import Request

OLD, NEW = Target("old", "m"), Target("new", "m")
ECHO = Script(models={"*": Behaviour(text=Echo())})


class Still(SystemClock):
    """The drill is led for as long as a test takes."""

    def now(self) -> float:
        return 1_800_000_000.0


class AllToTheCandidate:
    """Every call is drawn to be the candidate's, and the incumbent would take over."""

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered:
        led = msgspec.structs.replace(route, incumbent=NEW, fallbacks=(OLD,))
        return Steered(led, Decision("rollout", NEW.name, "drawn", rollout=ROLLOUT, arm="candidate"))

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        """It remembers nothing."""

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        """Nor this."""


def lost(folder: Path, name: str) -> Injection:
    """Every call of the route finds this provider lost."""
    file = folder / "freehold.toml"
    file.write_text(f'[providers.{name}]\nbase_url = "http://127.0.0.1:9/v1"\n')
    drill = LiveDrill(
        id="drill_1",
        route="r",
        lost=(name,),
        share=1.0,
        fault="failing",
        deadline_s=5.0,
        lease_us=microseconds(Still().now() + LEASE_SECONDS),
    )
    return Injection(drill, load(file, {}).providers, Still())


@on_uvloop
async def test_a_rollout_counts_no_call_that_was_drilled_though_a_breaker_spared_the_stand_in(
    tmp_path: Path,
) -> None:
    async with (
        SimulatedProvider(ECHO) as provider,
        stage_of({"old": provider.base_url, "new": provider.base_url}, route=Route("r", OLD)) as stage,
    ):
        stage.engine.runtime = msgspec.structs.replace(stage.engine.runtime, steering=AllToTheCandidate())
        stage.engine.rehearsing = injection = lost(tmp_path, "new")
        await injection.start()
        try:
            for number in range(12):
                await stage.play(question(f"{number}"))
        finally:
            await injection.stop()
        assert any(all(one.reason != REASON for one in call.attempts) for call in stage.records)
        assert [call.decision.rollout for call in stage.records if call.decision] == [None] * 12
        stage.engine.rehearsing = None
        await stage.play(question("afterwards"))
        last = stage.records[-1].decision
        assert last is not None and last.rollout == ROLLOUT


@pytest.mark.parametrize("streamed", [False, True])
@on_uvloop
async def test_a_drilled_call_of_the_incumbent_makes_no_pair(tmp_path: Path, streamed: bool) -> None:
    route = Route("r", Target("old", "old-model"), fallbacks=(Target("third", "m"),))
    async with shadowed({"old": ECHO, "new": ECHO, "third": ECHO}, route=route) as here:
        here.stage.engine.rehearsing = injection = lost(tmp_path, "old")
        await injection.start()
        try:
            await here.play(question(stream=streamed))
        finally:
            await injection.stop()
        assert here.passed_over == {DRILLED: 1}
        assert not here.pairs()
