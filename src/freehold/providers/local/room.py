"""Which of the local models are loaded: those that are asked for, as many as there is room for.

When room is needed, the one goes that was not asked for longest, and never one that is answering. What a model takes is
estimated before it is loaded, so that none is loaded that there is no memory for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from freehold.providers.local.errors import ModelDown, ModelTooLarge, NoRoom
from freehold.providers.local.memory import usual_memory
from freehold.providers.local.place import Place, now
from freehold.providers.local.supervised import Address, Worker

_LEASE_SECONDS = 2.0
"""For which whoever was given an address may take to go there."""
_PATIENCE_SECONDS = 60.0
"""Longest that a request waits for others to be done, so that its model can be loaded."""
_LONGEST_ANSWER_SECONDS = 700.0
"""For which a worker that is to leave may go on answering: longer than any client waits."""


class Room:
    """See the module."""

    def __init__(self) -> None:
        self.places: Mapping[str, Place] = {}
        """Those that can be asked for, by id."""
        self._memory = 0
        self._idle: float | None = None
        self._leaving: dict[Worker, int] = {}
        """Workers that take no more requests, and what they hold until they are gone."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def bound(self, memory: int | None, idle: float | None) -> None:
        """What all may take together, in bytes, and after how many seconds one goes that nobody asks for; None: the
        usual part of this machine's memory, and never.
        """
        self._memory = usual_memory() if memory is None else memory
        self._idle = idle
        self.look()

    async def address_in(self, place: Place) -> Address:
        """Where the model answers, as soon as it does. Raises any ProviderUnreachable, and NoRoom."""
        while True:
            place.asked = now()
            if place.has_changed():
                self._let_go(place)
            if not place.worker.loaded:
                place.look_at_file()
                await self._make_room(place)
            if not self._serves(place):
                raise ModelDown(place.model.id, "it is not served any more", log=str(place.log))
            worker = place.worker
            worker.start("loading")
            try:
                address = await worker.address()
            except ModelDown:
                if not worker.leaving or worker is place.worker:
                    raise
                continue  # it was let go of while it loaded; there is another one now
            place.asked = now()
            return address

    def has_room_for(self, place: Place) -> bool:
        """Whether it can be loaded without anybody else going. Raises ModelAbsent and ModelDamaged."""
        place.look_at_file()
        return self._held() + place.held <= self._memory

    def take_away(self, place: Place) -> None:
        """It cannot be asked for any more."""
        self._see_off(place.worker, place)

    def look(self) -> None:
        """Something has changed: whoever waits for room sees whether there is some now."""
        news, self._news = self._news, asyncio.Event()
        news.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        idle = self._idle
        quiet = [] if idle is None or self._closed else [since + idle for since in self._quiet().values()]
        if quiet:
            self._timer = asyncio.get_running_loop().call_at(min(quiet), self._end_idle)

    async def clear(self) -> None:
        """End all, and wait until they are gone."""
        self._closed = True
        self.look()
        workers = [place.worker for place in self.places.values()] + [*self._leaving]
        await asyncio.gather(*(worker.stop() for worker in workers))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make_room(self, place: Place) -> None:
        """Wait until it fits beside those that are loaded, and see off who may go. Raises ModelTooLarge and NoRoom."""
        if place.held > self._memory:
            raise ModelTooLarge(place.model.id, need=place.held, memory=self._memory)
        end = now() + _PATIENCE_SECONDS
        while self._serves(place) and not place.worker.loaded and self._held() + place.held > self._memory:
            lease = self._see_off_for(place)
            news = self._news
            if now() >= end or self._closed:
                others = tuple(one.model.id for one in self._loaded())
                raise NoRoom(place.model.id, need=place.held, memory=self._memory, others=others)
            try:
                async with asyncio.timeout_at(min(end, lease)):
                    await news.wait()
            except TimeoutError:
                continue

    def _see_off_for(self, place: Place) -> float:
        """Have so many go as are needed, who was not asked for longest first; when to look again at the latest."""
        staying = sum(one.held for one in self._loaded())
        quiet = self._quiet()
        for id_ in sorted(quiet, key=lambda id_: self.places[id_].asked):
            if staying + place.held <= self._memory:
                break
            if now() >= self.places[id_].asked + _LEASE_SECONDS:
                staying -= self.places[id_].held
                self._let_go(self.places[id_])
        return now() + _LEASE_SECONDS / 4

    def _end_idle(self) -> None:
        self._timer = None
        idle = self._idle
        for id_, since in self._quiet().items():
            if idle is not None and now() >= since + idle:
                self._let_go(self.places[id_])
        self.look()

    def _let_go(self, place: Place) -> None:
        self._see_off(place.change_worker(), place)

    def _see_off(self, worker: Worker, place: Place) -> None:
        if not worker.loaded:
            return
        self._leaving[worker] = place.held
        patience = max(0.0, place.asked + _LEASE_SECONDS - now())
        task = asyncio.create_task(self._accompany(worker, patience), name=f"end of {worker.model.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accompany(self, worker: Worker, patience: float) -> None:
        if patience and worker.state == "ready":
            await asyncio.sleep(patience)
        worker.leave()
        try:
            async with asyncio.timeout(_LONGEST_ANSWER_SECONDS):
                await worker.ended()
        except TimeoutError:
            await worker.stop()
        del self._leaving[worker]
        self.look()

    def _serves(self, place: Place) -> bool:
        return self.places.get(place.model.id) is place

    def _held(self) -> int:
        return sum(one.held for one in self._loaded()) + sum(self._leaving.values())

    def _loaded(self) -> Iterator[Place]:
        return (one for one in self.places.values() if one.worker.loaded)

    def _quiet(self) -> dict[str, float]:
        """Ids of the loaded that nobody wants anything of, and since when."""
        found = ((id_, place.quiet_since) for id_, place in self.places.items())
        return {id_: since for id_, since in found if since is not None}
