"""Streamed answers in OpenAI's form: forwarded as they are, read on the side."""

from __future__ import annotations

import msgspec

from freehold.core.errors import FreeholdError
from freehold.core.usage import Usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.facts import Facts
from freehold.wire.openai_chunk import read_chunk, read_plain_chunks
from freehold.wire.openai_errors import encode_error_event
from freehold.wire.openai_usage import UNREADABLE, read_usage
from freehold.wire.passing_state import Sealer
from freehold.wire.reading import is_utf8
from freehold.wire.sse import EventSplitter, EventTooLarge, data_of

_CR = 0x0D

DONE = b"data: [DONE]\n\n"

_CLOSING_EVENTS = 4
"""Events at the end of a stream that may be special: stop reason, usage, `[DONE]`, and one to spare."""


class ChatStream:
    """Reads one stream. Feed it pieces as they come; it returns what may go to the client.

    Only whole events are passed on, byte for byte but for reasoning state, so that a stream that breaks can
    still be ended properly. With `hide_usage` the closing event that carries nothing but usage is kept back: we
    asked for it, the client did not. How the stream was cut into pieces makes no difference.
    """

    __slots__ = (
        "_flowing",
        "_hide_usage",
        "_last_shown",
        "_sealer",
        "_splitter",
        "_stopped",
        "_unstopped",
        "broken",
        "deltas",
        "error",
        "facts",
        "finished",
        "halted",
        "hides_error",
        "started",
    )

    def __init__(self, *, hide_usage: bool, sealer: Sealer | None = None) -> None:
        """`sealer` seals the reasoning state in it."""
        self._splitter = EventSplitter()
        self._hide_usage = hide_usage
        self._sealer = sealer
        self._last_shown = True
        self._flowing = False
        """The answer has started, its model is known, and nothing has halted it."""
        self._stopped: set[int] = set()
        """Choices that came to their end."""
        self._unstopped: set[int] = set()
        """Choices that have begun and not come to their end."""
        self.facts = Facts()
        self.deltas = 0
        """Events that carried something written: about as many as tokens."""
        self.started = False
        """Something was written: text, reasoning, a refusal or a tool call."""
        self.finished = False
        """The provider said `[DONE]`."""
        self.error: bytes | None = None
        """The error object of an error event."""
        self.broken: NotAnAnswer | None = None
        """Why an event was not understood."""
        self.hides_error = False
        """An error event is not told: whoever reads the stream does something about it."""
        self.halted = False
        """Finished, ended by an error event, or broken: what follows is not part of the answer."""

    def feed(self, piece: bytes) -> bytes:
        """Whole events of `piece` and what was left before it, ready for the client.

        Raises NotAnAnswer when an event is not of this dialect. Events before it in the same piece
        are returned first; the error is then in `broken`, and raised by the next call.
        """
        splitter = self._splitter
        untouched = splitter.empty
        if self._flowing and untouched and self._all_plain(piece):
            return piece
        if self.halted:
            return self._after_halt(piece)
        try:
            events = splitter.feed(piece)
        except EventTooLarge as error:
            raise self._break(error.message) from None
        endings = splitter.endings
        shown = [splitter.late] if self._last_shown else []
        position, tried = 0, False
        while position < len(events):
            if self._flowing and not tried and endings is None:
                tried = True
                run = self._plain_run(events, position)
                if run:
                    shown += (b"\n\n".join(events[position : position + run]), b"\n\n")
                    self._last_shown = True
                    position += run
                    continue
            event = events[position]
            position += 1
            try:
                self._last_shown = self._read(event) and not (self.hides_error and self.error is not None)
            except NotAnAnswer as error:
                broken = self._break(str(error))
                if not any(shown):
                    raise broken from None
                break
            if self._last_shown:
                told = event if self._sealer is None else self._sealer.frame(event)
                untouched = untouched and told is event
                shown.append(told)
                shown.append(b"\n\n" if endings is None else endings[position - 1])
            else:
                untouched = False
            if self.halted:
                self._last_shown = self._last_shown and position == len(events)
                break
        if untouched and splitter.empty and not self.halted:
            return piece
        return b"".join(shown)

    def _after_halt(self, piece: bytes) -> bytes:
        if self.broken is not None:
            raise self.broken
        return self._splitter.late_of(piece) if self._last_shown else b""

    def _all_plain(self, piece: bytes) -> bool:
        """Whether `piece` is whole events that only go on writing, which is what most of a stream is.

        They are then counted and need no closer look. All are parsed at once, as the list they
        become when the text between them is a comma: a third of what one by one costs.
        """
        if piece[:7] != b"data: {" or piece[-3:] != b"}\n\n" or _CR in piece or not is_utf8(piece):
            return False
        parts = piece[6:-2].split(b"\n\ndata: ")
        if read_plain_chunks(b"[%b]" % b",".join(parts)) != len(parts):
            return False
        self.deltas += len(parts)
        if 0 not in self._stopped:
            self._unstopped.add(0)
        return True

    def _plain_run(self, events: list[bytes], start: int) -> int:
        """How many events from `start` on only go on writing; they are counted. 0 when it is not worth a try.

        The last few of a stream say why it stopped and what it used: those are left to a closer look.
        """
        end = len(events)
        while end > start and len(events) - end < _CLOSING_EVENTS and not self._is_plain(events[end - 1]):
            end -= 1
        if end - start < _CLOSING_EVENTS or not self._all_plain(b"\n\n".join(events[start:end]) + b"\n\n"):
            return 0
        return end - start

    @staticmethod
    def _is_plain(event: bytes) -> bool:
        return event.startswith(b"data: {") and read_plain_chunks(b"[%b]" % event[6:]) == 1

    def _break(self, reason: str) -> NotAnAnswer:
        self.broken = broken = NotAnAnswer(reason)
        self._halt()
        return broken

    def _halt(self) -> None:
        self.halted = True
        self._flowing = False

    def finish(self) -> bytes:
        """The bytes have ended: a last event that lacks its empty line counts if it can be read."""
        rest = self._splitter.take_rest().rstrip(b"\r\n")
        if self.halted or not rest.strip():
            return b""
        try:
            shown = self._read(rest)
        except NotAnAnswer:
            return b""
        if not shown:
            return b""
        return (rest if self._sealer is None else self._sealer.frame(rest)) + b"\n\n"

    def close(self) -> bytes:
        """What tells the client that the answer is complete, when the provider did not say so."""
        return DONE

    def fail(self, error: FreeholdError) -> bytes:
        """What tells the client that the answer breaks off, and why."""
        return encode_error_event(error)

    def _read(self, event: bytes) -> bool:
        """Take the facts out of an event; whether the client may see it."""
        data = data_of(event)
        if not data:
            return True
        if data.strip() == b"[DONE]":
            self.finished = True
            self._halt()
            return True
        if not is_utf8(event):
            raise NotAnAnswer("an event is not UTF-8")
        try:
            chunk = read_chunk(data)
        except UNREADABLE as error:
            raise NotAnAnswer(f"an event is not understood: {error}") from None
        facts = self.facts
        if chunk.writes or (self.started and chunk.plain):
            self.deltas += 1
            self.started = True
        if chunk.stop_reason is not None:
            facts.stop_reason = chunk.stop_reason
        self._stopped.update(chunk.stopped)
        self._unstopped.update(chunk.choices)
        self._unstopped -= self._stopped
        facts.model = facts.model or chunk.model
        if chunk.usage is not None:
            facts.raw_usage = chunk.usage
            facts.usage = read_usage(chunk.usage)
        if chunk.error is not None:
            self.error = chunk.error
            self._halt()
            return True
        self._flowing = self.started and facts.model is not None
        return not (self._hide_usage and chunk.only_usage)

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end, as opposed to being cut: every choice that began did."""
        return self.finished or (self.facts.stop_reason is not None and not self._unstopped)

    def usage_so_far(self) -> Usage:
        """The provider's usage or, when the stream ended before it came, the events we counted.

        Some providers send usage all along; when the stream ends early, theirs may lag behind what
        was written, and then ours counts.
        """
        usage = self.facts.usage
        if not self.started or (self.complete and self.facts.raw_usage is not None):
            return usage
        if usage.output_tokens is not None and usage.output_tokens >= self.deltas:
            return usage
        return msgspec.structs.replace(usage, output_tokens=self.deltas, source="counted")
