"""Steers calls: locks first, then the route's policy; and remembers who answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import msgspec

from freehold.access.key import Key
from freehold.core.decision import Decision
from freehold.core.errors import ClientError
from freehold.engine.aside import aside
from freehold.engine.conversation import Conversation, conversation_of
from freehold.engine.naming import response_id_of
from freehold.engine.runtime import Runtime
from freehold.engine.steered.answers import calls_in
from freehold.engine.steered.clues import is_worth_keeping, keys_of_answer, waiting_key
from freehold.engine.steered.finding import STICKY_SECONDS, Finder
from freehold.engine.steered.makers import Maker, Mark
from freehold.engine.steered.memory import Memory
from freehold.engine.steered.places import parsed, target_in
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.routing.decisions import Policy, Situation
from freehold.routing.locks import WITHOUT, decide_by_lock, decide_freely, decide_without_maker
from freehold.routing.routes import Route, Target
from freehold.wire.request import Request

_PATIENCE_S = 0.01
"""That a call waits until others can know whom it asks."""
_PATIENCE_AT_FIRST_S = 0.25
"""That the first calls of a process wait to know which routes have to be looked at."""
_MOST_UNDER_WAY = 100_000

Layer = Literal["configuration", "rollouts"]
Listener = Callable[[Call, Request, Decision], None]


class UnderWay(msgspec.Struct, frozen=True):
    """What is known of a call until it ends."""

    conversation: Conversation
    targets: tuple[Target, ...]
    scope: str


class RouteSteering:
    """As `engine.steering.Steering`. One for the process, for one event loop; it outlives the configuration."""

    def __init__(
        self,
        memory: Memory,
        runtime: Callable[[], Runtime],
        *,
        secret: str = "",
        sticky_seconds: float = STICKY_SECONDS,
    ) -> None:
        """`runtime` gives the one in force. `secret` goes into all that is remembered, so that nobody else can try out
        what was said; processes that share a memory have the same.
        """
        self.memory = memory
        self.listeners: list[Listener] = []
        """Each is told of every steered call that ended; they neither block nor raise."""
        self._runtime = runtime
        self._secret = secret
        self._finder = Finder(memory, sticky_seconds)
        self._layers: dict[Layer, dict[str, Policy]] = {"configuration": {}, "rollouts": {}}
        self._policies: dict[str, Policy] = {}
        self._left_us: dict[str, int] = {}
        """When a route was left by its policy."""
        self._under_way: dict[str, UnderWay] = {}

    # What is decided by

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By route, those in force."""
        return self._policies

    def set_policies(self, policies: Mapping[str, Policy], *, layer: Layer = "configuration") -> None:
        """From now on these decide, by route; those of rollouts in front of the configuration's."""
        self._layers[layer] = dict(policies)
        before, self._policies = self._policies, {**self._layers["configuration"], **self._layers["rollouts"]}
        now_us = self.memory.now_us()
        self._left_us.update((route, now_us) for route in before if route not in self._policies)

    def release(self, route: str, model: str) -> None:
        """Conversations on `route` that `model` answered may leave it, unless they are in a tool loop or hold its
        state.
        """
        self.memory.mark(Mark("released", route, model, self.memory.now_us()))

    # Calls

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered | None:
        """As Steering. Raises what a policy raises, and LookupError when it chose what is not there."""
        policy = self._policies.get(route.name)
        if policy is None and not await self._watches(route.name):
            return None
        runtime = self._runtime()
        targets = _targets(route, policy)
        key_id = "" if key is None else key.id
        place = f"{self._secret}\0{route.name}"
        scope = f"{place}\0{key_id}"
        name = WITHOUT if policy is None else policy.name
        try:
            reading = partial(
                conversation_of,
                request,
                key_id=key_id,
                route=place,
                heading=heading,
                reads=0 if policy is None else policy.reads,
            )
            conversation = await aside(request.size, reading)
        except ClientError:
            if policy is None:
                return None
            situation = Situation(route=route.name, targets=targets, sticky=key_id)
            return _without_maker(route, policy, situation, "unread", "the request is not understood")
        found = await self._finder.find(conversation, targets, runtime, scope=scope, route=route.name)
        situation = Situation(
            route=route.name,
            targets=targets,
            sticky=conversation.sticky,
            now_us=call.started_us,
            prompt=conversation.prompt,
        )
        if found is not None and found.lock is None and policy is not None:
            await self._expect(call, conversation, targets, scope, route.incumbent)
            return _without_maker(route, policy, situation, found.kind, found.why)
        lock = None if found is None else found.lock
        each_turn = getattr(policy, "each_turn", False)
        if found is not None and lock is not None and (lock.hard or not (each_turn or policy is None)):
            decision = decide_by_lock(policy, situation, lock, found_by=found.found_by, name=name)
            chosen = lock.target
        elif policy is None:
            if not (conversation.has_tools or conversation.holds_state):
                return None
            decision, chosen = decide_freely(situation), route.incumbent
        else:
            if lock is not None:
                situation = msgspec.structs.replace(situation, lock=lock)
            decision = policy.decide(situation)
            chosen = next((one for one in targets if one.name == decision.chosen), parsed(decision.chosen))
        if not runtime.has(chosen):
            raise LookupError(f"the policy `{name}` chose `{decision.chosen}`, which is not configured")
        await self._expect(call, conversation, targets, scope, chosen)
        led = _led_by(route, chosen)
        if decision.arm == "candidate" and not led.continue_streams:
            # That it breaks off is nothing that clients shall have to suffer from a candidate.
            led = msgspec.structs.replace(led, continue_streams=True)
        return Steered(led, decision)

    async def _watches(self, route: str) -> bool:
        """Whether the route has to be looked at although it has no policy: it had one not long ago. Waits at most once,
        for what was marked before this process began.
        """
        memory = self.memory
        if not memory.knows_marks:
            await memory.first_marks(_PATIENCE_AT_FIRST_S)
        left_us = self._left_us.get(route)
        if left_us is not None and left_us >= memory.oldest_us():
            return True
        return memory.watches(route)

    # What is remembered

    async def _expect(
        self, call: Call, conversation: Conversation, targets: tuple[Target, ...], scope: str, chosen: Target
    ) -> None:
        while len(self._under_way) >= _MOST_UNDER_WAY:  # calls that were given up before they were begun
            del self._under_way[next(iter(self._under_way))]
        self._under_way[call.id] = UnderWay(conversation, targets, scope)
        if self.memory.shared and is_worth_keeping(conversation):
            # The next request may come to another process before that knows of the answer.
            asked = Maker(chosen.name, self.memory.now_us())
            self.memory.remember({waiting_key(conversation, scope): asked})
            if conversation.has_tools:
                await self.memory.settle(_PATIENCE_S)

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        """As Steering."""
        going = self._under_way.pop(call.id, None)
        if going is None:
            return
        memory, scope = self.memory, going.scope
        told = call.first_token_ms is not None
        if told and call.provider is not None and call.model is not None and call.route is not None:
            target = target_in(going.targets, call.provider, call.model, self._runtime())
            calls = calls_in(answer, call.dialect, going.conversation.before)
            answer_id = response_id_of(call.id) if call.dialect == "openai-responses" else None
            keys = keys_of_answer(going.conversation, calls, answer_id, route=call.route, scope=scope)
            kept = dict.fromkeys(keys, Maker(target.name, memory.now_us()))
            if calls:  # in a moment its client may ask another process, or this one may be killed
                memory.remember_now(kept)
            elif answer_id is not None or is_worth_keeping(going.conversation):
                memory.remember(kept)
            else:
                memory.hold(kept)
            if target != going.targets[0]:
                self._watch(call.route, target.name)
        if memory.shared and is_worth_keeping(going.conversation):
            memory.remember({waiting_key(going.conversation, scope): None})

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        """As Steering."""
        self._under_way.pop(call.id, None)
        for listen in self.listeners:
            listen(call, request, decision)

    def _watch(self, route: str, model: str) -> None:
        """Once in a while, as it is good for a day."""
        known = self.memory.mark_of("away", route, model)
        now_us = self.memory.now_us()
        if known is None or known.at_us < now_us - 60_000_000:
            self.memory.mark(Mark("away", route, model, now_us))


def _without_maker(route: Route, policy: Policy, situation: Situation, kind: str, why: str) -> Steered:
    return Steered(route, decide_without_maker(policy, situation, kind=kind, why=why, name=policy.name))


def _targets(route: Route, policy: Policy | None) -> tuple[Target, ...]:
    """The route's models, and what its policy brings along."""
    brings: tuple[Target, ...] = getattr(policy, "brings", ())
    return (*route.plan, *(one for one in brings if one not in route.plan))


def _led_by(route: Route, chosen: Target) -> Route:
    """The route with `chosen` first, and the others behind it."""
    if chosen == route.incumbent:
        return route
    others = tuple(one for one in route.plan if one != chosen)
    return msgspec.structs.replace(route, incumbent=chosen, fallbacks=others)
