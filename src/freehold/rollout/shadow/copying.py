"""One call's copy: claimed, sent, compared with what the client got, and put on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import msgspec

from freehold.catalog.prices import Pricer
from freehold.compare.answer import Answer
from freehold.core.answer import Answer as CoreAnswer
from freehold.core.clock import Clock, microseconds
from freehold.core.ids import new_id
from freehold.engine.aside import aside
from freehold.engine.engine import Engine
from freehold.ledger.record import Call
from freehold.rollout.observed import REHEARSED
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.shadow.copies import Copy, NotCopied, copy_of
from freehold.rollout.shadow.mirror import send
from freehold.rollout.shadow.order import ShadowOrder
from freehold.rollout.shadow.outcomes import compared, outcome_of, places_of, said_in
from freehold.rollout.shadow.pairs import Outcome, Pair
from freehold.rollout.shadow.scoring import Difference, Scoring
from freehold.routing.routes import Target
from freehold.wire.request import Request

Worst = Callable[[Target, Request], int | None]
"""The most that a call can cost, in 1e-12 US dollars; None: no price is known."""

NOT_ASKED = "the incumbent was not asked"
CANDIDATE_NOT_ASKED = "the candidate could not be asked"
NOT_CONFIGURED = "the candidate's provider is not configured"
NO_ROOM = "a provider had no room"
DRILLED = "a drill had it"
UNPRICED = "no price is known"
NOT_KEPT = "the answer is not kept"
ENDED = "the stage is over"
_TOO_MANY = 429


class CalledOff(Exception):
    """The copy was given up on its way, as nothing is copied for its stage any more."""


class Copied(msgspec.Struct, frozen=True):
    """A call that is to be copied."""

    call: Call
    request: Request
    incumbent: Target
    """The model that it was for."""


class Copier:
    """Makes a pair of a call."""

    def __init__(
        self,
        engine: Engine,
        archive: PairArchive,
        scoring: Scoring,
        *,
        prices: Pricer,
        worst: Worst,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._scoring = scoring
        self._prices = prices
        self._worst = worst
        self._clock = clock
        self._sent: set[str] = set()
        """Ids of pairs whose copies are on their way."""
        self._orders: Mapping[str, ShadowOrder] = {}
        self._under_way: dict[asyncio.Task[Pair], ShadowOrder] = {}

    def follow(self, orders: Mapping[str, ShadowOrder]) -> None:
        """These are the rollouts in shadow from now on, by their ids; the copies of other stages are given up."""
        self._orders = orders
        for task, order in self._under_way.items():
            if not self._is_wanted(order):
                task.cancel()

    async def copy(self, order: ShadowOrder, copied: Copied) -> Pair:
        """The pair, once it is on record. Raises NotCopied; CalledOff; StoreError."""
        call, request = copied.call, copied.request
        if any(one.reason == REHEARSED for one in call.attempts):
            raise NotCopied(DRILLED)
        said = await aside(call.answer_bytes, partial(said_in, call))
        incumbent = self._outcome(call, copied.incumbent, said)
        if incumbent is None:
            raise NotCopied(NOT_ASKED)
        if incumbent.answered and said is None:
            raise NotCopied(NOT_KEPT)
        if _had_no_room(call):
            raise NotCopied(NO_ROOM)
        runtime = self._engine.runtime
        if order.candidate.provider not in {*runtime.providers, *runtime.accounts.pools}:
            raise NotCopied(NOT_CONFIGURED)
        if self._is_short_of_room(order.candidate):
            raise NotCopied(NO_ROOM)
        copy = await aside(request.size, partial(copy_of, request, order.candidate.name))
        claimed = await self._claim(order, copy, call)
        self._sent.add(claimed)
        try:
            if not self._is_wanted(order):  # it ended meanwhile
                raise NotCopied(ENDED)
            pair = await self._while_wanted(
                order, self._pair(order, copy, call, said=said, incumbent=incumbent, claimed=claimed)
            )
            await asyncio.to_thread(self._archive.finish, pair)
        except NotCopied:
            await asyncio.to_thread(self._archive.release, claimed)
            self._sent.discard(claimed)
            raise
        except asyncio.CancelledError:
            raise  # `give_up` sees to it
        except Exception:
            self._sent.discard(claimed)  # whatever happens to it now, nobody waits for it for long
            await asyncio.to_thread(self._archive.abandon, claimed)
            raise
        self._sent.discard(claimed)
        return pair

    async def keep_alive(self) -> None:
        """Tell other processes that what is on its way still is. Raises StoreError."""
        if self._sent:
            now_us = microseconds(self._clock.now())
            await asyncio.to_thread(self._archive.keep_alive, list(self._sent), now_us)

    async def give_up(self) -> None:
        """What was on its way is not waited for any more. Raises StoreError."""
        for claimed in list(self._sent):
            await asyncio.to_thread(self._archive.abandon, claimed)
            self._sent.discard(claimed)

    def _is_wanted(self, order: ShadowOrder) -> bool:
        now = self._orders.get(order.rollout)
        return now is not None and now.stage == order.stage

    async def _while_wanted(self, order: ShadowOrder, making: Coroutine[Any, Any, Pair]) -> Pair:
        task = asyncio.create_task(making)
        self._under_way[task] = order
        try:
            return await task
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if own is not None and own.cancelling():
                raise
            raise CalledOff from None
        finally:
            del self._under_way[task]

    async def _claim(self, order: ShadowOrder, copy: Copy, call: Call) -> str:
        worst = self._worst(order.candidate, copy.request)
        if worst is None and order.budget_pico is not None:
            raise NotCopied(UNPRICED)
        pair = new_id("pair")
        now_us = microseconds(self._clock.now())
        why = await asyncio.to_thread(self._archive.claim, order, pair, call.id, now_us, worst or 0)
        if why is not None:
            raise NotCopied(why)
        return pair

    async def _pair(
        self,
        order: ShadowOrder,
        copy: Copy,
        call: Call,
        *,
        said: CoreAnswer | None,
        incumbent: Outcome,
        claimed: str,
    ) -> Pair:
        at_us = microseconds(self._clock.now())
        mirror = await send(self._engine, order, copy, call)
        mirrored = await aside(mirror.answer_bytes, partial(said_in, mirror))
        candidate = self._outcome(mirror, order.candidate, mirrored)
        if candidate is None:
            raise NotCopied(CANDIDATE_NOT_ASKED)
        if _had_no_room(mirror):
            raise NotCopied(NO_ROOM)
        if candidate.answered and mirrored is None:
            difference = Difference(None, why="the candidate's answer cannot be read")
        else:
            difference = await self._scoring.difference(
                order,
                copy,
                _answer(incumbent, said, call),
                _answer(candidate, mirrored, mirror),
            )
        return Pair(
            id=claimed,
            rollout=order.rollout,
            stage=order.stage,
            call=call.id,
            mirror=mirror.id,
            at_us=at_us,
            conversation=copy.asked.conversation,
            turn=copy.asked.turn,
            incumbent=incumbent,
            candidate=candidate,
            difference=difference.value,
            basis=difference.basis,
            why=difference.why,
            judged_by=difference.judged_by,
            judging_pico=difference.cost_pico,
        )

    def _is_short_of_room(self, target: Target) -> bool:
        """Whether clients' calls have found that the provider takes no more now."""
        runtime, now = self._engine.runtime, self._clock.tick()
        members = runtime.accounts.pools.get(target.provider, (target.provider,))
        quotas = runtime.health.quotas
        return all(quotas.free_at(runtime.accounts.quota_of(one), now) > now for one in members)

    def _outcome(self, call: Call, target: Target, said: CoreAnswer | None) -> Outcome | None:
        places = places_of(target, self._engine.runtime.accounts)
        return outcome_of(call, places, said, self._prices)


def _answer(outcome: Outcome, said: CoreAnswer | None, call: Call) -> Answer | None:
    return compared(said, call) if outcome.answered and said is not None else None


def _had_no_room(call: Call) -> bool:
    """Whether it came to nothing because somebody was asked too much: that says nothing about a model."""
    return call.outcome != "answered" and any(one.status == _TOO_MANY for one in call.attempts[-1:])
