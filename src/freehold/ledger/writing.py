"""What the writer's thread does: take calls out of the inbox, commit them, tidy up, outlast every fault."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from freehold.catalog.prices import Pricer
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import StoreError
from freehold.ledger.batch import Batch
from freehold.ledger.bodies import Packer
from freehold.ledger.holding import BodiesGone, Holding
from freehold.ledger.inbox import Inbox
from freehold.ledger.replay import Replay
from freehold.ledger.retention import Retention
from freehold.ledger.runs import Counts
from freehold.ledger.settings import LedgerSettings, Pace
from freehold.store.faults import Fault, fault_of

log = logging.getLogger("freehold.ledger")

_TIDY_SECONDS = 0.1
"""How long tidying may keep the next batch waiting."""
_REPLAY_SECONDS = 0.5
"""How long writing what was put by may keep the next batch waiting, but for one commit."""
_FAULTS = (StoreError, SQLAlchemyError, OSError)


class Writer:
    """The thread's state. Only that thread calls the methods; others may read the plain attributes."""

    def __init__(
        self,
        holding: Holding,
        settings: LedgerSettings,
        inbox: Inbox,
        *,
        pricer: Pricer,
        packer: Packer,
        clock: Clock,
        pace: Pace,
        replay: Replay | None = None,
        may_tidy: Callable[[], bool] = lambda: True,
    ) -> None:
        """`replay`: where calls go while a server cannot be written; without one they wait in memory. `may_tidy`:
        whether deleting what is old is for this process to do.
        """
        self._may_tidy = may_tidy
        self.written = 0
        self.put_by = 0
        """Calls on the disk when the process ended."""
        self.failing: str | None = None
        """Why nothing can be written, in words; None while all is well."""
        self.since_us = microseconds(clock.now())
        self.holding = holding
        self.replay = replay
        self._packer = packer
        self.batch = Batch(pricer, packer)
        self._retention = Retention(settings)
        self._inbox = inbox
        self._clock = clock
        self._pace = pace
        self._flush_seconds = settings.flush_ms / 1000
        self._deadline: float | None = None
        self._committed_at = -math.inf
        self._retry = pace.first_retry
        self._retry_at = 0.0
        self._tidy_at = 0.0
        self._sums_are_behind = True
        self._look_at = 0.0
        self._strange = 0

    @property
    def has_to_write(self) -> bool:
        """Whether something waits for the ledger, its opening included."""
        waiting = self.batch.calls or self._inbox.waiting or self._inbox.drops
        return bool(waiting or not self.holding.is_open)

    @property
    def kept(self) -> int:
        """Calls that are written or put by."""
        return self.written + self.put_by

    @property
    def may_leave(self) -> bool:
        """Whether the process may end although something waits: the disk will keep it."""
        return self.failing is not None and self.replay is not None

    def patience(self) -> float:
        """Seconds until there is something to do even if no call comes."""
        now = time.monotonic()
        if self.failing is not None:
            due = self._retry_at
        elif not self.has_to_write:
            is_behind = self.replay is not None and self.replay.spool.calls
            due = now if is_behind else min(self._tidy_at, self._look_at)
        elif self._deadline is None:
            due = now
        else:
            due = self._deadline
        return max(0.0, due - now)

    def advance(self, *, at_once: bool) -> None:
        """Do what is due. `at_once`: commit although there is time, and try although the last try failed."""
        batch = self.batch
        if not batch.is_full and not self.may_leave:
            batch.add(self._inbox.take(batch.room))
        now = time.monotonic()
        if self.has_to_write:
            if self._deadline is None:
                # After a quiet time there is nothing to gather: whoever looks right after a call finds it.
                self._deadline = max(now, self._committed_at + self._flush_seconds)
            if at_once or now >= self._due():
                self._commit(now)
        if self.failing is None and self.holding.is_open and not batch.calls:
            self._look_around(now)
        if self.failing is None and self.holding.is_open and not batch.calls:
            self._run_errands()
            self._tidy(now)

    def finish(self) -> None:
        """Let go of the ledger, with the end of the run written down. What could not be written is put by, or
        dropped and counted.
        """
        left = self.batch.calls + self._inbox.take(self._inbox.waiting)
        if self.replay is not None and left:
            self.replay.put_by(left)
            left = self._inbox.take(self._inbox.waiting)
        self._inbox.settle(left, dropped=len(left), reason="closed")
        is_clean = False
        try:
            if self.failing is None and self.holding.is_open:
                self.holding.close(self._inbox.take_drops(), self._counts())
                is_clean = True
        except _FAULTS as error:
            log.warning("The end of the ledger's run could not be written down: %s", error)
        self.holding.release()
        if self.replay is not None:
            now_us = microseconds(self._clock.now())
            self.put_by = self.replay.spool.own_calls
            is_clean |= self.replay.spool.close(self._counts(), now_us, told=is_clean)
        self._inbox.seal(forget=is_clean or not self.holding.has_run)

    def fail(self, reason: str) -> None:
        """Nothing can be written for now; wait before the next try, longer each time."""
        self.holding.release()
        if self.failing is None:
            self.since_us = microseconds(self._clock.now())
            self._retry = self._pace.first_retry
            where = "in memory" if self.replay is None else "on the disk"
            log.warning("The ledger cannot be written (%s); answers go on, calls wait %s", reason, where)
        self.failing = reason
        self._retry_at = time.monotonic() + self._retry
        self._retry = min(self._retry * 2, self._pace.last_retry)

    def _due(self) -> float:
        if self.failing is not None:
            return self._retry_at
        if self.batch.is_full or not self.holding.is_open or self._deadline is None:
            return 0.0
        return self._deadline

    def _commit(self, now: float) -> None:
        batch = self.batch
        drops = self._inbox.take_drops()
        try:
            self._hold()
            try:
                refused = self.holding.write(
                    batch, drops, self.failing, self._counts(), alone=self._strange >= 2
                )
            except BodiesGone:
                batch.make_anew(self.holding.recent_bodies())
                refused = self.holding.write(
                    batch, drops, self.failing, self._counts(), alone=self._strange >= 2
                )
        except _FAULTS as error:
            self._inbox.give_back(drops)
            self._meet(error)
            self._put_batch_by()
            return
        except BaseException:
            self._inbox.give_back(drops)
            self._strange += 1  # an error that nobody knows, as of a call that makes every try fail
            raise
        self.written += len(batch.calls) - refused
        self._retention.count_in(sum(len(body.stored) for body in batch.fresh))
        self._inbox.settle(batch.calls, dropped=refused, reason="unrecordable")
        batch.clear()
        self._strange = 0
        self._deadline = None
        self._committed_at = time.monotonic()
        if self.failing is not None:
            self.failing = None
            self.since_us = microseconds(self._clock.now())
            log.warning("The ledger is written again")

    def _hold(self) -> None:
        if self.holding.is_open:
            self.holding.look()
        if not self.holding.is_open and self.holding.open(self._counts()):
            self.batch.make_anew(self.holding.recent_bodies())
            self._retention.forget_total()
            self._sums_are_behind = True
            if self.holding.incident is not None:
                log.warning("%s", self.holding.incident)

    def _put_batch_by(self) -> None:
        calls = self.batch.calls
        if self.replay is not None and not self.holding.has_run:
            self.replay.spool.claim()
        if self.replay is not None and calls:
            self._packer.forget([place.digest for place, _ in self.batch.fresh])
            self.batch.clear()
            self._deadline = None
            self.replay.put_by(calls)

    def _look_around(self, now: float) -> None:
        """Write what was put by, and look from time to time what became of other processes."""
        try:
            if now >= self._look_at:
                if self.replay is not None:
                    self.replay.look_around()
                self.holding.beat(self._counts())
                self._look_at = time.monotonic() + self._pace.tidy
            if self.replay is not None and self.replay.spool.calls:
                self._write_what_was_put_by(self.replay)
        except _FAULTS as error:
            self._meet(error)

    def _write_what_was_put_by(self, replay: Replay) -> None:
        give_up_at = time.monotonic() + _REPLAY_SECONDS
        while (written := replay.step(self._counts())) is not None:
            self.written += written
            if time.monotonic() >= give_up_at:
                return
        self._look_at = 0.0  # what others left is complete: their ends can be written down

    def _counts(self) -> Counts:
        return Counts(self._inbox.recorded, self.written, sum(self._inbox.dropped.values()))

    def _meet(self, error: BaseException) -> None:
        fault = fault_of(error)
        told = getattr(error, "message", None) or getattr(error, "orig", None) or error
        self.fail(str(told) if fault is Fault.OTHER else fault.value)
        if self.holding.mend(fault):
            self._retry_at = time.monotonic()

    def _retain(self, connection: Connection) -> tuple[list[bytes], bool]:
        return self._retention.step(connection, microseconds(self._clock.now()))

    def _run_errands(self) -> None:
        if self.replay is not None and self.replay.spool.calls:
            return  # what is asked for may be about a call that is still to be written
        for errand in self._inbox.take_errands():
            try:
                self.holding.transact(errand.work)
            except _FAULTS as error:
                errand.done.set_exception(error)
            else:
                errand.done.set_result(None)

    def _tidy(self, now: float) -> None:
        try:
            give_up_at = now + _TIDY_SECONDS
            while self._tidy_at <= now < give_up_at:
                if not self._may_tidy():
                    self._tidy_at = now + self._pace.tidy
                    break
                if self._sums_are_behind:  # what retention takes shall be in the sums
                    self._sums_are_behind = self.holding.sum_former()
                    now = time.monotonic()
                    continue
                gone, more = self.holding.transact(self._retain)
                self._packer.forget(gone)
                now = time.monotonic()
                if not more:
                    self._tidy_at = now + self._pace.tidy
        except _FAULTS as error:
            self._tidy_at = now + self._pace.tidy
            self._meet(error)
