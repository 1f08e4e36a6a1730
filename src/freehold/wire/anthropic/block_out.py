"""One content block of a stream, for a client."""

from __future__ import annotations

import copy

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.wire.anthropic.foreign import unfold
from freehold.wire.anthropic.frames import frame
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.parts_out import (
    begun_call,
    carry,
    encode_own_citation,
    encode_reasoning,
    is_hidden,
    own,
)
from freehold.wire.sealing import seal

_encode = msgspec.json.Encoder().encode


class BlockWriter:
    """Writes one part as a block: it begins when there is something to write, and ends with its state."""

    def __init__(self, part: Part, index: int, losses: Losses, *, same: bool) -> None:
        self.next_index = index
        """Of the block that comes after this part."""
        self._part = copy.copy(part)
        self._losses = losses
        self._same = same
        self._prefix = b""
        """What every delta begins with; empty until the block has begun."""
        self._state: State | None = getattr(part, "state", None)
        self._grown = False
        self._section = -1
        """Of reasoning: which section of its summary grows."""

    def begin(self) -> bytes:  # noqa: PLR0911 - one for each kind
        """What can be written at once."""
        part = self._part
        if isinstance(part, Foreign):
            return self._whole(part)
        if isinstance(part, ToolCall):
            return self._begin_call(part)
        if isinstance(part, Media):
            self._losses.add("answer", part.kind)
            return self.grow(part.transcript or "", 1)
        if isinstance(part, Reasoning):
            written = self.grow(part.text)
            for section, text in enumerate(part.summary):
                written += self.grow(text, section)
            return written
        if isinstance(part, Text):
            written = self._begin_text() if self._same else b""
            written += self.grow(part.text)
            return written + b"".join([self.cite(citation) for citation in part.citations])
        if isinstance(part, Refusal):
            return self.grow(part.text)
        self._losses.add("part", "tool_result")
        return b""

    def grow(self, text: str, section: int = -1) -> bytes:
        """More of the part's words."""
        if not text:
            return b""
        if self._prefix and section == self._section:
            self._grown = True
            return self._prefix + _encode(text) + b"}}\n\n"
        return self._grow_first(text, section)

    def _grow_first(self, text: str, section: int) -> bytes:
        part, written = self._part, b""
        if self._section == _CUSTOM:
            return self._delta(_encode(text)[1:-1].decode())
        if isinstance(part, Reasoning):
            if not self._prefix:
                written, self._section = self._begin_thinking(), section
            elif (self._section < 0) != (section < 0):
                self._losses.add(
                    "answer", "summary"
                )  # a summary beside the reasoning itself: the first stays
                return b""
            elif section != self._section:
                self._section, text = section, "\n\n" + text
        elif isinstance(part, Media):
            if section != 1:
                return b""
            written, self._section = self._begin_text(), section
        elif isinstance(part, Text | Refusal):
            written = self._begin_text()
        else:
            return b""
        self._grown = True
        return written + self._prefix + _encode(text) + b"}}\n\n"

    def cite(self, citation: Citation) -> bytes:
        """One more citation."""
        encoded = encode_own_citation(citation, self._losses, same=self._same)
        if encoded is None:
            return b""
        written = self._begin_text()
        delta = {"type": "citations_delta", "citation": encoded}
        return written + frame("content_block_delta", {"index": self.next_index, "delta": delta})

    def sign(self, state: State) -> None:
        """The part's state, which is written at its end."""
        self._state = state

    def end(self) -> bytes:
        """The end of the block, and the state of a part that has no place for one, in a block of its own."""
        part, state = self._part, self._state
        if isinstance(part, Reasoning):
            return self._end_reasoning(part)
        written = b""
        if self._section == _CUSTOM:
            written = self._delta('"}')
        elif isinstance(part, ToolCall) and not self._grown:
            written = self._prefix + b'"{}"}}\n\n'
        written += self._stop()
        if isinstance(part, Text | Media | ToolCall):
            carried = carry(state, self._losses)
            if carried is not None:
                written += self._block({**carried, "signature": ""}, _signature(str(carried["signature"])))
        return written

    def _end_reasoning(self, part: Reasoning) -> bytes:
        state = self._state
        if not self._prefix and state is not None and is_hidden(state, ""):
            redacted = Reasoning(state=state, extra=part.extra)
            return self._block(encode_reasoning(redacted, self._losses, same=self._same))
        written = self._begin_thinking()
        if state is not None:
            signature = _signature(seal(state))
            written += frame("content_block_delta", {"index": self.next_index, "delta": signature})
        return written + self._stop()

    def _begin_text(self) -> bytes:
        if self._prefix:
            return b""
        extra = (
            own(self._part.extra, self._losses, same=self._same)
            if not isinstance(self._part, Foreign)
            else {}
        )
        return self._begin({"type": "text", "text": "", **extra}, "text_delta", "text")

    def _begin_thinking(self) -> bytes:
        if self._prefix:
            return b""
        extra = (
            own(self._part.extra, self._losses, same=self._same) if isinstance(self._part, Reasoning) else {}
        )
        block = {"type": "thinking", "thinking": "", "signature": "", **extra}
        return self._begin(block, "thinking_delta", "thinking")

    def _begin_call(self, call: ToolCall) -> bytes:
        if call.custom:
            self._losses.add("tool.custom")
        block = {**begun_call(call), **own(call.extra, self._losses, same=self._same)}
        written = self._begin(block, "input_json_delta", "partial_json")
        if call.custom:
            self._section = _CUSTOM
            written += self._delta('{"input":"')
        return written + self.grow(call.arguments)

    def _delta(self, text: str) -> bytes:
        self._grown = True
        return self._prefix + _encode(text) + b"}}\n\n"

    def _begin(self, block: object, delta: str, field: str) -> bytes:
        self._prefix = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
            % (self.next_index, delta.encode(), field.encode())
        )
        return frame("content_block_start", {"index": self.next_index, "content_block": block})

    def _stop(self) -> bytes:
        if not self._prefix:
            return b""
        self._prefix = b""
        written = frame("content_block_stop", {"index": self.next_index})
        self.next_index += 1
        return written

    def _whole(self, part: Foreign) -> bytes:
        if part.dialect != NAME:
            self._losses.add("part", part.kind)
            return b""
        return self._block(*unfold(part))

    def _block(self, block: object, delta: dict[str, object] | None = None) -> bytes:
        """A block that is known as a whole."""
        index = self.next_index
        self.next_index += 1
        written = frame("content_block_start", {"index": index, "content_block": block})
        if delta is not None:
            written += frame("content_block_delta", {"index": index, "delta": delta})
        return written + frame("content_block_stop", {"index": index})


_CUSTOM = -2
"""The section of a call whose text is put into an object's one field, piece by piece."""


def _signature(signature: str) -> dict[str, object]:
    return {"type": "signature_delta", "signature": signature}
