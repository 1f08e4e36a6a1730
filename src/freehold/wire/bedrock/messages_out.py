"""Messages for Converse: turns of user and assistant alternate, the first is the user's, none is empty."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import (
    CacheMark,
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
from freehold.wire.bedrock.families import Family
from freehold.wire.bedrock.media_out import MediaWriter
from freehold.wire.bedrock.names import call_id
from freehold.wire.bedrock.tools_out import cache_point
from freehold.wire.dialect import Recipient
from freehold.wire.reading import is_object
from freehold.wire.sealing import is_for

NAME = "bedrock-converse"
Block = dict[str, object]

PLACEHOLDER = "."
"""Stands where Converse demands words and there are none; blank text is refused."""

_decode = msgspec.json.Decoder().decode


class Turn(msgspec.Struct):
    """What one side says in a row."""

    role: str
    content: list[Block]


class MessageWriter:
    """Writes the system's words and the turns of one request."""

    def __init__(self, request: ChatRequest, recipient: Recipient, family: Family, losses: Losses) -> None:
        self._dialect = request.dialect
        self._recipient = recipient
        self._family = family
        self._losses = losses
        self._media = MediaWriter(recipient.quirks, request.dialect, losses)
        self.system: list[Block] = []
        self.turns: list[Turn] = []
        self.called: list[str] = []
        """Names of the tools that were called so far."""

    def write(self, messages: list[Message]) -> None:
        """All messages, in their order."""
        for message in messages:
            if message.name is not None:
                self._losses.add("message.name")
            for name in message.extra:
                self._losses.add("field", name)
            if message.role in ("system", "developer"):
                self._write_system(message)
            else:
                self._write_turn(message)
        self._complete()

    def _write_system(self, message: Message) -> None:
        blocks = self._blocks(message.parts, system=True)
        if blocks and self.turns:
            # Only the newest models take a system's words between the turns.
            self._losses.add("system.position")
        self.system += blocks

    def _write_turn(self, message: Message) -> None:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = self._blocks(message.parts, system=False)
        if self.turns and self.turns[-1].role == role:
            self.turns[-1].content += blocks
        else:
            self.turns.append(Turn(role, blocks))

    def _complete(self) -> None:
        """What Converse demands of the turns as a whole."""
        if not self.turns and self.system:
            self._losses.add("system.position")
            self.turns.append(Turn("user", self.system))
            self.system = []
        elif not self.turns or self.turns[0].role == "assistant":
            self.turns.insert(0, Turn("user", []))
        for turn in self.turns:
            if turn.role == "user":
                # Results answer the turn before, so they come before what is said anew.
                turn.content.sort(key=lambda block: "toolResult" not in block)
            words = any("text" in block for block in turn.content)
            documents = any("document" in block for block in turn.content)
            if (documents and not words) or all("cachePoint" in block for block in turn.content):
                self._losses.add("message.blank")
                turn.content.insert(0, {"text": PLACEHOLDER})

    def _blocks(self, parts: list[Part], *, system: bool) -> list[Block]:
        blocks: list[Block] = []
        for part in parts:
            block = self._block(part)
            if block is not None and system and "text" not in block:
                # A system's words are only that.
                self._losses.add(next(iter(block)) if isinstance(part, Media) else "part", *_kind_of(part))
                continue
            if block is not None:
                blocks.append(block)
            if not isinstance(part, Reasoning | Refusal | Foreign):
                self._mark(part.cache, blocks)
        return blocks

    def _mark(self, cache: CacheMark | None, blocks: list[Block]) -> None:
        if cache is None:
            return
        if self._family.caching == "none":
            self._losses.add("cache")
        elif blocks:
            blocks.append(cache_point(cache.ttl, self._family))

    def mark_end(self, cache: CacheMark | None) -> None:
        """The whole conversation is to be cached."""
        self._mark(cache, self.turns[-1].content)

    def _block(self, part: Part) -> Block | None:
        if isinstance(part, Refusal):
            part = Text(text=part.text, extra=part.extra)
        match part:
            case Text():
                return self._text(part)
            case Media():
                return self._media.block(part)
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return self._result(part)
            case Reasoning():
                return self._reasoning(part)
            case Foreign():
                return self._foreign(part)

    def _foreign(self, part: Foreign) -> Block | None:
        if part.dialect == NAME:
            return _decode(part.raw)  # type: ignore[no-any-return]
        self._losses.add("part", part.kind)
        return None

    def _extras(self, extra: dict[str, msgspec.Raw]) -> None:
        for name in extra:
            self._losses.add("field", name)

    def _text(self, part: Text) -> Block | None:
        self._extras(part.extra)
        self._no_state(part.state)
        if part.citations:
            self._losses.add("citations")
        return {"text": part.text} if part.text.strip() else None

    def _no_state(self, state: State | None) -> None:
        if state is not None:
            self._losses.add("reasoning.state")

    def _call(self, part: ToolCall) -> Block:
        self._extras(part.extra)
        self._no_state(part.state)
        self.called.append(part.name)
        if part.custom:
            self._losses.add("tool.custom")
            arguments: object = {"input": part.arguments}
        else:
            arguments = self._arguments(part.arguments)
        return {
            "toolUse": {
                "toolUseId": call_id(part.id),
                "name": part.name,
                "input": arguments,
            }
        }

    def _arguments(self, text: str) -> object:
        if text.strip() in ("", "null"):
            return {}
        raw = text.encode("utf-8", "replace")
        if is_object(raw):
            try:
                _decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
            else:
                return msgspec.Raw(raw)
        self._losses.add("field", "arguments")
        return {"INVALID_JSON": text}

    def _result(self, part: ToolResult) -> Block:
        self._extras(part.extra)
        content: list[Block] = []
        for piece in part.content:
            if isinstance(piece, Text | Media) and piece.cache is not None:
                self._losses.add("cache")  # a mark may stand behind a result, not within it
            if (
                isinstance(piece, Text)
                and part.structured
                and is_object(piece.text.encode("utf-8", "replace"))
            ):
                content.append({"json": self._arguments(piece.text)})
            elif (block := self._block(piece)) is not None:
                if "audio" in block:
                    self._losses.add("tool_result.media")
                else:
                    content.append(block)
        if not content:
            self._losses.add("message.blank")
        result: Block = {
            "toolUseId": call_id(part.call_id),
            "content": content or [{"text": PLACEHOLDER}],
        }
        if part.failed is not None:
            result["status"] = "error" if part.failed else "success"
        return {"toolResult": result}

    def _reasoning(self, part: Reasoning) -> Block | None:
        """Reasoning goes back only to where it is from, and only with what vouches for it."""
        self._extras(part.extra)
        state = part.state
        mine = (
            state is not None
            and state.kind != "encrypted"
            and self._family.replays_reasoning
            and is_for(state, self._recipient, same_dialect=self._dialect == NAME, of_model=True)
        )
        if state is not None and mine:
            if state.kind == "redacted":
                return {"reasoningContent": {"redactedContent": state.data}}
            return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": state.data}}}
        self._no_state(state)
        if part.text or part.summary:
            self._losses.add("reasoning")
        return None


def _kind_of(part: Part) -> tuple[str, ...]:
    return () if isinstance(part, Media) else (type(part).__name__.lower(),)
