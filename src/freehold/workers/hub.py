"""What the supervisor does between workers: it passes on what one tells the others, and asks them for one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress

import msgspec

from freehold.engine.background.elsewhere import NO
from freehold.workers.line import Answer, Hear, LineError, whole
from freehold.workers.messages import Overview, Sought
from freehold.workers.process import WorkerProcess

_PATIENCE = 3.0
"""Seconds for a worker's answer to another's question."""


class Hub:
    """Hears what workers tell, and answers what they ask. One for all of them."""

    def __init__(
        self,
        workers: Callable[[], list[WorkerProcess]],
        *,
        overview: Callable[[WorkerProcess], Overview],
        address_of: Callable[[str], AsyncIterator[Sought]] | None,
        fold: Callable[[list[bytes]], bytes],
        poke: Callable[[], None],
    ) -> None:
        """`overview` says how all are, as seen from a worker; `address_of` finds a local model; `fold` makes one of the
        figures of several workers that are gone; `poke` has the configuration looked at.
        """
        self._workers = workers
        self._overview = overview
        self._address_of = address_of
        self._fold = fold
        self._poke = poke
        self._departed = b""
        """The figures of workers that ended."""

    def hear(self, worker: WorkerProcess) -> Mapping[str, Hear]:
        """What `worker` may tell that is for the others."""
        return {
            "breakers": lambda body: self._pass_on(worker, "breakers", body),
            "poke": lambda _: self._poke(),
        }

    def answer(self, worker: WorkerProcess) -> Mapping[str, Answer]:
        """What `worker` may ask."""
        return {
            "figures": lambda _: self._figures(),
            "flush": lambda body: self._ask_others(worker, "flush", body),
            "response": lambda body: self._ask_around(worker, "response", body),
            "overview": whole(lambda _: self._tell_overview(worker)),
            "address": self._find_address,
        }

    def forget(self, worker: WorkerProcess) -> None:
        """It has ended: what it counted goes on being counted."""
        if worker.figures:
            former = [self._departed] if self._departed else []
            self._departed = self._fold([*former, worker.figures])

    def _pass_on(self, worker: WorkerProcess, topic: str, body: bytes) -> None:
        for other in self._workers():
            if other is not worker:
                other.tell(topic, body)

    async def _tell_overview(self, worker: WorkerProcess) -> bytes:
        return msgspec.msgpack.encode(self._overview(worker))

    async def _figures(self) -> AsyncIterator[bytes]:
        """The figures of all, whoever asks included, and of those that are gone; each a piece."""
        workers = [worker for worker in self._workers() if worker.state != "starting"]

        async def ask(worker: WorkerProcess) -> None:
            assert worker.line is not None
            with suppress(LineError):  # then what it said last has to do
                worker.figures = await worker.line.ask_whole("figures", patience=_PATIENCE)

        await asyncio.gather(*(ask(worker) for worker in workers))
        known = set(self._workers())
        for worker in workers:
            if worker in known and worker.figures:  # else it ended meanwhile, and is among the departed
                yield worker.figures
        if self._departed:
            yield self._departed

    async def _ask_others(self, worker: WorkerProcess, topic: str, body: bytes) -> AsyncIterator[bytes]:
        """The whole answers of all others, each a piece; those that have none are left out."""

        async def ask(other: WorkerProcess) -> bytes:
            assert other.line is not None
            try:
                return await other.line.ask_whole(topic, body, patience=_PATIENCE)
            except LineError:
                return b""

        others = [one for one in self._workers() if one is not worker and one.state != "starting"]
        for answer in await asyncio.gather(*(ask(other) for other in others)):
            if answer:
                yield answer

    async def _ask_around(self, worker: WorkerProcess, topic: str, body: bytes) -> AsyncIterator[bytes]:
        """What the first of the others says that does not say no, as it comes."""
        for other in self._workers():
            if other is worker or other.state == "starting" or other.line is None:
                continue
            try:
                async with aclosing(other.line.ask(topic, body)) as pieces:
                    async for piece in pieces:
                        if piece == NO:
                            break
                        yield piece
                    else:
                        return
            except LineError:
                continue
        yield NO

    async def _find_address(self, body: bytes) -> AsyncIterator[bytes]:
        if self._address_of is None:
            raise LineError("There are no local models.")
        async for sought in self._address_of(body.decode()):
            yield msgspec.msgpack.encode(sought)
