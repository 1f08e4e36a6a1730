"""Calls that wait to be copied, within bounds, and the few that are being copied."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Mapping

from freehold.core.clock import Clock
from freehold.core.decision import Decision
from freehold.core.errors import StoreError
from freehold.ledger.record import Call
from freehold.rollout.shadow.archive import SPENT, USED_UP
from freehold.rollout.shadow.copies import NotCopied
from freehold.rollout.shadow.copying import ENDED, NO_ROOM, CalledOff, Copied, Copier
from freehold.rollout.shadow.order import ShadowOrder
from freehold.routing.routes import Target
from freehold.wire.request import Request

log = logging.getLogger("freehold.rollout")

BODIES = "bodies are not kept"
GONE = "the client hung up"
FULL = "too many are waiting"
NOT_RECORDED = "cannot be recorded"
OURS = "an error of ours"

_AFTER_S = 0.05
"""Seconds that the client is given to get its answer, before anything is done about a copy."""
AT_ONCE = 8
MOST_WAITING = 256
MOST_BYTES = 16 * 1024 * 1024
"""Of requests and answers that wait to be copied or are being copied."""
_REST = {USED_UP: 5.0, SPENT: 5.0, NO_ROOM: 30.0}
"""Seconds in which nothing is copied for a rollout: a copy may be given back; a provider that is asked too much is
left to the calls of clients."""


class Shadow:
    """Told of every call that was steered. Nothing that a client waits for waits for anything here."""

    def __init__(self, copier: Copier, clock: Clock, *, at_once: int = AT_ONCE) -> None:
        """`at_once`: copies on their way together."""
        self._copier = copier
        self._clock = clock
        self._at_once = at_once
        self._orders: Mapping[str, ShadowOrder] = {}
        self._rest_until: dict[str, float] = {}
        self._waiting: deque[tuple[str, Copied]] = deque()
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.copied: Counter[str] = Counter()
        """How many calls were copied in this process, by rollout."""
        self.passed_over: Counter[tuple[str, str]] = Counter()
        """How many were not, by rollout and why."""
        self._told: Counter[tuple[str, str]] = Counter()

    def follow(self, orders: Mapping[str, ShadowOrder]) -> None:
        """These are the rollouts in shadow from now on, by their ids. What is on its way for others is given up; what
        that may have cost stays counted.
        """
        if orders != self._orders:
            self._orders = dict(orders)
            self._rest_until.clear()
            self._copier.follow(self._orders)

    def observe(self, call: Call, request: Request, decision: Decision) -> None:
        """A call that was steered is over. Neither blocks nor raises."""
        order = self._orders.get(decision.rollout or "")
        if (
            order is None
            or order.paused
            or decision.arm == "candidate"
            or call.operation != "chat"
            or self._stopping
        ):
            return
        if self._clock.tick() < self._rest_until.get(order.rollout, 0.0):
            return
        size = _size_of(call)
        if call.outcome == "cancelled":
            self.passed_over[order.rollout, GONE] += 1
        elif call.request_body is None:
            self.passed_over[order.rollout, BODIES] += 1
        elif len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self.passed_over[order.rollout, FULL] += 1
        else:
            self._bytes += size
            provider, _, model = decision.chosen.partition("/")
            self._waiting.append((order.rollout, Copied(call, request, Target(provider, model))))
            if len(self._tasks) < self._at_once:
                task = asyncio.create_task(self._work())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def keep_alive(self) -> None:
        """Tell other processes that what is on its way still is. Raises StoreError."""
        await self._copier.keep_alive()

    def take_counts(self) -> dict[tuple[str, str], int]:
        """How many calls were not copied since this was asked last, by rollout and why."""
        new = self.passed_over - self._told
        self._told = Counter(self.passed_over)
        return dict(new)

    async def settle(self) -> None:
        """Wait until nothing waits and nothing is on its way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Copy nothing more, and give up what is on its way; what that may have cost stays counted."""
        self._stopping = True
        self._waiting.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._copier.give_up()
        except StoreError as error:
            log.warning("copies that were given up stay on record as being on their way: %s", error)

    async def _work(self) -> None:
        """Copy for as long as somebody waits."""
        await asyncio.sleep(_AFTER_S)
        while self._waiting:
            rollout, one = self._waiting.popleft()
            try:
                await self._copy(rollout, one)
            finally:
                self._bytes -= _size_of(one.call)

    async def _copy(self, rollout: str, one: Copied) -> None:
        order = self._orders.get(rollout)
        why = ENDED
        try:
            if order is not None and not order.paused:
                await self._copier.copy(order, one)
                self.copied[rollout] += 1
                return
        except CalledOff:
            pass
        except NotCopied as error:
            why = str(error)
            if why in _REST:
                self._rest_until[rollout] = self._clock.tick() + _REST[why]
        except StoreError as error:
            why = NOT_RECORDED
            log.warning("a call was not copied: %s", error)
        except Exception:  # one call must not take the others with it
            why = OURS
            log.exception("a copy ended in an error of ours", extra={"call": one.call.id})
        self.passed_over[rollout, why] += 1


def _size_of(call: Call) -> int:
    return call.request_bytes + call.answer_bytes
