"""Messages for Cohere's chat."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import (
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import ChatRequest
from freehold.wire.cohere.citations import DOCUMENT_ID
from freehold.wire.cohere.content_out import Block, content_of, document_of, words_of
from freehold.wire.dialect import Recipient

NAME = "cohere"

PLACEHOLDER = "."
"""Stands where Cohere demands words and there are none."""


class MessageWriter:
    """Writes the messages of one request, and the documents that they come with."""

    def __init__(self, request: ChatRequest, recipient: Recipient, losses: Losses, *, thinks: bool) -> None:
        """`thinks`: the model reasons, and may be shown earlier reasoning."""
        self._dialect = request.dialect
        self._kinds = recipient.quirks.input_media
        self._losses = losses
        self._thinks = thinks
        self._seen_documents = 0
        self.messages: list[Block] = []
        self.documents: list[Block] = []

    def write(self, messages: list[Message]) -> None:
        """All messages, in their order."""
        held: list[Part] = []
        for message in messages:
            if message.name is not None:
                self._losses.add("message.name")
            self._extras(message.extra)
            if message.role == "assistant":
                # The pieces of one turn may come apart; here they are one message.
                held += message.parts
                continue
            self._write_assistant(held)
            held = []
            if message.role == "tool":
                self._write_results(message.parts)
            else:
                self._write_words(message)
        self._write_assistant(held)
        if not self.messages:
            self.messages.append({"role": "user", "content": self._said([])})
        elif self.messages[-1]["role"] == "system":
            # Cohere answers a user or a tool, and nobody else.
            self._losses.add("system.position")
            self.messages[-1]["role"] = "user"

    def _extras(self, extra: dict[str, msgspec.Raw]) -> None:
        for name in extra:
            self._losses.add("field", name)

    def _no_state(self, state: State | None) -> None:
        if state is not None:
            self._losses.add("reasoning.state")

    def _write_words(self, message: Message) -> None:
        """A message of the system or the user. Results of tools among it become messages of their own."""
        role = "user" if message.role == "user" else "system"
        self._write_results([part for part in message.parts if isinstance(part, ToolResult)])
        parts = [part for part in message.parts if not isinstance(part, ToolResult)]
        if message.parts and not parts:
            return
        blocks = [block for part in parts if (block := self._word(part, role)) is not None]
        if role == "system" and not blocks:
            return
        self.messages.append({"role": role, "content": self._said(blocks)})

    def _said(self, blocks: list[Block]) -> object:
        """What a message holds: never nothing."""
        content = content_of(blocks)
        if not content:
            self._losses.add("message.blank")
        return content or PLACEHOLDER

    def _word(self, part: Part, role: str) -> Block | None:
        if isinstance(part, Text | Refusal):
            return self._text(part)
        if isinstance(part, Media):
            if part.cache is not None:
                self._losses.add("cache")
            return self._media(part, pictures=role == "user")
        if isinstance(part, Foreign):
            return self._foreign(part)
        self._losses.add("part", type(part).__name__.lower())
        return None

    def _foreign(self, part: Foreign) -> Block | None:
        if part.dialect == NAME:
            block: Block = msgspec.json.decode(part.raw)
            return block
        self._losses.add("part", part.kind)
        return None

    def _text(self, part: Text | Refusal) -> Block | None:
        self._extras(part.extra)
        if isinstance(part, Text):
            self._no_state(part.state)
            if part.cache is not None:
                self._losses.add("cache")
            if part.citations:
                self._losses.add("citations")
        return {"type": "text", "text": part.text} if part.text else None

    def _media(self, media: Media, *, pictures: bool) -> Block | None:
        self._extras(media.extra)
        self._no_state(media.state)
        number = self._seen_documents
        self._seen_documents += media.kind == "document"
        if media.kind not in self._kinds:
            self._losses.add(media.kind)
        elif media.file_id is not None:
            self._losses.add("file")
        elif media.kind == "image" and pictures:
            return self._picture(media)
        elif media.kind == "document" and (text := words_of(media)):
            data = {"text": text} | ({"title": media.name} if media.name else {})
            self.documents.append({"id": DOCUMENT_ID.format(number), "data": data})
        else:
            self._losses.add(media.kind)
        return None

    def _picture(self, media: Media) -> Block | None:
        url = media.url
        if media.data:
            url = f"data:{media.mime_type or 'image/png'};base64,{media.data}"
        if not url:
            self._losses.add("image")
            return None
        if media.name is not None:
            self._losses.add("field", "name")
        image: Block = {"url": url}
        if media.detail in ("low", "high", "auto"):
            image["detail"] = media.detail
        elif media.detail is not None:
            self._losses.add("image.detail")
        return {"type": "image_url", "image_url": image}

    def _write_results(self, parts: list[Part]) -> None:
        for part in parts:
            if isinstance(part, ToolResult):
                self.messages.append(self._result(part))
            elif isinstance(part, Foreign):
                self._foreign(part)

    def _result(self, part: ToolResult) -> Block:
        self._extras(part.extra)
        if part.cache is not None:
            self._losses.add("cache")
        if part.failed:
            self._losses.add("tool_result.failed")
        blocks: list[Block] = []
        for piece in part.content:
            if isinstance(piece, Text):
                if (block := self._text(piece)) is not None:
                    blocks.append(document_of(piece.text) if part.structured else block)
            elif isinstance(piece, Media) and piece.kind == "document" and (text := words_of(piece)):
                self._extras(piece.extra)
                self._no_state(piece.state)
                if piece.cache is not None:
                    self._losses.add("cache")
                data = {"text": text} | ({"title": piece.name} if piece.name else {})
                blocks.append({"type": "document", "document": {"data": data}})
            elif isinstance(piece, Media):
                self._losses.add("tool_result.media")
            elif (block := self._foreign(piece)) is not None:
                blocks.append(block)
        return {"role": "tool", "tool_call_id": part.call_id, "content": self._said(blocks)}

    def _write_assistant(self, parts: list[Part]) -> None:
        """What the model said. Beside calls its words are the plan for them."""
        content: list[Block] = []
        calls: list[Block] = []
        plan: list[str] = []
        called = any(isinstance(part, ToolCall) for part in parts)
        for part in parts:
            if isinstance(part, ToolCall):
                calls.append(self._call(part))
            elif isinstance(part, Reasoning):
                self._reasoning(part, content, plan if called else None)
            elif (block := self._word(part, "assistant")) is not None:
                if called and block.get("type") == "text":
                    plan.append(str(block["text"]))
                else:
                    content.append(block)
        message: Block = {"role": "assistant"}
        if calls:
            message["tool_calls"] = calls
        if plan:
            message["tool_plan"] = "\n\n".join(plan)
        if content:
            message["content"] = content_of(content)
        if len(message) > 1:
            self.messages.append(message)
        elif any(isinstance(part, Text | Refusal) for part in parts):
            self._losses.add("message.blank")

    def _call(self, part: ToolCall) -> Block:
        self._extras(part.extra)
        self._no_state(part.state)
        if part.cache is not None:
            self._losses.add("cache")
        arguments = part.arguments if part.arguments.strip() else "{}"
        if part.custom:
            self._losses.add("tool.custom")
            arguments = msgspec.json.encode({"input": part.arguments}).decode()
        return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}

    def _reasoning(self, part: Reasoning, content: list[Block], plan: list[str] | None) -> None:
        self._no_state(part.state)
        planned = "tool_plan" in part.extra
        for name in part.extra:
            if name != "tool_plan":
                self._losses.add("field", name)
        text = part.text or "\n\n".join(part.summary)
        if not text:
            return
        if plan is not None and (planned or not self._thinks):
            plan.append(text)
        elif self._thinks:
            content.append({"type": "thinking", "thinking": text})
        else:
            self._losses.add("reasoning")
