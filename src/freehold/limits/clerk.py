"""Brings what calls want and have used to the books, and goes on without them when they are away.

Everything of one turn of the event loop goes in one batch, one batch at a time: while it is on its way the next one
gathers. Nobody waits longer than the books' `patience_s`. Then, and whenever they cannot be had, this process goes by
what it has set aside for itself (`floats.py`), and when they have not answered for some seconds, by its share of what
remained (`shares.py`), until they answer quickly again. A batch that was sent and not answered is sent again under its
number, so that what it says is entered once; and then the books are told all that this process holds, which puts
right whatever else is in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence

import msgspec

from freehold.core.clock import Clock, microseconds
from freehold.limits.account import PRESSED_US, Counter
from freehold.limits.batch import (
    NOTHING,
    Batch,
    Books,
    Done,
    Sum,
    UnavailableError,
    Verdict,
    Want,
)
from freehold.limits.dues import Dues
from freehold.limits.filling import Filling, Refill
from freehold.limits.floats import Floats, refused
from freehold.limits.hold import Hold, Settled
from freehold.limits.shares import Seen, Shares
from freehold.limits.silence import Silence

log = logging.getLogger("freehold.limits")

GRACE_S = 60.0
"""After its deadline, what an attempt set aside is taken to be forgotten."""
TELL_S = 0.1
"""Within which what calls came to is told to the books."""
_LAG_S = 0.02
"""A timer that is later than this is late because the process is busy."""
_PROBE_S = 0.5
"""Between two tries while they are away."""
_MOST_WATCHED = 500
"""Counters that are kept in view although nobody wanted anything of them for a moment."""
_MOST_SEEN = 20_000
_SAY_S = 10.0
"""Between two lines in the log about going by shares: a machine that is too busy does so many times a second."""
_CLOSE_S = 2.0


class _Asked(msgspec.Struct, gc=False):
    wants: tuple[Want, ...]
    future: asyncio.Future[Verdict | None] | None
    """Its result is None when the books took too long. For a float, nobody waits."""
    since: float
    again: bool = False
    """It was refused once, for what this process kept for itself."""

    @property
    def waits(self) -> bool:
        """Whether somebody waits for it."""
        return self.future is not None and not self.future.done()


class ClerkStatus(msgspec.Struct, frozen=True):
    """For `/health` and `/metrics`."""

    away: str | None
    """Why this process goes by its share; None when the books are in use."""
    processes: int
    """That share them, as last seen."""
    absences: int
    """How often the books were away."""
    batches: int
    reserves: int


class Clerk:
    """For one process. Every method belongs to the event loop's thread."""

    def __init__(
        self,
        books: Books,
        clock: Clock,
        *,
        owner: str,
        refill: Refill,
        expected: int = 1,
    ) -> None:
        """`owner` names this process and no other. `refill` gives what is remembered elsewhere as used, for books
        that were lost. `expected`: how many processes share the books at the most, for as long as these have not told.
        """
        self._books = books
        self._clock = clock
        self._owner = owner
        self._patience_s = books.patience_s
        self._dues = Dues(owner)
        self._filling = Filling(self._dues, refill, self._schedule)
        self._asked: list[_Asked] = []
        self._flying: list[_Asked] | None = None
        self._stuck: Batch | None = None
        self._flight: asyncio.Task[None] | None = None
        self._scheduled = False
        self._tired: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._plan_due = False
        self._beat_due = True
        self._number = 0
        self._seen: dict[Counter, Seen] = {}
        self._floats = Floats()
        self._silence = Silence(lambda: self._flight is not None or self._away is not None)
        self._processes: tuple[str, ...] = (owner,)
        self._expected = expected
        self._announced_at = math.inf
        """When the books came to know of this process, in the clock's `tick`."""
        self._heard_at = 0.0
        self._owners_at = self._left_at = -math.inf
        """The loop's time when the books were last asked who shares them, and when they were last left."""
        self._away: str | None = None
        self._shares: Shares | None = None
        self._closing = False
        self._absences = 0
        self._said_at = -math.inf
        self._said = False
        """Whether the log was told that this process goes by its share now."""
        self._reserves = 0
        self.looks = 0
        """How often the books were looked at."""
        self.holds: set[Hold] = set()
        """Everything set aside and not over."""

    # Life

    async def start(self) -> None:
        """Look at the books, and fill them from what is remembered when they are fresh. Raises nothing: when they are
        away, that is the state it begins in.
        """
        await self._do_now()
        if self._away is not None and self._shares is None:
            now_us = self._now_us()
            known = await self._filling.recall()
            self._seen = {one: Seen(Sum(charged, 0), now_us) for one, charged in known.items()}
        if self._filling.task is not None:
            await self._filling.task
            await self._do_now()
        self._beat_later()

    async def _do_now(self) -> None:
        """One batch from start to end, and whatever is on its way before it."""
        while self._flight is not None:
            await self._flight
        self._send()
        flight: asyncio.Task[None] | None = self._flight
        if flight is not None:
            await flight

    async def close(self) -> None:
        """Tell the books what is left to tell."""
        self._closing = True
        for timer in (self._tired, self._beating, self._telling):
            if timer is not None:
                timer.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                if self._flight is not None:
                    await self._flight
                for counter, amount in self._floats.give_back():
                    self.settle([(counter, amount, 0)])
                self._dues.truth_due = True
                await self._do_now()
        if self._flight is not None:
            self._flight.cancel()
        self._filling.close()
        self._silence.close()
        stuck = self._stuck
        if self._dues.settled or (stuck is not None and (stuck.settlements or stuck.wants)):
            log.error("the limits could not be told of the last calls: they are charged at their worst")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._books.close()

    @property
    def status(self) -> ClerkStatus:
        """How it goes."""
        return ClerkStatus(self._away, len(self._processes), self._absences, self._number, self._reserves)

    @property
    def processes(self) -> int:
        """How many share the books, as last seen."""
        return max(1, len(self._processes))

    @property
    def busy(self) -> bool:
        """Whether the books have not been told everything yet."""
        return bool(
            self._flight is not None or self._stuck is not None or self._dues.any or self._filling.name
        )

    @property
    def away(self) -> bool:
        """Whether this process goes by its share."""
        return self._away is not None

    # What calls say

    async def reserve(self, wants: tuple[Want, ...]) -> Verdict:
        """Set all of it aside, or nothing. Waits `patience` at the most."""
        if self.take(wants):
            return Verdict(True, tuple(self.sums(wants)))
        return await self.ask(wants)

    def take(self, wants: Sequence[Want]) -> bool:
        """Set all of it aside, where what this process keeps for itself is enough: the books hold that already."""
        if self._away is not None or not self._floats.take(wants, self._clock.tick(), away=False):
            return False
        self._reserves += 1
        if self._telling is None:
            self._tell_later()
        return True

    async def ask(self, wants: tuple[Want, ...]) -> Verdict:
        """As `reserve`, when `take` could not."""
        self._reserves += 1
        if self._away is None:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[Verdict | None] = loop.create_future()
            self._asked.append(_Asked(wants, future, loop.time()))
            if self._tired is None:
                self._tire_at(loop.time() + self._patience_s)
            self._schedule()
            try:
                verdict = await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled() and (late := future.result()) is not None:
                    self._return(wants, late)
                raise
            if verdict is not None:
                return verdict
        return self._decide_alone(wants)

    def settle(self, told: Sequence[Settled]) -> None:
        """What was reserved on these counters is over."""
        self._dues.settle(told)
        if self._shares is not None or self._filling.noting:
            self._note_used(told)
        if self._telling is None:
            self._tell_later()

    def settle_late(self, told: Sequence[Settled]) -> None:
        """What had been given up as expired is settled after all."""
        self._dues.settle_late(told)
        self._note_used(told)
        self._tell_later()

    def expire(self, counter: Counter, amount: int) -> None:
        """Something that was reserved was never settled: it is charged."""
        self._dues.expire(counter, amount)
        self._tell_later()

    def remember(self, used: dict[Counter, int]) -> None:
        """The books are to know of at least this much."""
        self._dues.remember(used)
        self._schedule()

    def _note_used(self, told: Sequence[Settled]) -> None:
        self._filling.note(told)
        if self._shares is not None:
            now_us = self._now_us()
            for counter, _, actual in told:
                self._shares.charge(counter, actual, now_us)

    def _return(self, wants: tuple[Want, ...], verdict: Verdict) -> None:
        """Nobody wants what was granted any more."""
        if verdict.granted:
            for want in wants:
                self.settle([(want.counter, want.amount, 0)])

    # Batches

    def _tell_later(self) -> None:
        """What calls say need not be told at once."""
        if self._telling is None and self._away is None and not self._closing:
            self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self._plan_due = True
        self._schedule()

    def _schedule(self) -> None:
        if self._flight is None and not self._scheduled and self._away is None and not self._closing:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._scheduled = False
        if self._flight is not None:
            return
        if self._stuck is not None:
            batch, asked = self._stuck, []
        else:
            asked, self._asked = [one for one in self._asked if one.waits], []
            if self._plan_due or self._beat_due:
                self._plan_due = False
                asked = [*self._float_wants(), *asked]
            batch = self._gather(asked)
        self._flying = asked
        loop = asyncio.get_running_loop()
        self._flight = loop.create_task(self._fly(batch, asked))
        self._silence.listen()

    def _gather(self, asked: list[_Asked]) -> Batch:
        self._number += 1
        batch = Batch(
            owner=self._owner,
            number=self._number,
            now_us=self._now_us(),
            spares=self._floats.telling(),
            wants=[one.wants for one in asked],
            watched=self._floats.counters[:_MOST_WATCHED],
            beat=self._beat_due,
            leave=self._closing and not self._dues.mine,
            filled=self._filling.name,
        )
        self._dues.tell(batch)
        self._beat_due = False
        self._filling.name = ""
        return batch

    async def _fly(self, batch: Batch, asked: list[_Asked]) -> None:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        try:
            done = await self._books.do(batch)
        except UnavailableError as error:
            self._lose(batch, asked, str(error))
        except asyncio.CancelledError:
            self._stuck = batch  # at the end: whether it was heard nobody knows
            raise
        except Exception as error:  # whatever it is, it must not keep calls from being answered
            log.exception("the books of the limits failed")
            self._lose(batch, asked, f"{type(error).__name__}: {error}")
        else:
            self._stuck = None
            self._silence.heard()
            self._floats.heard()
            if done.owners:
                self._owners_at = sent
            self._take_in(batch, asked, done)
            if self._away is not None and loop.time() - sent < self._patience_s:
                self._come_back()
        finally:
            self._flight = self._flying = None
        if self._away is not None:
            if not self._closing:
                loop.call_later(_PROBE_S if self._stuck is not None else 0.0, self._probe)
        elif self._asked or (self._filling.task is None and (self._dues.urgent or self._filling.name)):
            self._send()
        elif self.busy:
            self._tell_later()

    def _take_in(self, batch: Batch, asked: list[_Asked], done: Done) -> None:
        self.looks += 1
        for one in asked[len(done.verdicts) :]:
            _give_up(one)
        self._note_own(batch, asked)
        self._filling.look(done.epoch, self._seen)
        if done.epoch and self._away is None:
            self._shares = None
        if not done.epoch:
            return
        self._rule(asked, done.verdicts, batch.now_us)
        for counter, sum_ in zip(batch.watched, done.watched, strict=False):
            self._seen[counter] = Seen(sum_, batch.now_us, self._dues.mine.get(counter, 0))
            if sum_.pressed:
                self._free(counter)
        self._heard_at = self._clock.tick()
        if done.lapsed:
            self._announced_at = math.inf  # the others have to learn of it anew
        if done.owners:
            self._processes = done.owners
            if self.processes > 1 and self._shares is not None and self._shares.is_all:
                self._shares = None  # it was alone, and is not any more
            self._announced_at = min(self._announced_at, self._heard_at)
        if done.lapsed or done.repeated:
            self._dues.truth_due = True
        if len(self._seen) > _MOST_SEEN:
            kept = set(self._floats.counters)
            self._seen = {one: seen for one, seen in self._seen.items() if one in kept}

    def _note_own(self, batch: Batch, asked: list[_Asked]) -> None:
        """What the books were told was used is part of what they are known to know. Fresh ones are told of the sum."""
        looked_at = {want.counter for one in asked for want in one.wants}.union(batch.watched)
        self._dues.confirm(batch.settlements)
        for (owner, counter), done in batch.settlements.items():
            seen = self._seen.get(counter)
            if owner == self._owner and seen is not None and counter not in looked_at:
                held = max(0, seen.sum.held - done.amount)
                sum_ = Sum(seen.sum.charged + done.actual, held, seen.sum.pressed)
                self._seen[counter] = Seen(sum_, batch.now_us, max(0, seen.mine - done.amount))

    def _rule(self, asked: list[_Asked], verdicts: list[Verdict], now_us: int) -> None:
        """What the books say to each; who was refused for what this process keeps for itself is asked for again."""
        kept = False
        for one, verdict in zip(asked, verdicts, strict=False):
            for want, sum_ in zip(one.wants, verdict.sums, strict=True):
                mine = self._dues.mine.get(want.counter, 0) + (want.amount if verdict.granted else 0)
                self._seen[want.counter] = Seen(sum_, now_us, mine)
                stands = not verdict.granted and sum_.used + want.amount > want.bound
                if (sum_.pressed or stands) and self._free(want.counter):
                    kept = True
            if kept and not verdict.granted and one.waits and not one.again:
                one.again = True
                self._asked.append(one)
            else:
                self._answer(one, verdict)

    def _free(self, counter: Counter) -> int:
        """Give back what this process keeps of it: somebody was refused for want of it."""
        amount = self._floats.pause(counter, self._clock.tick() + PRESSED_US / 1_000_000)
        if amount:
            self.settle([(counter, amount, 0)])
        return amount

    def _answer(self, one: _Asked, verdict: Verdict) -> None:
        if verdict.granted:
            self._dues.take(one.wants)
        if one.future is None:
            if verdict.granted:
                counter, amount = one.wants[0].counter, one.wants[0].amount
                if self._floats.has(counter):
                    self._floats.add(counter, amount)
                else:  # nobody wants anything of it any more
                    self._return(one.wants, verdict)
        elif not one.future.done():
            one.future.set_result(verdict)
        else:  # too late: the call went by the share, or is gone
            self._return(one.wants, verdict)

    # Time

    def _tire_at(self, when: float) -> None:
        self._tired = asyncio.get_running_loop().call_at(when, self._tire, when)

    def _tire(self, planned: float) -> None:
        """Nobody waits longer than this. But when it is us who had no time, what has come is looked at first."""
        loop = asyncio.get_running_loop()
        self._tired = None
        now = loop.time()
        if now - planned > _LAG_S:
            self._tire_at(now + _LAG_S)
            return
        waiting = [one for one in (*(self._flying or ()), *self._asked) if one.waits]
        if not waiting:
            return
        late = loop.time() - self._patience_s
        if any(one.since <= late for one in waiting):
            self._leave("it answers slowly")
            for one in waiting:
                _give_up(one)
            self._asked = []
        else:
            first = min(one.since for one in waiting)
            self._tire_at(first + self._patience_s)

    def _beat_later(self) -> None:
        late = self._clock.tick() - GRACE_S
        for hold in [one for one in self.holds if one.deadline < late]:
            hold.expire()
        self._beat_due = True
        self._schedule()
        loop = asyncio.get_running_loop()
        self._beating = loop.call_later(self._books.beat_s, self._beat_later)

    def _float_wants(self) -> list[_Asked]:
        """What this process wants for itself; what it has too much of is given back."""
        wants = []
        plan = self._floats.plan(
            self._seen, len(self._processes), self._clock.tick(), away=self._away is not None
        )
        for want, by in plan:
            if by > 0:
                wants.append(_Asked((msgspec.structs.replace(want, amount=by),), None, 0.0))
            else:
                self._floats.add(want.counter, by)
                self.settle([(want.counter, -by, 0)])
        return wants

    # Without the books

    def _lose(self, batch: Batch, flying: list[_Asked], reason: str) -> None:
        batch.wants = []
        batch.watched = ()
        self._stuck = batch
        self._leave(reason)
        asked, self._asked = [*flying, *self._asked], []
        for one in asked:
            _give_up(one)

    def _leave(self, reason: str) -> None:
        if self._away is None:
            self._absences += 1
            self._left_at = now = asyncio.get_running_loop().time()
            self._said = now - self._said_at > _SAY_S
            if self._said:
                self._said_at = now
                log.warning("the limits go by what this process has set aside, or its share: %s", reason)
            if self._flight is None:  # else its end sees to it
                asyncio.get_running_loop().call_later(_PROBE_S, self._probe)
        self._away = reason

    def _probe(self) -> None:
        if self._away is not None and self._flight is None and not self._closing:
            self._dues.truth_due = self._beat_due = True
            self._send()

    def _come_back(self) -> None:
        """What was used and is held meanwhile goes before whatever is wanted next, in the same batch."""
        if self._said:
            log.warning("the limits go by the common books again")
        self._away = None
        if self._filling.epoch:
            self._shares = None
        self._dues.truth_due = True

    @property
    def _is_known(self) -> bool:
        """Whether the others, who look at the books with every sign of life, have learned of this process."""
        return self._heard_at - self._announced_at >= 2 * self._books.beat_s

    def _decide_alone(self, wants: tuple[Want, ...]) -> Verdict:
        # Whoever believes to be alone may be the last to learn that it is not: slow books have to say so, once left.
        is_alone = self.processes == 1 and self._owners_at >= self._left_at
        if self._shares is None and not is_alone and not self._silence.lost:
            if not self._floats.take(wants, self._clock.tick(), away=True):
                return refused(wants, self._seen)
            return Verdict(True, tuple(self.sums(wants)))
        shares = self._shares
        if shares is None:
            has_heard = math.isfinite(self._announced_at)
            count = self.processes if has_heard else max(self._expected, self.processes)
            place = (
                self._processes.index(self._owner)
                if self._owner in self._processes and has_heard
                else count - 1
            )
            held = dict(self._dues.mine)
            for counter, amount in self._floats.give_back():
                self.settle([(counter, amount, 0)])
            shares = Shares(
                dict(self._seen),
                held,
                self._dues.mine,
                untold=self._dues.unconfirmed(),
                place=place,
                count=count,
                known=count == 1 or not has_heard or self._is_known,
            )
            if self._away is not None or not self._filling.epoch:
                self._shares = shares
        verdict = shares.decide(wants, self._now_us())
        if verdict.granted:
            self._dues.take(wants)
            self._dues.truth_due = True
        return verdict

    def sums(self, wants: Sequence[Want]) -> Sequence[Sum]:
        """How the counters stood when the books were last asked."""
        seen = self._seen
        return [seen[want.counter].sum if want.counter in seen else NOTHING for want in wants]

    def _now_us(self) -> int:
        return microseconds(self._clock.now())


def _give_up(one: _Asked) -> None:
    if one.future is not None and not one.future.done():
        one.future.set_result(None)
