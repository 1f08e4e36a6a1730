"""Messages, written as input items for a provider."""

from __future__ import annotations

import hashlib

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Message, Reasoning, Refusal, State, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest
from freehold.wire import sealing
from freehold.wire.dialect import Recipient
from freehold.wire.responses.items_in import with_state
from freehold.wire.responses.parts_out import ContentWriter
from freehold.wire.responses.vocabulary import CONTENT, MESSAGE, NAME, Json, own_fields

_LONGEST_ID = 64
"""Characters of a call's id that OpenAI takes."""

Content = Text | Refusal | Media | Foreign


def short_id(call_id: str) -> str:
    """The id of a call in a form that is taken: the same for the same id."""
    if len(call_id) <= _LONGEST_ID:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode('utf-8', 'replace')).hexdigest()[:48]}"


def is_content(part: Foreign) -> bool:
    """Whether it stood in a message's content, and is no item."""
    return part.dialect == NAME and part.kind.startswith(("input_", "output_", CONTENT))


class ItemWriter:
    """Writes the items of one request."""

    def __init__(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> None:
        self.items: list[Json | msgspec.Raw] = []
        self.reasons = False
        """Encrypted reasoning is among them."""
        self._own = request.dialect == NAME
        self._stored = self._own and request.store is True
        self._dialect = request.dialect
        self._recipient = recipient
        self._losses = losses
        self._content = ContentWriter(request.dialect, recipient.quirks.input_media, losses)
        self._custom = {
            part.id
            for message in request.messages
            for part in message.parts
            if isinstance(part, ToolCall) and part.custom
        }
        # A provider that keeps items refuses a call whose reasoning it knows and is not given: without
        # the ids it knows neither.
        self._ids = self._own and all(
            self._keeps(part)
            for message in request.messages
            for part in message.parts
            if isinstance(part, Reasoning)
        )

    def write(self, message: Message) -> None:
        """The items of one more message."""
        if message.name is not None:
            self._losses.add("message.name")
        content: list[Content] = []
        for part in message.parts:
            if isinstance(part, Text | Refusal | Media) or (isinstance(part, Foreign) and is_content(part)):
                if content and _item_of(part) not in (None, _item_of(content[-1])):
                    self._flush(message, content)
                content.append(part)
                continue
            self._flush(message, content)
            if isinstance(part, Foreign):
                self._foreign(part)
            elif isinstance(part, Reasoning):
                self._reasoning(part)
            elif isinstance(part, ToolCall):
                self._call(part)
            elif isinstance(part, ToolResult):
                self._result(part)
        if content or not message.parts:
            self._flush(message, content)
        if message.extra and not self._own:
            own_fields(message.extra, self._dialect, self._losses)

    def _flush(self, message: Message, content: list[Content]) -> None:
        """The parts gathered so far as one message item; a message that has none is written too."""
        if not content and message.parts:
            return
        of_model = message.role == "assistant"
        for part in content:
            if isinstance(part, Text | Media) and part.state is not None:
                self._losses.add("reasoning.state")
        item: Json = {"type": "message", "role": "user" if message.role == "tool" else message.role}
        first = content[0] if content else None
        item_id = (_item_of(first) if first is not None else None) or (None if of_model else message.id)
        if item_id is not None and self._ids:
            item["id"] = item_id
            if of_model:
                item["status"] = "completed"
        written = [self._content.write(part, of_model=of_model) for part in content]
        parts = [part for part in written if part is not None]
        if content and not parts:
            content.clear()
            return  # all of it was lost, which has been told
        if message.plain and len(parts) == 1 and isinstance(first, Text) and _is_plain(first):
            item["content"] = first.text
        else:
            item["content"] = parts
        if self._own:
            item.update(_item_fields(content) if of_model else message.extra)
        content.clear()
        self.items.append(item)

    def _foreign(self, part: Foreign) -> None:
        if part.dialect != NAME:
            self._losses.add("part", part.kind)
        elif part.state is None or self._sends(part.state):
            self.items.append(with_state(part, None if part.state is None else part.state.data))
        else:
            self._losses.add("reasoning.state")
            self._losses.add("part", part.kind)

    def _sends(self, state: State | None) -> bool:
        return (
            state is not None
            and state.kind == "encrypted"
            and sealing.is_for(state, self._recipient, same_dialect=self._own)
        )

    def _keeps(self, part: Reasoning) -> bool:
        """Whether the reasoning can be sent: its maker can read it, or keeps it, or takes it in plain words."""
        if self._sends(part.state):
            return True
        if part.state is None and self._stored and part.item_id is not None:
            return True
        return bool(part.text) and self._recipient.quirks.reasoning_replay != "none"

    def _reasoning(self, part: Reasoning) -> None:
        sent = self._sends(part.state)
        if part.state is not None and not sent:
            self._losses.add("reasoning.state")
        if not self._keeps(part):
            self._losses.add("reasoning")
            return
        item: Json = {"type": "reasoning"}
        if part.item_id is not None and self._own:
            item["id"] = part.item_id
        item["summary"] = [{"type": "summary_text", "text": text} for text in part.summary]
        if part.text:
            item["content"] = [{"type": "reasoning_text", "text": part.text}]
        if part.state is not None and sent:
            item["encrypted_content"] = part.state.data
            self.reasons = True
        self.items.append({**item, **self._content.further(part.extra)})

    def _call(self, part: ToolCall) -> None:
        if part.state is not None:
            self._losses.add("reasoning.state")
        if part.cache is not None:
            self._losses.add("cache")
        item: Json = {"type": "custom_tool_call" if part.custom else "function_call"}
        if part.item_id is not None and self._ids:
            item["id"] = part.item_id
        item["call_id"] = short_id(part.id)
        item["name"] = part.name
        if part.custom:
            item["input"] = part.arguments
        else:
            item["arguments"] = part.arguments or "{}"
        self.items.append({**item, **self._content.further(part.extra)})

    def _result(self, part: ToolResult) -> None:
        if part.failed:
            self._losses.add("tool_result.failed")
        if part.cache is not None:
            self._losses.add("cache")
        custom = part.custom or part.call_id in self._custom
        item: Json = {"type": "custom_tool_call_output" if custom else "function_call_output"}
        item["call_id"] = short_id(part.call_id)
        if part.name is not None and self._own:
            item["name"] = part.name
        only = part.content[0] if len(part.content) == 1 else None
        if not part.content:
            item["output"] = ""
        elif isinstance(only, Text) and not only.extra:
            # A result's citations and cache mark have no place here in either form.
            self._content.write(only, of_model=False)
            item["output"] = only.text
        else:
            written = [self._content.write(one, of_model=False, result=True) for one in part.content]
            item["output"] = [one for one in written if one is not None]
        self.items.append({**item, **self._content.further(part.extra)})


def _item_of(part: Content) -> str | None:
    return part.item_id if isinstance(part, Text | Refusal) else None


def _is_plain(part: Text) -> bool:
    return not part.citations and all(name.startswith(MESSAGE) for name in part.extra)


def _item_fields(content: list[Content]) -> Fields:
    """What was said of the item as a whole."""
    return {
        name.removeprefix(MESSAGE): value
        for part in content
        if isinstance(part, Text | Refusal)
        for name, value in part.extra.items()
        if name.startswith(MESSAGE)
    }
