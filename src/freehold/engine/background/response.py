"""One response that runs in the background, from the moment its client was told of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from freehold.core.errors import BadRequest, FreeholdError
from freehold.engine.background.events import KeptEvents, Room
from freehold.ledger.record import Call, Outcome
from freehold.wire.responses import background as wire
from freehold.wire.sse import EventSplitter

_NOTHING = FreeholdError("The answer ended without an end of its own.")


class BackgroundResponse:
    """What is known of it at this moment. It ends exactly once: with an answer, with an error, or cancelled."""

    def __init__(
        self, call: Call, queued: bytes, room: Room, *, body: bytes, streamed: bool, kept: bool
    ) -> None:
        """`queued`: its Response object before there is an answer. `body`: the client's request.

        `kept`: the client wants to find it again as long as answers are kept at all.
        """
        self.call = call
        self.id: str = "resp_" + call.id.removeprefix("call_")
        self.key_id = call.key_id
        self.body = body
        """Empty once it has ended and the ledger has it."""
        self.streamed = streamed
        self.kept = kept
        self.begun = False
        self.ended = False
        self.halted = False
        """It is to end before it has an answer."""
        self.object = queued
        """The Response object as it stands."""
        self._queued = queued
        self._events = KeptEvents(room)
        self._room = room
        self._splitter = EventSplitter()
        self._news = asyncio.Event()
        room.take(len(queued))
        if streamed:
            self._events.add(wire.event("response.created", 0, queued))
            self._events.add(wire.event("response.queued", 1, queued))

    # What becomes of it

    def begin(self) -> None:
        """A model is asked now."""
        self.begun = True
        self.object = wire.standing(self._queued, "in_progress")
        if self.streamed:
            self._events.add(wire.event("response.in_progress", self._events.next, self.object))
        self._tell()

    def add(self, piece: bytes) -> None:
        """Further events of whoever answers. What comes after an end is ignored."""
        for frame in self._splitter.feed(piece):
            told = None if self.ended else wire.renumbered(frame, self._events.next)
            if told is None:
                continue
            self._events.add(told)
            if told.response is not None:
                self._end(told.response)
        self._tell()

    def answer(self, response: bytes) -> None:
        """The whole answer."""
        self._end(response)
        self._tell()

    def fail(self, error: FreeholdError, last_words: bytes = b"") -> None:
        """No answer could be had, or not all of it. `last_words` may say how far it came."""
        if self.ended:
            return
        output = b"[]"
        for frame in EventSplitter().feed(last_words):
            told = wire.renumbered(frame, 0)
            if told is not None and told.response is not None:
                output = wire.output_of(told.response)
        self._end(wire.failed(self._queued, error, output))
        if self.streamed:
            self._events.add(wire.event("response.failed", self._events.next, self.object))
        self._tell()

    def cancel(self) -> None:
        """Its client wants it no more. The dialect has no event for this end: the stream just ends."""
        if not self.ended:
            self._end(wire.standing(self._queued, "cancelled"))
            self._tell()

    def _end(self, response: bytes) -> None:
        self.ended = True
        self.object = response
        self._room.take(len(response))

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    # For the record

    def record(
        self, outcome: Outcome, error: FreeholdError | None, last_words: bytes, most: int
    ) -> bytes | None:
        """What the ledger keeps as its answer: all its events or, when these are not all there or over `most` bytes,
        its Response object. None for a whole answer, which the call knows itself.
        """
        if outcome == "cancelled" and error is None:
            self.cancel()
        elif not self.ended and (error is not None or self.streamed):
            self.fail(error or _NOTHING, last_words)
        if not self.ended:
            return None
        events = self._events.since(0) if self._complete else b""
        return events if 0 < len(events) <= most else self.object if len(self.object) <= most else None

    @property
    def _complete(self) -> bool:
        return self.streamed and self._events.first == 0 and wire.status_of(self.object) != "cancelled"

    # What its client asks

    async def follow(self, after: int) -> AsyncIterator[bytes]:
        """Its events behind the one numbered `after`, up to its end. Raises BadRequest when they are not kept."""
        self.check(after)
        at = after + 1
        while True:
            if at < self._events.first:
                return  # whoever reads this slowly takes it up again, and is told why that cannot be
            news, ended = self._news, self.ended
            if at < self._events.next:
                piece, at = self._events.since(at), self._events.next
                yield piece
            elif ended:
                return
            else:
                await news.wait()

    def check(self, after: int) -> None:
        """Raises BadRequest when the events behind `after` cannot be told."""
        if not self.streamed:
            raise BadRequest(
                f"The response `{self.id}` was not created with `stream: true`.",
                hint="Ask for it without `stream`.",
                param="stream",
            )
        if after + 1 < self._events.first:
            raise BadRequest(
                f"The events of `{self.id}` before number {self._events.first} are not kept any more.",
                hint="Ask for the response without `stream`.",
                param="starting_after",
            )

    def drop_oldest_event(self) -> bool:
        """Let go of the oldest event; False when there was none."""
        return self._events.drop_oldest()

    def forget(self) -> None:
        """Let go of everything."""
        self._events.clear()
        self._room.take(-len(self._queued))
        if self.ended:
            self._room.take(-len(self.object))
