"""Steers calls: locks first, then the route's policy; and remembers who answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import msgspec

from freehold.access.key import Key
from freehold.core.decision import Decision
from freehold.core.errors import ClientError
from freehold.engine.aside import aside
from freehold.engine.conversation import Conversation, conversation_of
from freehold.engine.runtime import Runtime
from freehold.engine.steered.answers import calls_in
from freehold.engine.steered.clues import Clue, clues_in, keys_of_answer, waiting_key
from freehold.engine.steered.makers import Maker, Mark
from freehold.engine.steered.memory import Memory
from freehold.engine.steered.places import is_there, maker_in, parsed, target_in
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.routing.decisions import Lock, LockKind, Policy, Situation
from freehold.routing.locks import WITHOUT, FoundBy, decide_by_lock, decide_without_maker
from freehold.routing.routes import Route, Target
from freehold.wire.request import Request

log = logging.getLogger("freehold")

STICKY_SECONDS = 3600.0
"""For which a conversation stays with who answered it last, where it could leave."""
_PATIENCE_S = 0.01
"""That a call waits for the shelf where nothing depends on it."""
_PATIENCE_IN_LOOPS_S = 0.25
"""The same where the wrong model would be asked to go on from another's tool calls."""
_SETTLING_S = 0.005
_SETTLINGS = 20
"""How often it is looked, so many seconds apart, whether another process has said by now who answered."""
_MOST_UNDER_WAY = 100_000

Layer = Literal["configuration", "rollouts"]
Listener = Callable[[Call, Request, Decision], None]


class UnderWay(msgspec.Struct, frozen=True):
    """What is known of a call until it ends."""

    conversation: Conversation
    targets: tuple[Target, ...]
    scope: str


class Found(msgspec.Struct, frozen=True):
    """What was found out of the conversation: a lock, or that there has to be one and nobody knows whose."""

    kind: LockKind
    lock: Lock | None = None
    found_by: FoundBy = "name"
    why: str = ""


class RouteSteering:
    """As `engine.steering.Steering`. One for the process, for one event loop; it outlives the configuration."""

    def __init__(
        self, memory: Memory, runtime: Callable[[], Runtime], *, sticky_seconds: float = STICKY_SECONDS
    ) -> None:
        """`runtime` gives the one in force."""
        self.memory = memory
        self.listeners: list[Listener] = []
        """Each is told of every steered call that ended; they neither block nor raise."""
        self._runtime = runtime
        self._sticky_us = int(sticky_seconds * 1e6)
        self._layers: dict[Layer, dict[str, Policy]] = {"configuration": {}, "rollouts": {}}
        self._policies: dict[str, Policy] = {}
        self._under_way: dict[str, UnderWay] = {}

    # What is decided by

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By route, those in force."""
        return self._policies

    def set_policies(self, policies: Mapping[str, Policy], *, layer: Layer = "configuration") -> None:
        """From now on these decide, by route; those of rollouts in front of the configuration's."""
        self._layers[layer] = dict(policies)
        self._policies = {**self._layers["configuration"], **self._layers["rollouts"]}

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
        if policy is None and not self.memory.watches(route.name):
            return None
        runtime = self._runtime()
        targets = _targets(route, policy)
        key_id = "" if key is None else key.id
        scope = f"{route.name}\0{key_id}"
        name = WITHOUT if policy is None else policy.name
        try:
            reading = partial(
                conversation_of,
                request,
                key_id=key_id,
                route=route.name,
                heading=heading,
                reads=0 if policy is None else policy.reads,
            )
            conversation = await aside(request.size, reading)
        except ClientError:
            return self._without_maker(route, policy, targets, "unread", "the request is not understood")
        found = await self._find(conversation, targets, runtime, scope, route)
        situation = Situation(
            route=route.name,
            targets=targets,
            sticky=conversation.sticky,
            now_us=call.started_us,
            prompt=conversation.prompt,
        )
        each_turn = getattr(policy, "each_turn", False)
        if found is not None and found.lock is None:
            return self._without_maker(route, policy, targets, found.kind, found.why)
        lock = None if found is None else found.lock
        if found is not None and lock is not None and (lock.hard or not each_turn):
            if policy is None and (not lock.hard or lock.target == route.incumbent):
                return None
            decision = decide_by_lock(policy, situation, lock, found_by=found.found_by, name=name)
            chosen = lock.target
        elif policy is None:
            return None
        else:
            if lock is not None:
                situation = msgspec.structs.replace(situation, lock=lock)
            decision = policy.decide(situation)
            chosen = next((one for one in targets if one.name == decision.chosen), parsed(decision.chosen))
        if not is_there(chosen, runtime):
            raise LookupError(f"the policy `{name}` chose `{decision.chosen}`, which is not configured")
        await self._expect(call, conversation, targets, scope, chosen)
        return Steered(_led_by(route, chosen), decision)

    def _without_maker(
        self, route: Route, policy: Policy | None, targets: tuple[Target, ...], kind: str, why: str
    ) -> Steered | None:
        if policy is None:
            return None
        situation = Situation(route=route.name, targets=targets, sticky="")
        return Steered(route, decide_without_maker(policy, situation, kind=kind, why=why, name=policy.name))

    # Who made it

    async def _find(
        self,
        conversation: Conversation,
        targets: tuple[Target, ...],
        runtime: Runtime,
        scope: str,
        route: Route,
    ) -> Found | None:
        sought = clues_in(conversation, route=route.name, scope=scope)
        hard = sought.kind != "conversation"
        if conversation.state is not None:
            # Before the tool calls: whoever is asked next gets this state back, or it is lost.
            maker = maker_in(targets, conversation.state, runtime)
            if maker is not None:
                return Found(sought.kind, Lock(maker, sought.kind), "state")
        clue, maker_found = await self._recall(sought.clues, sought.keys, sought.waiting, hard=hard)
        if maker_found is None:
            return Found(sought.kind, why="nobody knows who answered") if hard else None
        target = next((one for one in targets if one.name == maker_found.model), None)
        if not hard:
            if target is None or not self._is_sticky(maker_found, route.name):
                return None
        elif target is None:
            target = parsed(maker_found.model)
            if not is_there(target, runtime):
                return Found(sought.kind, why="who answered is not there any more")
        found_by: FoundBy = "history" if clue is None else clue.found_by
        assert target is not None
        return Found(sought.kind, Lock(target, sought.kind), found_by)

    def _is_sticky(self, maker: Maker, route: str) -> bool:
        if maker.at_us < self.memory.now_us() - self._sticky_us:
            return False
        released = self.memory.mark_of("released", route, maker.model)
        return released is None or maker.at_us > released.at_us

    async def _recall(
        self, clues: Sequence[Clue], keys: Sequence[bytes], waiting: bytes | None, *, hard: bool
    ) -> tuple[Clue | None, Maker | None]:
        """The surest clue of which something is known; None with a maker: only that it was asked."""
        if not clues:
            return None, None
        memory = self.memory
        here = self._first(clues)
        if here is not None and (here[0].sure or (here[0].newest and not self._is_asked(waiting))):
            return here
        await memory.read(keys, _PATIENCE_IN_LOOPS_S if hard else _PATIENCE_S, passing=waiting)
        found = self._first(clues)
        asked = None if waiting is None else memory.look(waiting)
        if asked is None or (found is not None and _outdoes(found, asked)):
            return found or (None, None)
        # The client has the answer, so whoever passed it on is about to say who made it.
        for _ in range(_SETTLINGS if hard else 0):
            await asyncio.sleep(_SETTLING_S)
            await memory.read(keys, _PATIENCE_IN_LOOPS_S, passing=waiting)
            if not self._is_asked(waiting):
                return self._first(clues) or (None, None)
            found = self._first(clues)
            if found is not None and _outdoes(found, asked):
                return found
        return found if found is not None and found[0].newest else (None, asked)

    def _is_asked(self, waiting: bytes | None) -> bool:
        return waiting is not None and self.memory.look(waiting) is not None

    def _first(self, clues: Sequence[Clue]) -> tuple[Clue, Maker] | None:
        for clue in clues:
            maker = self.memory.look(clue.key)
            if maker is not None:
                return clue, maker
        return None

    # What is remembered

    async def _expect(
        self, call: Call, conversation: Conversation, targets: tuple[Target, ...], scope: str, chosen: Target
    ) -> None:
        if len(self._under_way) >= _MOST_UNDER_WAY:
            return
        self._under_way[call.id] = UnderWay(conversation, targets, scope)
        if self.memory.shared:  # the next request may come to another process before it knows of the answer
            asked = Maker(chosen.name, self.memory.now_us())
            self.memory.remember({waiting_key(conversation, scope): asked})
            if conversation.has_tools:
                await self.memory.settle(_PATIENCE_S)

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        """As Steering."""
        going = self._under_way.pop(call.id, None)
        if going is None:
            return
        kept: dict[bytes, Maker | None] = {}
        told = call.first_token_ms is not None
        if told and call.provider is not None and call.model is not None and call.route is not None:
            target = target_in(going.targets, call.provider, call.model, self._runtime())
            maker = Maker(target.name, self.memory.now_us())
            calls = calls_in(answer)
            keys = keys_of_answer(going.conversation, calls, call.id, route=call.route, scope=going.scope)
            kept.update(dict.fromkeys(keys, maker))
            if target != going.targets[0]:
                self._watch(call.route, target.name)
        if self.memory.shared:
            kept[waiting_key(going.conversation, going.scope)] = None
        self.memory.remember(kept)

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


def _outdoes(found: tuple[Clue, Maker], asked: Maker) -> bool:
    """Whether it is no older than that somebody was asked, or about no other answer."""
    clue, maker = found
    return clue.sure or (clue.newest and maker.at_us >= asked.at_us)


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
