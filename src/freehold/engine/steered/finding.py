"""Finds out who made what a conversation goes on from, of what is remembered and of what the request says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from freehold.engine.conversation import Conversation
from freehold.engine.runtime import Runtime
from freehold.engine.steered.clues import Clue, clues_in
from freehold.engine.steered.makers import Maker
from freehold.engine.steered.memory import Memory
from freehold.engine.steered.places import maker_in, parsed
from freehold.routing.decisions import Lock, LockKind
from freehold.routing.locks import FoundBy
from freehold.routing.routes import Target

STICKY_SECONDS = 3600.0
"""For which a conversation stays with who answered it last, where it could leave."""
_PATIENCE_S = 0.01
"""That a call waits for the shelf where nothing depends on it."""
_PATIENCE_IN_LOOPS_S = 0.25
"""The same where the wrong model would be asked to go on from another's tool calls."""
_SETTLING_S = 0.005
_SETTLINGS = 50
"""How often it is looked, so many seconds apart, whether another process has said by now who answered."""


class Found(msgspec.Struct, frozen=True):
    """What was found out of the conversation: a lock, or that there has to be one and nobody knows whose."""

    kind: LockKind
    lock: Lock | None = None
    found_by: FoundBy = "name"
    why: str = ""


class Finder:
    """See the module."""

    def __init__(self, memory: Memory, sticky_seconds: float) -> None:
        """`sticky_seconds`: for which a conversation that could leave who answered it stays."""
        self._memory = memory
        self._sticky_us = int(sticky_seconds * 1e6)

    async def find(
        self,
        conversation: Conversation,
        targets: tuple[Target, ...],
        runtime: Runtime,
        *,
        scope: str,
        route: str,
    ) -> Found | None:
        """Whom the conversation has to stay with, or may; None: nobody. `scope`: the route, and the client's key."""
        sought = clues_in(conversation, route=route, scope=scope)
        hard = sought.kind != "conversation"
        of_state = None
        if conversation.state is not None:
            of_state = maker_in(targets, conversation.state, runtime)
        if of_state is not None and (conversation.state_is_new or not conversation.in_loop):
            return Found(sought.kind, Lock(of_state, sought.kind), "state")
        clue, maker_found = await self._recall(sought.clues, sought.keys, sought.waiting, hard=hard)
        if of_state is not None and not (clue is not None and clue.newest):
            return Found(sought.kind, Lock(of_state, sought.kind), "state")
        if maker_found is None:
            return Found(sought.kind, why="nobody knows who answered") if hard else None
        target = next((one for one in targets if one.name == maker_found.model), None)
        if not hard:
            if target is None or not self._is_sticky(maker_found, route):
                return None
        elif target is None:
            target = parsed(maker_found.model)
            if not runtime.has(target):
                return Found(sought.kind, why="who answered is not there any more")
        found_by: FoundBy = "history" if clue is None else clue.found_by
        assert target is not None
        return Found(sought.kind, Lock(target, sought.kind), found_by)

    def _is_sticky(self, maker: Maker, route: str) -> bool:
        if maker.at_us < self._memory.now_us() - self._sticky_us:
            return False
        released = self._memory.mark_of("released", route, maker.model)
        return released is None or maker.at_us > released.at_us

    async def _recall(
        self, clues: Sequence[Clue], keys: Sequence[bytes], waiting: bytes | None, *, hard: bool
    ) -> tuple[Clue | None, Maker | None]:
        """The surest clue of which something is known; None with a maker: only that it was asked."""
        if not clues:
            return None, None
        memory = self._memory
        certain = any(clue.sure for clue in clues)  # if it was heard, one of these is known

        def first() -> tuple[Clue, Maker] | None:
            found = self._first(clues)
            if found is None or found[0].sure:
                return found
            asked = None if waiting is None else memory.look(waiting)
            is_old = asked is not None and not (found[0].newest and found[1].at_us >= asked.at_us)
            return None if is_old or (hard and certain and memory.shared) else found

        here = first()
        if here is not None and here[0].newest:
            return here
        await memory.read(keys, _PATIENCE_IN_LOOPS_S if hard else _PATIENCE_S, passing=waiting)
        found = first()
        if found is not None:
            return found
        # The client has the answer, so whoever passed it on is about to say who made it.
        for _ in range(_SETTLINGS if hard and memory.shared else 0):
            if not certain and not self._is_asked(waiting):
                break
            await asyncio.sleep(_SETTLING_S)
            await memory.read(keys, _PATIENCE_IN_LOOPS_S, passing=waiting)
            found = first()
            if found is not None:
                return found
        found = self._first(clues)
        asked = None if waiting is None else memory.look(waiting)
        if found is None or (asked is not None and asked.at_us > found[1].at_us):
            return None, asked
        return found

    def _is_asked(self, waiting: bytes | None) -> bool:
        return waiting is not None and self._memory.look(waiting) is not None

    def _first(self, clues: Sequence[Clue]) -> tuple[Clue, Maker] | None:
        for clue in clues:
            maker = self._memory.look(clue.key)
            if maker is not None:
                return clue, maker
        return None
