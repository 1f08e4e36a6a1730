"""The supervisor: keeps so many workers running, replaces them one after the other, and ends them all."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence

from freehold.core.errors import FreeholdError, SettingsError, StoreError
from freehold.workers.process import WorkerProcess

log = logging.getLogger("freehold.workers")

START_SECONDS = 120.0
"""Within which a worker has to take calls."""
_SETTLED_SECONDS = 10.0
"""A worker that lived for so long had no fault in its starting: the next one starts at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_MOST_SILENT = 60
"""Seconds without a sign of life after which a worker is ended: its loop stands still."""


class Place:
    """One of the places, and who is in it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.worker: WorkerProcess | None = None
        self.failures = 0
        """Workers in a row that died young."""


class Supervisor:
    """Holds the listening sockets, one for each place, so that no connection is lost whichever worker ends.

    The kernel divides the connections evenly among the sockets; those of a place that has nobody are taken by others.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        make: Callable[[int], WorkerProcess],
        *,
        more: Sequence[socket.socket] = (),
        ended: Callable[[WorkerProcess], None] = lambda _: None,
    ) -> None:
        """`more` is handed to every worker behind the `listeners`. `make` gives a worker to be launched, `ended`
        is told of each that is gone.
        """
        self.restarts = 0
        """Workers started in place of one that died."""
        self.places = [Place(number) for number in range(1, len(listeners) + 1)]
        self._listeners = [*listeners, *more]
        self._make = make
        self._ended = ended
        self._leaving: set[WorkerProcess] = set()
        self._keeping: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._hurried = False
        self._rolling: asyncio.Task[None] | None = None
        self._roll_again = False

    @property
    def workers(self) -> list[WorkerProcess]:
        """All that have a process, those on their way out included."""
        found = [place.worker for place in self.places if place.worker is not None]
        return [*found, *self._leaving]

    @property
    def stopping(self) -> bool:
        """Whether all are to end."""
        return self._stopping.is_set()

    async def stops_within(self, seconds: float) -> bool:
        """Wait so long for a `stop`; whether there was one."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def start(self) -> None:
        """Start all of them; returns when they take calls. Raises what the first of them says is wrong.

        The first one alone: databases are made, and brought up to date, by one process.
        """
        first, *others = self.places
        await self._start_first(first)
        if self.stopping:
            return
        await asyncio.gather(*(self._fill(place) for place in others))

    async def _start_first(self, place: Place) -> None:
        worker = await self._launch(place)
        if await worker.ready(START_SECONDS) or self.stopping:
            return
        place.failures += 1
        self._stopping.set()  # nobody is to try again
        worker.kill()
        raise _as_error(worker)

    async def run(self) -> None:
        """Until all have ended after a `stop`."""
        watching = asyncio.create_task(self._watch())
        try:
            await self._stopping.wait()
            while self._keeping:
                await asyncio.wait(list(self._keeping.values()))
        finally:
            watching.cancel()
            for worker in self.workers:  # nothing may outlive us
                worker.kill()
            await asyncio.gather(*self._keeping.values(), return_exceptions=True)

    def stop(self) -> None:
        """Let calls in flight finish, and end. A second call hurries."""
        self._hurried = self._stopping.is_set()
        self._stopping.set()
        for worker in self.workers:
            worker.dismiss("hurry" if self._hurried else "stop")

    def roll(self) -> None:
        """Replace all workers, one after the other. Asked for while it goes on, it is done once more."""
        if self.stopping:
            return
        if self._rolling is not None and not self._rolling.done():
            self._roll_again = True
            return
        self._rolling = asyncio.create_task(self._roll())

    async def _roll(self) -> None:
        while True:
            self._roll_again = False
            log.warning("the workers are replaced one after the other")
            for place in self.places:
                if not await self._replace(place):
                    return
            log.warning("all workers were replaced")
            if not self._roll_again:
                return

    async def _replace(self, place: Place) -> bool:
        """Put a new worker in a place, and let the old one go when the new one takes calls."""
        if self.stopping:
            return False
        old = place.worker
        try:
            new = self._make(place.number)
            await self._begin(new)
        except (OSError, FreeholdError) as error:
            log.error("worker %d was not replaced: %s", place.number, error)  # noqa: TRY400 - it says what is wrong
            return False
        if self.stopping:
            new.dismiss("stop")
        if not await new.ready(START_SECONDS):
            if not self.stopping:
                log.error(
                    "worker %d was not replaced: the new one does not start: %s", place.number, _reason(new)
                )
            new.kill()
            return False
        self._leaving.discard(new)
        self._look_after_all()
        # The old one may have died meanwhile, and another have taken its place.
        olds = [one for one in (old, place.worker) if one is not None and one.running]
        place.worker = new
        for one in dict.fromkeys(olds):
            self._leaving.add(one)
            one.dismiss("retire")
        self._look_after_all()
        return True

    def _look_after_all(self) -> None:
        """See to it that the connections of each place are taken by somebody."""
        well = [place.worker for place in self.places if place.worker is not None and place.worker.well]
        if not well or self.stopping:
            return
        adopted: dict[WorkerProcess, set[int]] = {worker: set() for worker in well}
        for place in self.places:
            if place.worker is None or not place.worker.well:
                least = min(well, key=lambda worker: len(adopted[worker]))
                adopted[least].add(place.number)
        for worker, places in adopted.items():
            worker.adopt(places)

    # One worker

    async def _fill(self, place: Place) -> None:
        worker = await self._launch(place)
        if not await worker.ready(START_SECONDS) and worker.running:
            log.error("worker %d (process %d) was not ready in time", worker.number, worker.pid)
            worker.kill()  # another one takes its place
        self._look_after_all()

    async def _launch(self, place: Place) -> WorkerProcess:
        worker = self._make(place.number)
        place.worker = worker
        await self._begin(worker)
        return worker

    async def _begin(self, worker: WorkerProcess) -> None:
        place = self.places[worker.number - 1]
        if place.worker is not worker:
            self._leaving.add(worker)  # it is nobody's yet
        try:
            await worker.launch(self._listeners)
        except BaseException:
            self._leaving.discard(worker)
            raise
        if self.stopping:
            worker.dismiss("hurry" if self._hurried else "stop")
        self._keeping[worker] = asyncio.create_task(self._keep(worker))

    async def _keep(self, worker: WorkerProcess) -> None:
        """Until it has ended; then see to it that another one takes its place."""
        try:
            status = await worker.run()
        finally:
            del self._keeping[worker]
            self._leaving.discard(worker)
            self._ended(worker)
        place = self.places[worker.number - 1]
        if place.worker is not worker:
            return
        place.worker = None
        if self.stopping:
            return
        self._look_after_all()
        log.error("worker %d (process %d) ended: %s", worker.number, worker.pid, _ending(status, worker))
        self.restarts += 1
        place.failures = 1 if worker.age >= _SETTLED_SECONDS else place.failures + 1
        await self._refill(place)

    async def _refill(self, place: Place) -> None:
        while not self.stopping and place.worker is None:
            if place.failures > 1:
                pause = min(_FIRST_PAUSE * 2 ** (place.failures - 2), _LONGEST_PAUSE)
                log.warning("the next worker %d starts in %g s", place.number, pause)
                if await self.stops_within(pause):
                    return
            if place.worker is not None:
                return
            try:
                await self._fill(place)
            except (OSError, FreeholdError) as error:
                place.worker = None
                place.failures += 1
                log.error("worker %d cannot be started: %s", place.number, error)  # noqa: TRY400

    async def _watch(self) -> None:
        """End whoever gives no sign of life. Counted in turns of our own, so that a machine that slept ends nobody."""
        while True:
            await asyncio.sleep(1.0)
            for worker in self.workers:
                worker.silent_for += 1
                if worker.heard and worker.silent_for > _MOST_SILENT:
                    log.error("worker %d gave no sign of life for %d s", worker.number, _MOST_SILENT)
                    worker.silent_for = 0
                    worker.kill()
            self._look_after_all()


def _ending(status: int, worker: WorkerProcess) -> str:
    if worker.failure is not None:
        return worker.failure.message
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _reason(worker: WorkerProcess) -> str:
    return "it was not ready in time" if worker.failure is None else worker.failure.message


def _as_error(worker: WorkerProcess) -> FreeholdError:
    failure = worker.failure
    if failure is None:
        return FreeholdError(f"The first worker did not start: {_reason(worker)}.")
    kinds: dict[str, type[FreeholdError]] = {"settings": SettingsError, "store": StoreError}
    return kinds.get(failure.kind, FreeholdError)(failure.message, hint=failure.hint)
