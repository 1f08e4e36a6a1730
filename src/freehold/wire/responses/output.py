"""The output of an answer: which item each part belongs to."""

from __future__ import annotations

import msgspec

from freehold.core.events import Cite, Grow, LogProbs, PartBegin, PartEnd, Sign
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.wire import sealing
from freehold.wire.dialect import Addressee
from freehold.wire.reading import Object, Unreadable
from freehold.wire.responses.carriers import carrier_id
from freehold.wire.responses.frames import Frames
from freehold.wire.responses.items_in import with_state
from freehold.wire.responses.items_open import (
    CallItem,
    Item,
    ReasoningItem,
    WholeItem,
    lose_fields,
)
from freehold.wire.responses.items_out import is_content
from freehold.wire.responses.logprobs import WaitingLogProbs
from freehold.wire.responses.message_open import ContentPart, MessageItem, message_fields
from freehold.wire.responses.response_object import suffix_of
from freehold.wire.responses.vocabulary import NAME, Json


class Output:
    """Writes the parts of the one choice."""

    def __init__(self, addressee: Addressee, frames: Frames, losses: Losses) -> None:
        self.parts: list[Part] = []
        """As they began."""
        self._items: list[Item] = []
        self._open: dict[int, ContentPart | ReasoningItem | CallItem | Media] = {}
        self._message: MessageItem | None = None
        """The message that a further text may belong to."""
        self._message_id: str | None = None
        """What its parts said it was called."""
        self._ids: set[str] = set()
        self._suffix = suffix_of(addressee)
        self._waiting = WaitingLogProbs()
        self._frames = frames
        self._losses = losses
        self.own = False
        """The answer came in this dialect."""

    def items(self, last: str) -> list[Json | msgspec.Raw]:
        """All items; `last` is the status of the last one."""
        until = len(self._items) - 1
        return [item.item("completed" if at < until else last) for at, item in enumerate(self._items)]

    def _id(self, prefix: str, wanted: str | None) -> str:
        """The id of the next item: as it was, unless it was used, or made of the answer's."""
        item_id = wanted
        if not item_id or item_id in self._ids:
            item_id = f"{prefix}_{self._suffix}_{len(self._items)}"
        self._ids.add(item_id)
        return item_id

    def begin(self, event: PartBegin) -> None:
        """A part begins."""
        part = event.part
        self.parts.append(part)
        if isinstance(part, Text | Refusal) or (isinstance(part, Foreign) and is_content(part)):
            self._begin_content(event.index, part)
            return
        self._leave_message()
        number = len(self._items)
        if isinstance(part, Reasoning):
            reasoning = ReasoningItem(self._id("rs", part.item_id), number, self._frames)
            self._items.append(reasoning)
            self._open[event.index] = reasoning
            reasoning.state = part.state
            lose_fields(part, self._losses)
            if part.text:
                reasoning.grow(part.text)
            for section, text in enumerate(part.summary):
                reasoning.grow(text, section)
        elif isinstance(part, ToolCall):
            prefix = "ctc" if part.custom else "fc"
            item_id = self._id(prefix, part.item_id)
            call = CallItem(part, item_id, number, self._frames, self._losses, own=self.own)
            self._items.append(call)
            self._open[event.index] = call
            call.state = part.state
            if part.arguments:
                call.grow(part.arguments)
        elif isinstance(part, Media):
            self._open[event.index] = msgspec.structs.replace(part)
        elif isinstance(part, Foreign) and part.dialect == NAME:
            state = None if part.state is None else sealing.seal(part.state)
            self._whole(with_state(part, state), _id_of(part))
        else:
            kind = part.kind if isinstance(part, Foreign) else "tool_result"
            self._losses.add("part", kind)

    def _whole(self, item: Json | msgspec.Raw, item_id: str) -> None:
        self._ids.add(item_id)
        self._items.append(WholeItem(item, item_id, len(self._items), self._frames))

    def _begin_content(self, index: int, part: Text | Refusal | Foreign) -> None:
        wanted = None if isinstance(part, Foreign) else part.item_id
        message = self._message
        if message is None or message.last or (wanted is not None and wanted != self._message_id):
            self._leave_message()
            fields = message_fields(part, self._losses)
            message = MessageItem(self._id("msg", wanted), len(self._items), fields, self._frames)
            self._items.append(message)
            self._message, self._message_id = message, wanted
        elif isinstance(part, Text | Refusal):
            message_fields(part, self._losses)
        content = ContentPart(message, part, self._frames, self._waiting)
        self._open[index] = content
        if isinstance(part, Text | Refusal) and part.text:
            content.grow(part.text)
        if isinstance(part, Text):
            content.state = part.state
            for citation in part.citations:
                content.cite(citation, self._losses)

    def _leave_message(self) -> None:
        """No more parts of the message come."""
        if self._message is not None:
            self._message.last = True
            self._message.close_if_done()
            self._message = None

    def grow(self, event: Grow) -> None:
        """More of a part."""
        opened = self._open.get(event.index)
        if isinstance(opened, Media):
            if event.section != 1:
                opened.data = (opened.data or "") + event.text
        elif opened is not None:
            opened.grow(event.text, event.section)

    def sign(self, event: Sign) -> None:
        """The state of a part."""
        opened = self._open.get(event.index)
        if opened is not None:
            opened.state = event.state

    def cite(self, event: Cite) -> None:
        """A citation of a text."""
        opened = self._open.get(event.index)
        if isinstance(opened, ContentPart):
            opened.cite(event.citation, self._losses)

    def add_logprobs(self, event: LogProbs) -> None:
        """Log-probabilities, of the text that is being written or of the next."""
        self._waiting.add(event.raw, self._losses)

    def end(self, event: PartEnd) -> None:
        """A part is complete."""
        opened = self._open.pop(event.index, None)
        if opened is None:
            return
        if isinstance(opened, Media):
            self._end_media(opened)
            return
        opened.end()
        if isinstance(opened, ContentPart):
            opened.message.close_if_done()
            if opened.state is not None:
                if opened.message is self._message:
                    self._leave_message()
                self._carry(opened.state, opened.message.id)
        elif isinstance(opened, CallItem) and opened.state is not None:
            self._carry(opened.state, opened.id)

    def _carry(self, state: State, item_id: str) -> None:
        """State that sits on another part than reasoning, in an item behind it."""
        carrier: Json = {"id": self._id("rs", carrier_id(item_id)), "type": "reasoning", "summary": []}
        carrier["encrypted_content"] = sealing.seal(state)
        self._whole(carrier, carrier["id"])

    def _end_media(self, part: Media) -> None:
        """A picture that the model made is what OpenAI's tool for it gives; there is no place for anything else."""
        if part.kind != "image" or part.data is None:
            self._losses.add(part.kind)
            return
        if part.state is not None:
            self._losses.add("reasoning.state")
        item_id = self._id("ig", None)
        item: Json = {"id": item_id, "type": "image_generation_call", "status": "completed"}
        item["result"] = part.data
        form = (part.mime_type or "").partition("/")[2]
        if form in ("png", "webp", "jpeg", "gif"):
            item["output_format"] = form
        self._whole(item, item_id)

    def close(self, status: str) -> None:
        """The answer is complete: everything is ended. `status` is that of a message that was left open."""
        for index in list(self._open):
            self.end(PartEnd(0, index))
        if self._waiting:
            self._losses.add("logprobs")
        if self._message is not None:
            self._message.close(status)
            self._message = None


def _id_of(part: Foreign) -> str:
    try:
        return Object(part.raw).take("id", str) or ""
    except Unreadable:
        return ""
