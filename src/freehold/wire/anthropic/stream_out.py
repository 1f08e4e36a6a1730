"""Streamed answers for clients: blocks one after the other, whatever order the parts grow in."""

from __future__ import annotations

from freehold.core.answer import Stop
from freehold.core.events import (
    Begin,
    Cite,
    End,
    ErrorSeen,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Part, Refusal
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.anthropic.answer_out import message_id
from freehold.wire.anthropic.block_out import BlockWriter
from freehold.wire.anthropic.errors import encode_error, status_of
from freehold.wire.anthropic.frames import frame
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.parts_out import own
from freehold.wire.anthropic.stops import encode_stop
from freehold.wire.anthropic.usage import encode_tier, encode_usage
from freehold.wire.dialect import Addressee, WireError

_IN_DELTA = ("stop_details", "container")
"""What stands beside the stop reason; the rest stands beside the delta."""


class MessageWriter:
    """Writes one streamed answer. The dialect has one framing, whatever the addressee's."""

    def __init__(self, addressee: Addressee, losses: Losses) -> None:
        self._addressee = addressee
        self._losses = losses
        self._begin: Begin | None = Begin()
        """Until it is written: usage that comes right behind it belongs into it."""
        self._same = False
        self._block: BlockWriter | None = None
        self._current = -1
        """Number of the part that is being written."""
        self._waiting: dict[int, list[PartBegin | Grow | Sign | Cite | PartEnd]] = {}
        """Parts that have begun meanwhile, in order, and what was said about them."""
        self._blocks = 0
        self._usage: Usage = NO_USAGE
        self._raw_usage: bytes | None = None
        self._stop: Stop | None = None
        self._extra: Fields = {}
        self._declined = False

    def write(self, event: Event) -> bytes:  # noqa: PLR0911 - one for each kind
        """The event as the client's dialect has it; may be empty."""
        if isinstance(event, Grow) and event.index == self._current and event.choice == 0 and self._block:
            return self._block.grow(event.text, event.section)
        if isinstance(event, Begin):
            self._begin, self._same = event, event.dialect == NAME
            return b""
        if isinstance(event, UsageSeen):
            self._usage, self._raw_usage = event.usage, event.raw
            return b""
        if isinstance(event, LogProbs):
            self._losses.add("logprobs")
            return b""
        if isinstance(event, ErrorSeen):
            status = event.status or status_of(event.kind) or 500
            body = encode_error(WireError(status=status, message=event.message, kind=event.kind))
            return b"event: error\ndata: " + body + b"\n\n"
        if isinstance(event, End):
            return self._start() + self._end()
        if event.choice != 0:
            self._losses.add("n")
            return b""
        if isinstance(event, StopSeen):
            self._stop, self._extra = event.stop, event.extra
            return b""
        return self._start() + self._of_part(event)

    def wait(self) -> bytes:
        """A ping, which no message begins with."""
        return self._start() + frame("ping", {})

    def _start(self) -> bytes:
        """The beginning of the message, once."""
        begin, self._begin = self._begin, None
        if begin is None:
            return b""
        usage: object
        if self._raw_usage is None and self._usage.source == "unknown":
            # Nobody knows yet: the counts at the end replace these.
            tier = encode_tier(begin.service_tier, self._losses)
            usage = {"input_tokens": 0, "output_tokens": 0, **tier}
        else:
            usage = self._encode_usage(begin.service_tier)
        message = {
            "id": message_id(self._addressee),
            "type": "message",
            "role": "assistant",
            "model": begin.model or self._addressee.request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
            **own(begin.extra, self._losses, same=self._same),
        }
        return frame("message_start", {"message": message})

    def _encode_usage(self, tier: str | None) -> object:
        return encode_usage(self._usage, self._raw_usage, tier, self._losses, same=self._same)

    def _of_part(self, event: PartBegin | Grow | Sign | Cite | PartEnd) -> bytes:
        if event.index == self._current:
            return self._apply(event)
        if self._current < 0 and isinstance(event, PartBegin):
            return self._open(event.index, event.part)
        if isinstance(event, PartBegin):
            self._waiting[event.index] = [event]
        elif event.index in self._waiting:
            self._waiting[event.index].append(event)
        return b""

    def _open(self, number: int, part: Part) -> bytes:
        self._declined |= isinstance(part, Refusal)
        self._current = number
        self._block = BlockWriter(part, self._blocks, self._losses, same=self._same)
        return self._block.begin()

    def _apply(self, event: PartBegin | Grow | Sign | Cite | PartEnd) -> bytes:
        block = self._block
        if block is None or isinstance(event, PartBegin):
            return b""
        if isinstance(event, Grow):
            return block.grow(event.text, event.section)
        if isinstance(event, Cite):
            return block.cite(event.citation)
        if isinstance(event, Sign):
            block.sign(event.state)
            return b""
        return self._close(block)

    def _close(self, block: BlockWriter) -> bytes:
        """The end of the open part, and those that have waited for it, as far as is told of them."""
        written = []
        ended: BlockWriter | None = block
        while ended is not None:
            written.append(ended.end())
            self._blocks, self._block, self._current = ended.next_index, None, -1
            ended = None
            if self._waiting:
                number = next(iter(self._waiting))
                begun, *others = self._waiting.pop(number)
                if isinstance(begun, PartBegin):
                    written.append(self._open(number, begun.part))
                for event in others:
                    if isinstance(event, PartEnd):
                        ended = self._block
                        break
                    written.append(self._apply(event))
        return b"".join(written)

    def _end(self) -> bytes:
        written = b""
        while self._current >= 0:
            written += self._apply(PartEnd(0, self._current))
        stop = self._stop
        reason = encode_stop(stop, self._losses, same=self._same, declined=self._declined)
        extra = own(self._extra, self._losses, same=self._same)
        delta = {
            "stop_reason": reason,
            "stop_sequence": stop.sequence if stop is not None else None,
            **{name: extra[name] for name in _IN_DELTA if name in extra},
        }
        beside = {name: value for name, value in extra.items() if name not in _IN_DELTA}
        usage = self._encode_usage(None)
        written += frame("message_delta", {"delta": delta, "usage": usage, **beside})
        return written + frame("message_stop", {})
