"""What the writer's thread does: take calls out of the inbox, commit them, tidy up, outlast every fault."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from freehold.catalog.prices import Pricer
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import StoreError
from freehold.ledger.batch import Batch
from freehold.ledger.bodies import Packer
from freehold.ledger.file import LedgerFile
from freehold.ledger.inbox import Inbox
from freehold.ledger.retention import Retention
from freehold.ledger.runs import Counts
from freehold.ledger.settings import LedgerSettings, Pace
from freehold.store.faults import Fault, fault_of

log = logging.getLogger("freehold.ledger")

_TIDY_SECONDS = 0.1
"""How long tidying may keep the next batch waiting."""
_ASIDE_SECONDS = 60.0
_FAULTS = (StoreError, SQLAlchemyError, OSError)


class Writer:
    """The thread's state. Only that thread calls the methods; others may read the plain attributes."""

    def __init__(
        self, path: Path, settings: LedgerSettings, inbox: Inbox, *, pricer: Pricer, clock: Clock, pace: Pace
    ) -> None:
        self.written = 0
        self.failing: str | None = None
        """Why nothing can be written, in words; None while all is well."""
        self.since_us = microseconds(clock.now())
        self.file = LedgerFile(path, inbox.tally_name, clock, busy=pace.busy)
        self._packer = Packer()
        self.batch = Batch(pricer, self._packer)
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
        self._next_aside = 0.0
        self._strange = 0

    @property
    def has_to_write(self) -> bool:
        """Whether something waits for the file, its opening included."""
        waiting = self.batch.calls or self._inbox.waiting or self._inbox.drops
        return bool(waiting or not self.file.is_open)

    def patience(self) -> float:
        """Seconds until there is something to do even if no call comes."""
        now = time.monotonic()
        if self.failing is not None:
            due = self._retry_at
        elif not self.has_to_write:
            due = self._tidy_at
        elif self._deadline is None:
            due = now
        else:
            due = self._deadline
        return max(0.0, due - now)

    def advance(self, *, at_once: bool) -> None:
        """Do what is due. `at_once`: commit although there is time, and try although the last try failed."""
        batch = self.batch
        if not batch.is_full:
            batch.add(self._inbox.take(batch.room))
        now = time.monotonic()
        if self.has_to_write:
            if self._deadline is None:
                # After a quiet time there is nothing to gather: whoever looks right after a call finds it.
                self._deadline = max(now, self._committed_at + self._flush_seconds)
            if at_once or now >= self._due():
                self._commit(now)
        if self.failing is None and not batch.calls:
            self._run_errands()
            self._tidy(now)

    def finish(self) -> None:
        """Drop and count what could not be written, write the end of the run down, and let go of the file."""
        left = self.batch.calls + self._inbox.take(self._inbox.waiting)
        self._inbox.settle(left, dropped=len(left), reason="closed")
        is_clean = False
        try:
            if self.failing is None and self.file.is_open:
                self.file.close(self._inbox.take_drops(), self._counts())
                is_clean = True
        except _FAULTS as error:
            log.warning("The end of the ledger's run could not be written down: %s", error)
        self.file.release()
        self._inbox.seal(forget=is_clean or not self.file.has_run)

    def fail(self, reason: str) -> None:
        """Nothing can be written for now; wait before the next try, longer each time."""
        self.file.release()
        if self.failing is None:
            self.since_us = microseconds(self._clock.now())
            self._retry = self._pace.first_retry
            log.warning("The ledger cannot be written (%s); answers go on, calls wait in memory", reason)
        self.failing = reason
        self._retry_at = time.monotonic() + self._retry
        self._retry = min(self._retry * 2, self._pace.last_retry)

    def _due(self) -> float:
        if self.failing is not None:
            return self._retry_at
        if self.batch.is_full or not self.file.is_open or self._deadline is None:
            return 0.0
        return self._deadline

    def _commit(self, now: float) -> None:
        batch = self.batch
        drops = self._inbox.take_drops()
        try:
            self._hold_file()
            refused = self.file.write(batch, drops, self.failing, self._counts(), alone=self._strange >= 2)
        except _FAULTS as error:
            self._inbox.give_back(drops)
            self._meet(error)
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

    def _hold_file(self) -> None:
        if self.file.is_open and not self.file.is_in_place():
            self.file.report_removal()
        if not self.file.is_open and self.file.open(self._counts()):
            self.batch.make_anew(self.file.recent_bodies())
            self._retention.forget_total()
            if self.file.incident is not None:
                log.warning("%s", self.file.incident)

    def _counts(self) -> Counts:
        return Counts(self._inbox.recorded, self.written, sum(self._inbox.dropped.values()))

    def _meet(self, error: BaseException) -> None:
        fault = fault_of(error)
        told = getattr(error, "message", None) or getattr(error, "orig", None) or error
        self.fail(str(told) if fault is Fault.OTHER else fault.value)
        now = time.monotonic()
        if fault is Fault.DAMAGED and now >= self._next_aside:
            # Not more often: a disk that damages whatever is written to it would be filled with remains.
            self._next_aside = now + _ASIDE_SECONDS
            try:
                self.file.move_aside()
                self._retry_at = now
            except OSError as problem:
                log.warning("The damaged ledger cannot be moved aside: %s", problem)

    def _retain(self, connection: Connection) -> tuple[list[bytes], bool]:
        return self._retention.step(connection, microseconds(self._clock.now()))

    def _run_errands(self) -> None:
        for errand in self._inbox.take_errands() if self.file.is_open else ():
            try:
                self.file.transact(errand.work)
            except _FAULTS as error:
                errand.done.set_exception(error)
            else:
                errand.done.set_result(None)

    def _tidy(self, now: float) -> None:
        try:
            give_up_at = now + _TIDY_SECONDS
            while self._tidy_at <= now < give_up_at:
                gone, more = self.file.transact(self._retain)
                self._packer.forget(gone)
                now = time.monotonic()
                if not more:
                    self._tidy_at = now + self._pace.tidy
        except _FAULTS as error:
            self._tidy_at = now + self._pace.tidy
            self._meet(error)
