"""Streamed answers in OpenAI's form: forwarded as they are, read on the side."""

from __future__ import annotations

import msgspec

from freehold.core.usage import Usage
from freehold.wire.openai_answer import ABSENT, Facts, NotAnAnswer, present
from freehold.wire.openai_usage import read_usage
from freehold.wire.sse import EventSplitter, EventTooLarge, data_of

DONE = b"data: [DONE]\n\n"


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    model: str | None = None


class _PlainChoice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _PlainChunk(msgspec.Struct, gc=False):
    choices: list[_PlainChoice] = []
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_plain = msgspec.json.Decoder(list[_PlainChunk]).decode


class ChatStream:
    """Reads one stream. Feed it pieces as they come; it returns what may go to the client.

    Only whole events are passed on, so that a stream that breaks can still be ended properly.
    With `hide_usage` the closing event that carries nothing but usage is kept back: we asked for
    it, the client did not.
    """

    __slots__ = ("_hide_usage", "_splitter", "deltas", "error", "facts", "finished", "started")

    def __init__(self, *, hide_usage: bool) -> None:
        self._splitter = EventSplitter()
        self._hide_usage = hide_usage
        self.facts = Facts()
        self.deltas = 0
        """Events that carried something written: about as many as tokens."""
        self.started = False
        """Something was written: text, reasoning, a refusal or a tool call."""
        self.finished = False
        """The provider said `[DONE]`."""
        self.error: bytes | None = None
        """The error object of an error event."""

    def feed(self, piece: bytes) -> bytes:
        """Whole events of `piece` and what was left before it, ready for the client.

        Raises NotAnAnswer when an event is not of this dialect; what came before it in the same
        piece is lost with it.
        """
        untouched = not self._splitter.rest
        if self.started and untouched and self._all_plain(piece):
            return piece
        try:
            events = self._splitter.feed(piece)
        except EventTooLarge as error:
            raise NotAnAnswer(error.message) from None
        kept: list[bytes] = []
        for event in events:
            if self._read(event):
                kept.append(event)
            else:
                untouched = False
        if untouched and not self._splitter.rest:
            return piece
        if not kept:
            return b""
        kept.append(b"")
        return b"\n\n".join(kept)

    def _all_plain(self, piece: bytes) -> bool:
        """Whether `piece` is whole events that only go on writing, which is what most of a stream is.

        They are then counted and need no closer look. All are parsed at once, as the list they
        become when the text between them is a comma: a third of what one by one costs.
        """
        if not piece.startswith(b"data: {") or not piece.endswith(b"}\n\n") or b"\r" in piece:
            return False
        try:
            chunks = _decode_plain(b"[%b]" % piece[6:-2].replace(b"\n\ndata: ", b","))
        except (msgspec.DecodeError, RecursionError):
            return False
        for chunk in chunks:
            if chunk.usage is not ABSENT or chunk.error is not ABSENT or not chunk.choices:
                return False
            for choice in chunk.choices:
                if choice.finish_reason is not None:
                    return False
        self.deltas += len(chunks)
        return True

    def finish(self) -> bytes:
        """The bytes have ended: a last event that lacks its empty line counts if it can be read."""
        rest = self._splitter.rest
        if not rest.strip():
            return b""
        try:
            return rest.rstrip(b"\r\n") + b"\n\n" if self._read(rest.rstrip(b"\r\n")) else b""
        except NotAnAnswer:
            return b""

    def _read(self, event: bytes) -> bool:
        """Take the facts out of an event; whether the client may see it."""
        data = event[6:] if event.startswith(b"data: {") and b"\n" not in event else data_of(event)
        if data is None:
            return True
        if data == b"[DONE]":
            self.finished = True
            return True
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise NotAnAnswer(f"an event is not understood: {error}") from None
        facts = self.facts
        if chunk.choices:
            for choice in chunk.choices:
                delta = choice.delta
                if delta is not None and (
                    delta.content or delta.tool_calls or delta.reasoning_content or delta.reasoning or delta.refusal
                ):
                    self.deltas += 1
                    self.started = True
                if choice.finish_reason is not None:
                    facts.stop_reason = choice.finish_reason
        if facts.model is None:
            facts.model = chunk.model
        if chunk.error is not ABSENT:
            self.error = present(chunk.error)
        if chunk.usage is not ABSENT and (raw := present(chunk.usage)) is not None:
            facts.raw_usage = raw
            facts.usage = read_usage(raw)
            return bool(chunk.choices) or not self._hide_usage
        return True

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end, as opposed to being cut."""
        return self.finished or self.facts.stop_reason is not None

    def usage_so_far(self) -> Usage:
        """The provider's usage or, when the stream ended before it came, the events we counted."""
        if self.facts.raw_usage is not None or not self.started:
            return self.facts.usage
        return Usage(output_tokens=self.deltas, source="counted")
