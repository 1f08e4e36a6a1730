"""The ledger: takes finished calls in without delay; one thread of its own writes them.

What may be lost. A call is committed at most `flush_ms` (250 ms) after `record()`, plus the time of one
commit (milliseconds; longer when the disk is slow). When the process is killed, calls of that last moment are
lost, and those in flight with them; the file stays intact, and the next start states how many they were
(`runs.gaps_of_killed`). A power cut takes no more, for every commit is flushed to the disk. While the database
cannot be written, calls wait in memory up to `queue_bytes`. A call that no longer fits gives up its bodies first,
which is counted in the status; calls that do not fit even so are dropped, and every drop is counted, by reason,
in the status and later in the ledger.

On a server, calls that it does not take wait on this machine's disk instead (`spool`), flushed, up to `spool_bytes`,
and go on by themselves when it is back, also in the next process. Memory is only the last resort.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from freehold.catalog.prices import Pricer
from freehold.core.clock import Clock, SystemClock, microseconds
from freehold.core.errors import StoreError
from freehold.ledger import tables
from freehold.ledger.bodies import Packer
from freehold.ledger.feedback import forget_words
from freehold.ledger.file import LedgerFile
from freehold.ledger.holding import Holding
from freehold.ledger.inbox import Errand, Inbox
from freehold.ledger.record import Call
from freehold.ledger.relief import Relief
from freehold.ledger.replay import Replay
from freehold.ledger.runs import Process
from freehold.ledger.server import LedgerServer
from freehold.ledger.settings import LedgerSettings, Pace
from freehold.ledger.spool import Spool
from freehold.ledger.tally import Tally
from freehold.ledger.writing import Writer
from freehold.store.places import Place, Server

log = logging.getLogger("freehold.ledger")


class LedgerStatus(msgspec.Struct, frozen=True):
    """How the ledger is at this moment."""

    state: Literal["ok", "failing"]
    reason: str | None
    """Why it is failing, for people."""
    since_us: int
    """Since when it is in this state."""
    recorded: int
    """Calls handed in since the start; all of them are written, dropped, queued or spooled."""
    written: int
    dropped: int
    dropped_by: dict[str, int]
    """Dropped calls by reason."""
    bodies_dropped: int
    """Calls of those recorded whose bodies were given up, as the queue had room for the call alone."""
    queued: int
    queued_bytes: int
    pricing_errors: int
    """Calls whose cost is unknown because working it out failed."""
    incident: str | None
    """The last thing that befell the file as a whole: it was removed, or damaged and moved aside."""
    spooled: int = 0
    """Calls that wait on the disk for the server."""
    spooled_bytes: int = 0
    """Of all files of the spool that this process looks after, also of those that earlier ones left."""
    inherited: int = 0
    """Calls of earlier processes that wait there too; they are not among those recorded."""
    spool_problem: str | None = None
    """Why nothing more can be put there; None while all is well."""


class Ledger:
    """Writes finished calls to the file or server at `place`. Start it, hand it calls, close it."""

    def __init__(
        self,
        place: Place,
        settings: LedgerSettings,
        pricer: Pricer,
        clock: Clock | None = None,
        pace: Pace | None = None,
        *,
        spool: Path | None = None,
        may_tidy: Callable[[], bool] = lambda: True,
        shared: bool = False,
    ) -> None:
        """`spool`: the folder for calls that a server does not take; without one they wait in memory alone.

        `may_tidy` is asked before what is old is deleted: of several processes one does it. `shared`: others delete
        what is old, so that a body that was there a moment ago may be gone.
        """
        self._may_tidy, self._shared = may_tidy, shared
        clock = clock or SystemClock()
        self._pace = pace or Pace()
        self._inbox = inbox = Inbox(settings.queue_bytes, Tally(), clock)
        self._relief: Relief | None = None
        self._writer = self._make_writer(place, settings, pricer, clock, spool)
        if (replay := self._writer.replay) is not None:
            patience = settings.flush_ms / 1000 + self._pace.relief
            self._relief = Relief(
                inbox, replay, patience=patience, is_failing=self._is_failing, told=self._tell
            )
        self._thread = threading.Thread(target=self._work, name="freehold-ledger", daemon=True)
        self._settled = threading.Condition()
        self._tried = threading.Event()
        self._flushing = 0
        self._close_by: float | None = None

    def start(self, timeout: float = 5.0) -> None:
        """Start the thread, and wait up to `timeout` seconds until it has tried to open the file once.

        From then on this process is on record, so that even calls of its first moment are missed if it is killed.
        When the file cannot be opened, that shows in the status, and the thread goes on trying.
        """
        self._thread.start()
        if self._relief is not None:
            self._relief.start()
        self._tried.wait(timeout)

    def begun(self) -> None:
        """A call began, and `record` will be handed it when it has ended. About a quarter of a microsecond.

        Should the process be killed in between, the next start states how many calls were in flight.
        """
        self._inbox.begin()

    def record(self, call: Call) -> None:
        """Take in a finished call. About 1 us; never blocks, never raises; may be called from any thread.

        The call must not be changed afterwards.
        """
        self._inbox.put(call)

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until all recorded so far is committed, put by or dropped; whether it is."""
        target = self._inbox.accepted
        with self._settled:
            self._flushing += 1
            self._inbox.wake.set()
            try:
                return self._settled.wait_for(lambda: self._inbox.settled >= target, timeout)
            finally:
                self._flushing -= 1

    def forget_bodies(self, call_id: str, timeout: float = 10.0) -> None:
        """Let go of a call's bodies: nobody is shown them again. Waits. Raises StoreError when that cannot be."""

        def work(connection: Connection) -> None:
            this = tables.calls.c.id == call_id
            connection.execute(tables.calls.update().where(this).values(request_body=None, answer_body=None))
            forget_words(connection, call_id)

        try:
            self.do(work).result(timeout)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StoreError(f"The bodies of `{call_id}` cannot be let go of: {error}.") from None

    def do(self, work: Callable[[Connection], None]) -> Future[None]:
        """Let the writer's thread do `work` in a transaction of its own, behind the calls that wait.

        What it gives is told when that is committed, or the error that kept it from being done.
        """
        errand = Errand(work, Future())
        self._inbox.ask(errand)
        return errand.done

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits, for up to `timeout` seconds, and stop. Whether all accepted calls are written or put by.

        Calls recorded from now on are dropped and counted, as is what cannot be written in that time.
        """
        self._inbox.close("closed")
        if self._relief is not None:
            self._relief.stop()  # before the end is written down: what it holds has to be on the disk by then
        if self._thread.ident is None and not self._inbox.recorded:
            self._inbox.seal(forget=True)  # there is nothing to tell of it
        elif self._thread.ident is None:
            self._writer.finish()
        else:
            self._close_by = time.monotonic() + timeout
            self._inbox.wake.set()
            # A try that is under way cannot be stopped; it ends when its wait for a lock does.
            self._thread.join(timeout + self._pace.busy + 1.0)
        return not self._thread.is_alive() and self._writer.kept == self._inbox.accepted

    @property
    def status(self) -> LedgerStatus:
        """How the ledger is at this moment. Cheap."""
        inbox, writer = self._inbox, self._writer
        failing = writer.failing
        return LedgerStatus(
            state="ok" if failing is None else "failing",
            reason=failing,
            since_us=writer.since_us,
            recorded=inbox.recorded,
            written=writer.written,
            dropped=sum(list(inbox.dropped.values())),
            dropped_by=dict(inbox.dropped),
            bodies_dropped=inbox.bodies_dropped,
            queued=inbox.accepted - inbox.settled,
            queued_bytes=inbox.held,
            pricing_errors=writer.batch.pricing_errors,
            incident=writer.holding.incident,
            **({} if writer.replay is None else writer.replay.figures()),
        )

    def _make_writer(
        self, place: Place, settings: LedgerSettings, pricer: Pricer, clock: Clock, spool: Path | None
    ) -> Writer:
        inbox, pace = self._inbox, self._pace
        is_shared = isinstance(place, Server)
        started_us = microseconds(clock.now())
        process = Process.here(started_us, inbox.tally_name, socket.gethostname() if is_shared else None)
        packer = Packer()
        replay: Replay | None = None
        holding: Holding
        if isinstance(place, Server):
            on_disk = None if spool is None else Spool(spool, process, settings.spool_bytes)
            holding = server = LedgerServer(
                place,
                process,
                clock,
                patience=pace.patience,
                unsettled=tuple if on_disk is None else on_disk.unsettled,
            )
            if on_disk is not None:
                replay = Replay(server, on_disk, process, inbox=inbox, pricer=pricer, packer=packer)
        else:
            holding = LedgerFile(place, process, clock, busy=pace.busy, shared=self._shared)
        return Writer(
            holding,
            settings,
            inbox,
            pricer=pricer,
            packer=packer,
            clock=clock,
            pace=pace,
            replay=replay,
            may_tidy=self._may_tidy,
        )

    def _is_failing(self) -> bool:
        return self._writer.failing is not None

    def _tell(self) -> None:
        with self._settled:
            self._settled.notify_all()

    def _work(self) -> None:
        wake, writer = self._inbox.wake, self._writer
        while True:
            close_by = self._close_by
            self._inbox.idle = not writer.has_to_write  # before the look at what waits: nothing is missed
            wake.wait(writer.patience() if close_by is None else _CLOSING_SECONDS if writer.failing else 0.0)
            wake.clear()
            try:
                writer.advance(at_once=close_by is not None or self._flushing > 0)
            except Exception as error:
                # Whatever it was, the thread must live: without it every later call is lost.
                log.exception("The ledger met an error that it does not know")
                writer.fail(f"unexpected error: {error}")
            self._tried.set()
            self._tell()
            if close_by is not None and (
                not writer.has_to_write or writer.may_leave or time.monotonic() >= close_by
            ):
                break
        writer.finish()


_CLOSING_SECONDS = 0.05
"""Between two tries while the process waits for the ledger to close."""
