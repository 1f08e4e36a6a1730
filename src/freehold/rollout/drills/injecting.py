"""The endpoint's part in a live drill: chosen calls find a stand-in that plays a fault in place of the lost provider.

A stand-in never says a word that a client could see: only faults are rehearsed live that come before any answer.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import msgspec

from freehold.core.clock import Clock, microseconds
from freehold.core.errors import FreeholdError
from freehold.core.request import HostedTool
from freehold.engine.conversation import conversation_of
from freehold.engine.runtime import Runtime
from freehold.ledger.record import Call
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings
from freehold.providers.simulated import SimulatedProvider
from freehold.rollout.drills.faults import HEALTHY, faults_called
from freehold.rollout.drills.live import MOST_TIMES, Count, LiveDrill, Tally, is_led
from freehold.rollout.drills.stand_ins import NO_SUCH_HOST, stand_in_for
from freehold.routing.decisions import draw_of
from freehold.routing.plans import ProvidersHealth
from freehold.routing.routes import Route
from freehold.wire.request import Request

REASON = "drill"
"""Of attempts that met a stand-in: they say nothing of the provider."""
_LARGEST = 256_000
"""Bytes of a request that is looked at; larger ones are left alone, as reading them takes too long."""


class Injection:
    """As `engine.rehearsing.Rehearsing`, for one drill in one process and its event loop."""

    def __init__(self, drill: LiveDrill, lost: Mapping[str, ProviderSettings], clock: Clock) -> None:
        self.drill = drill
        self.tally = Tally(drill.id)
        self._lost = lost
        self._clock = clock
        self._stand_in = SimulatedProvider(HEALTHY, keep=100)
        self._clients: dict[str, ProviderClient] = {}
        self._health = ProvidersHealth(random.random)
        self._under_way: dict[str, str] = {}
        """The fault of each chosen call that has not ended."""

    async def start(self) -> None:
        """Take calls from now on."""
        await self._stand_in.start()
        self._play()

    async def stop(self) -> None:
        """Let go of the stand-in; calls under way fail over."""
        for client in self._clients.values():
            client.close()
        self._clients = {}
        await self._stand_in.stop()

    def follow(self, drill: LiveDrill, real: ProvidersHealth) -> None:
        """What the leader says now, and what the endpoint has learnt of those who are not lost."""
        changed = drill.fault != self.drill.fault
        self.drill = drill
        if changed:
            self._play()
        now = self._clock.tick()
        self._health.heed(
            (spot, until)
            for spot, until in real.found(now).items()
            if spot[1].partition("/")[0] not in self._lost
        )

    def rest(self) -> None:
        """Take no further calls; those under way are still counted."""
        self.drill = msgspec.structs.replace(self.drill, lease_us=0)

    def _play(self) -> None:
        (fault,) = faults_called((self.drill.fault,))
        assert fault.script is not None
        self._stand_in.play(fault.script)
        root = NO_SUCH_HOST if fault.nameless else self._stand_in.root_url
        former, self._clients = (
            self._clients,
            {
                name: ProviderClient(stand_in_for(provider, root), tls=None)
                for name, provider in self._lost.items()
            },
        )
        for client in former.values():
            client.close()
        self._health = ProvidersHealth(random.random)

    def runtime_for(
        self, call: Call, request: Request, route: Route, runtime: Runtime, heading: str | None
    ) -> Runtime:
        """As Rehearsing."""
        drill = self.drill
        if (
            route.name != drill.route
            or call.operation != "chat"
            or not self._clients
            or not is_led(drill, microseconds(self._clock.now()))
        ):
            return runtime
        chosen = self._is_chosen(call, request, route, heading)
        if chosen is None:
            self.tally.left_alone += 1
        if not chosen:
            return runtime
        self._under_way[call.id] = drill.fault
        self.tally.under_way += 1
        return msgspec.structs.replace(
            runtime, providers={**runtime.providers, **self._clients}, health=self._health
        )

    def _is_chosen(self, call: Call, request: Request, route: Route, heading: str | None) -> bool | None:
        """None: it would have been, but it may not be taken from who has it."""
        if call.request_bytes > _LARGEST:
            return False
        try:
            conversation = conversation_of(
                request, key_id=call.key_id or "", route=route.name, heading=heading
            )
            if draw_of(self.drill.id, conversation.sticky) >= self.drill.share:
                return False
            hosted = any(isinstance(tool, HostedTool) for tool in request.decoded().tools)
        except FreeholdError:
            return False
        bound = conversation.holds_state or conversation.in_loop or conversation.continues is not None
        return None if bound or hosted or request.background else True

    def ended(self, call: Call) -> None:
        """As Rehearsing."""
        fault = self._under_way.pop(call.id, None)
        if fault is None:
            return
        self.tally.under_way -= 1
        for attempt in call.attempts:
            if attempt.provider in self._lost:
                # Nobody was asked, so that nothing can have been billed.
                attempt.reason, attempt.error, attempt.status = REASON, REASON, None
        if call.decision is not None and call.decision.rollout is not None:
            # Also where a breaker kept it from the stand-in, so that no attempt tells of the drill.
            call.decision = msgspec.structs.replace(call.decision, rollout=None)
        if call.outcome == "cancelled":
            return
        count = self.tally.faults.setdefault(fault, Count())
        count.calls += 1
        seconds = call.duration_ms / 1000.0
        if call.outcome != "answered":
            code = call.error or call.outcome
            count.errors[code] = count.errors.get(code, 0) + 1
        elif seconds > self.drill.deadline_s:
            count.late += 1
        else:
            count.survived += 1
            if len(count.seconds) < MOST_TIMES:
                count.seconds.append(seconds)
