"""The supervisor and the other workers, as one worker sees them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import msgspec

from freehold.engine.background.elsewhere import NO
from freehold.workers.line import Line, LineError, whole
from freehold.workers.messages import Beat, Configuration, Failure, Order, Overview, Sought, Taken

_PATIENCE = 5.0
BEAT_SECONDS = 1.0


class Duties:
    """What a worker does when it is told to or asked. Set before it is ready; nothing happens by default."""

    configure: Callable[[Configuration], str | None] = staticmethod(lambda _: None)
    """Take a configuration over; why it cannot be, else None."""
    refused: Callable[[str], None] = staticmethod(lambda _: None)
    """Hear why an edit of the configuration was not taken."""
    leave: Callable[[str], None] = staticmethod(lambda _: None)
    """`stop`, `hurry` or `retire`."""
    adopt: Callable[[int], None] = staticmethod(lambda _: None)
    """Take the connections of another place, too."""
    give_up: Callable[[int], None] = staticmethod(lambda _: None)
    """Take them no more."""
    heed: Callable[[bytes], None] = staticmethod(lambda _: None)
    """What another found out about providers."""
    flush: Callable[[], Awaitable[None]]
    """Bring all calls so far on record."""
    figures: Callable[[], bytes] = staticmethod(lambda: b"")
    respond: Callable[[bytes], AsyncIterator[bytes]]
    """Answer for a response that runs here; `NO` when there is none."""


class Crew:
    """A worker's line to its supervisor, and through it to the others."""

    def __init__(self, end: socket.socket) -> None:
        self.duties = Duties()
        self._ordered: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._told_to_leave: str | None = None
        self._is_ready = False
        self._line = Line(
            end,
            hear={
                "order": self._take_order,
                "configure": self._configure,
                "breakers": self._heed,
                "refused": lambda body: self.duties.refused(body.decode()),
                "adopt": lambda body: self.duties.adopt(int(body)),
                "give up": lambda body: self.duties.give_up(int(body)),
                "stop": lambda _: self.leave("stop"),
                "hurry": lambda _: self.leave("hurry"),
                "retire": lambda _: self.leave("retire"),
            },
            answer={
                "figures": whole(self._give_figures),
                "flush": whole(self._flush),
                "response": self._respond,
            },
        )
        self._listening = asyncio.create_task(self._listen())

    async def order(self) -> Order:
        """What this worker is to be."""
        return await self._ordered

    # What it tells

    def ready(self) -> None:
        """Calls are taken."""
        self._is_ready = True
        self._line.tell("ready")
        if self._told_to_leave is not None:
            self.duties.leave(self._told_to_leave)

    async def fail(self, failure: Failure) -> None:
        """It cannot start."""
        self._line.tell("failed", msgspec.msgpack.encode(failure))
        await self.drain()

    async def drain(self) -> None:
        """Wait a moment for what was told to go out."""
        await self._line.drain()

    def beat(self, beat: Beat) -> None:
        """A sign of life."""
        self._line.tell("beat", msgspec.msgpack.encode(beat))

    def poke(self) -> None:
        """The configuration is to be looked at, changed or not."""
        self._line.tell("poke")

    def tell_breakers(self, body: bytes) -> None:
        """What was found out about providers."""
        self._line.tell("breakers", body)

    # What it asks

    async def overview(self) -> Overview | None:
        """How all are; None when the supervisor does not answer."""
        try:
            body = await self._line.ask_whole("overview", patience=_PATIENCE)
        except LineError:
            return None
        return msgspec.msgpack.decode(body, type=Overview)

    async def gather_figures(self) -> list[bytes]:
        """The figures of all workers, this one's included, and of those that are gone. Raises LineError."""
        return await self._collect("figures")

    async def flush_others(self) -> None:
        """What others have answered so far is on record when this returns, if they can."""
        try:
            await self._collect("flush")
        except LineError:
            return

    async def ask_others(self, body: bytes) -> AsyncGenerator[bytes, None]:
        """What the one that runs a response says of it; nothing when nobody does. Raises LineError."""
        said = False
        async with aclosing(self._line.ask("response", body)) as pieces:
            async for piece in pieces:
                if piece == NO:
                    if said:
                        raise LineError("The process that runs the response has ended.")
                    return
                said = True
                yield piece

    async def address_of(self, name: str) -> Sought:
        """A local model's address, once it is ready. Raises LineError."""
        async with aclosing(self._line.ask("address", name.encode())) as pieces:
            async for piece in pieces:
                return msgspec.msgpack.decode(piece, type=Sought)
        raise LineError("The supervisor did not answer.")

    async def _collect(self, topic: str) -> list[bytes]:
        async with asyncio.timeout(_PATIENCE), aclosing(self._line.ask(topic)) as pieces:
            return [piece async for piece in pieces]

    # What it is told and asked

    async def _listen(self) -> None:
        await self._line.run()
        # Without a supervisor nobody would end us, nor take our place: calls in flight finish, and that is all.
        if not self._ordered.done():
            self._ordered.set_exception(LineError("The supervisor is gone."))
        self.leave("stop")

    def leave(self, how: str) -> None:
        """End, in this way."""
        self._told_to_leave = how
        if self._is_ready:
            self.duties.leave(how)

    def _take_order(self, body: bytes) -> None:
        self._ordered.set_result(msgspec.msgpack.decode(body, type=Order))

    def _configure(self, body: bytes) -> None:
        wanted = msgspec.msgpack.decode(body, type=Configuration)
        problem = self.duties.configure(wanted)
        self._line.tell("taken", msgspec.msgpack.encode(Taken(wanted.version, wanted.name, problem)))

    def _heed(self, body: bytes) -> None:
        self.duties.heed(body)

    def _respond(self, body: bytes) -> AsyncIterator[bytes]:
        return self.duties.respond(body)

    async def _give_figures(self, _: bytes) -> bytes:
        return self.duties.figures()

    async def _flush(self, _: bytes) -> bytes:
        await self.duties.flush()
        return b"\1"
