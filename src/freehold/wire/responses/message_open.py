"""A message of an answer while it is written."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Refusal, State, Text
from freehold.wire.responses.citations import write_citation
from freehold.wire.responses.frames import Frames, delta_form
from freehold.wire.responses.logprobs import WaitingLogProbs
from freehold.wire.responses.vocabulary import MESSAGE, Json


class MessageItem:
    """A message of the assistant's. More of its parts may come until it is closed."""

    def __init__(self, item_id: str, index: int, fields: Json, frames: Frames) -> None:
        self.id, self.index = item_id, index
        self.content: list[ContentPart] = []
        self.closed = False
        self.last = False
        """No more parts come; those that are open may grow."""
        self._fields = fields
        self._frames = frames
        frames.tell("response.output_item.added", {"output_index": index, "item": self.item("in_progress")})

    def item(self, status: str) -> Json:
        """The message."""
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "content": [part.part() for part in self.content],
            "role": "assistant",
            **self._fields,
        }

    def close_if_done(self) -> None:
        """Ends it once no more parts come and all have ended."""
        if self.last and not self.closed and all(part.ended for part in self.content):
            self.close("completed")

    def close(self, status: str) -> None:
        """Ends it."""
        if not self.closed:
            self.closed = True
            self._frames.tell(
                "response.output_item.done", {"output_index": self.index, "item": self.item(status)}
            )


class ContentPart:
    """A text, a refusal, or what only this dialect has, within a message."""

    def __init__(
        self, message: MessageItem, part: Text | Refusal | Foreign, frames: Frames, waiting: WaitingLogProbs
    ) -> None:
        self.message = message
        self.ended = False
        self.state: State | None = None
        self._at: Json = {
            "item_id": message.id,
            "output_index": message.index,
            "content_index": len(message.content),
        }
        self._foreign = msgspec.Raw(part.raw) if isinstance(part, Foreign) else None
        self._refusal = isinstance(part, Refusal)
        self._text: list[str] = []
        self._annotations: list[Json | msgspec.Raw] = []
        self._waiting = waiting
        self._covered = 0
        self._written = 0
        self._logprobs: list[msgspec.Raw] = []
        self._frames = frames
        frames.tell("response.content_part.added", {**self._at, "part": self.part()})
        if self._refusal:
            self._delta = delta_form("response.refusal.delta", self._at)
        else:
            self._delta = delta_form("response.output_text.delta", self._at, {"logprobs": []})
        message.content.append(self)

    def part(self) -> Json | msgspec.Raw:
        """The part as far as it is written."""
        text = "".join(self._text)
        if self._foreign is not None:
            return self._foreign
        if self._refusal:
            return {"type": "refusal", "refusal": text}
        return {
            "type": "output_text",
            "annotations": list(self._annotations),
            "logprobs": list(self._logprobs),
            "text": text,
        }

    def grow(self, text: str, section: int = -1) -> None:
        """More words, with the log-probabilities that are known of them."""
        self._text.append(text)
        self._written += len(text)
        if self._waiting and not self._refusal:
            fresh = self._take_logprobs()
            self._frames.tell("response.output_text.delta", {**self._at, "delta": text, "logprobs": fresh})
        else:
            self._frames.tell_delta(self._delta, text)

    def _take_logprobs(self) -> list[msgspec.Raw]:
        entries, length = self._waiting.take(self._written - self._covered)
        self._covered += length
        self._logprobs += entries
        return entries

    def cite(self, citation: Citation, losses: Losses) -> None:
        """One more annotation."""
        annotation = write_citation(citation, losses)
        if annotation is not None:
            place = {**self._at, "annotation_index": len(self._annotations)}
            self._annotations.append(annotation)
            self._frames.tell("response.output_text.annotation.added", {**place, "annotation": annotation})

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        text = "".join(self._text)
        if self._refusal:
            self._frames.tell("response.refusal.done", {**self._at, "refusal": text})
        elif self._foreign is None:
            if self._waiting:
                self._take_logprobs()
            done = {**self._at, "text": text, "logprobs": list(self._logprobs)}
            self._frames.tell("response.output_text.done", done)
        self._frames.tell("response.content_part.done", {**self._at, "part": self.part()})


def message_fields(part: Text | Refusal | Foreign, losses: Losses) -> Json:
    """What is said of the message as a whole, beside its first part."""
    if isinstance(part, Foreign):
        return {}
    fields: Json = {}
    for name, value in part.extra.items():
        if name.startswith(MESSAGE):
            fields[name.removeprefix(MESSAGE)] = value
        else:
            losses.add("answer", name)
    return fields
