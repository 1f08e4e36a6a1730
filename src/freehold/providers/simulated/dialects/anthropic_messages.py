"""The messages of a request to Anthropic: turns, tools and their results, and thoughts with their signatures."""

from __future__ import annotations

import re
from typing import Any

from freehold.providers.simulated.asking import Ask, Called, Returned, Said, Shown, Thought, Told
from freehold.providers.simulated.dialect import Object, known_only, object_at, objects_at, text_at, wrong

_IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]+")


def text_of(ask: Ask, block: Object, where: str) -> Said:
    """The words of a block. Raises Refusal when there are none."""
    text = text_at(block, "text", f"{where}.")
    if block.get("cache_control") is not None:
        ask.cache_marks += 1
        if not text:
            raise wrong(f"{where}: cache_control cannot be set for empty text blocks")
    if not text:
        raise wrong("messages: text content blocks must be non-empty")
    if not text.strip():
        raise wrong("messages: text content blocks must contain non-whitespace text")
    return Said(text)


class Messages:
    """Goes through the messages, which hang together."""

    def __init__(self, ask: Ask, thinking: Object) -> None:
        self._ask = ask
        self._thinking = thinking.get("type") == "enabled"
        self._open: list[str] = []

    def read(self, messages: list[Object]) -> None:
        """Takes them all. Raises Refusal."""
        if not messages:
            raise wrong("messages: at least one message is required")
        strict = self._ask.account.strict_turns
        if strict and messages[0].get("role") != "user":
            raise wrong('messages: first message must use the "user" role')
        messages = messages if strict else _joined(messages)
        before = None
        for index, message in enumerate(messages):
            extra = f"messages.{index}.{{}}: Extra inputs are not permitted"
            known_only(message, frozenset(("role", "content")), extra)
            role = message.get("role")
            if role not in ("user", "assistant") and (strict or role != "system"):
                raise wrong(
                    f'messages: Unexpected role "{role}". The Messages API accepts a top-level `system` parameter, '
                    'not "system" as an input message role.'
                )
            if role == before:
                raise wrong(
                    'messages: roles must alternate between "user" and "assistant", but found multiple '
                    f'"{role}" roles in a row'
                )
            before = role
            self._message(message, index, last=index == len(messages) - 1)
        self._check_answered(len(messages))
        last = self._ask.turns[-1]
        if last.role == "assistant" and last.text() != last.text().rstrip():
            raise wrong("messages: final assistant content cannot end with trailing whitespace")

    def _message(self, message: Object, index: int, *, last: bool) -> None:
        blocks = self._blocks(message, index, last=last)
        if message["role"] == "system":
            texts = [
                text_of(self._ask, one, f"messages.{index}") for one in blocks if one.get("type") == "text"
            ]
            self._ask.turns.append(Told("system", list(texts)))
        elif message["role"] == "user":
            self._user(blocks, index)
        else:
            self._assistant(blocks, index)

    def _blocks(self, message: Object, index: int, *, last: bool) -> list[Object]:
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}] if content else []
        if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
            raise wrong(f"messages.{index}.content: Input should be a valid list")
        if not content and not (last and message["role"] == "assistant"):
            raise wrong(
                f"messages.{index}: all messages must have non-empty content except for the optional final "
                "assistant message"
            )
        return content

    def _check_answered(self, index: int) -> None:
        if self._open:
            raise wrong(
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(self._open)}. Each `tool_use` block must have a corresponding `tool_result` block in "
                "the next message."
            )

    def _user(self, blocks: list[Object], index: int) -> None:
        told = Told("user", [])
        results = True
        for place, block in enumerate(blocks):
            where = f"messages.{index}.content.{place}"
            if block.get("type") != "tool_result":
                results = False
                told.parts.append(_shown(self._ask, block, where))
                continue
            identifier = text_at(block, "tool_use_id", f"{where}.")
            if identifier not in self._open:
                raise wrong(
                    f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {identifier}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            if not results:
                self._check_answered(index)
            self._open.remove(identifier)
            self._ask.cache_marks += block.get("cache_control") is not None
            content = block.get("content")
            parts: list[Any] = [Said(content)] if isinstance(content, str) else []
            if not parts:
                parts = [
                    _shown(self._ask, one, f"{where}.content.{number}")
                    for number, one in enumerate(objects_at(block, "content", f"{where}."))
                ]
            told.parts.append(Returned(identifier, parts, block.get("is_error") is True))
        self._check_answered(index)
        self._ask.turns.append(told)

    def _assistant(self, blocks: list[Object], index: int) -> None:
        told = Told("assistant", [])
        for place, block in enumerate(blocks):
            where = f"messages.{index}.content.{place}"
            kind = block.get("type")
            if kind in ("thinking", "redacted_thinking"):
                told.parts.append(self._thought(block, where))
            elif kind == "tool_use":
                told.parts.append(self._call(block, where))
            elif kind == "tool_result":
                raise wrong(f"{where}: `tool_result` blocks can only be in `user` messages")
            elif not str(kind).endswith(("_tool_use", "_tool_result", "compaction")):
                told.parts.append(_shown(self._ask, block, where))
        if self._thinking and self._open and blocks[0].get("type") not in ("thinking", "redacted_thinking"):
            raise wrong(
                f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                f"`{blocks[0].get('type')}`. When `thinking` is enabled, a final `assistant` message must start with "
                "a thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks)."
            )
        self._ask.turns.append(told)

    def _thought(self, block: Object, where: str) -> Thought:
        account = self._ask.account
        if "cache_control" in block:
            raise wrong(f"{where}.{block['type']}.cache_control: Extra inputs are not permitted")
        if block["type"] == "redacted_thinking":
            if not account.opens(block.get("data")):
                raise wrong(f"{where}: Invalid `data` in `redacted_thinking` block")
            return Thought(state=True)
        text = text_at(block, "thinking", f"{where}.")
        if not account.signed(text_at(block, "signature", f"{where}.thinking."), text):
            raise wrong(f"{where}: Invalid `signature` in `thinking` block")
        return Thought(text, state=True)

    def _call(self, block: Object, where: str) -> Called:
        identifier = text_at(block, "id", f"{where}.tool_use.")
        if not _IDENTIFIER.fullmatch(identifier):
            raise wrong(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if identifier in self._open:
            raise wrong("messages: `tool_use` ids must be unique")
        if not isinstance(block.get("input"), dict):
            raise wrong(f"{where}.tool_use.input: Input should be a valid dictionary")
        self._ask.cache_marks += block.get("cache_control") is not None
        self._open.append(identifier)
        return Called(identifier, text_at(block, "name", f"{where}.tool_use."), block["input"])


def _shown(ask: Ask, block: Object, where: str) -> Said | Shown:  # noqa: PLR0911 - one row for each source
    kind = block.get("type")
    if kind == "text":
        return text_of(ask, block, where)
    ask.cache_marks += block.get("cache_control") is not None
    if kind in ("search_result", "tool_reference", "container_upload"):
        return Shown("document", text=str(block))
    if kind not in ("image", "document"):
        raise wrong(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
    source = object_at(block, "source", f"{where}.")
    match source.get("type"):
        case "base64":
            return Shown(kind, text_at(source, "data", where))
        case "text":
            return Shown(kind, text=text_at(source, "data", where))
        case "url":
            return Shown(kind, reference=text_at(source, "url", where))
        case "file":
            return Shown(kind, reference=text_at(source, "file_id", where))
        case "content":
            content = source.get("content")
            return Shown(kind, text=content if isinstance(content, str) else str(content))
        case found:
            raise wrong(f"{where}.{kind}.source: Input tag '{found}' does not match any of the expected tags")


def _joined(messages: list[Object]) -> list[Object]:
    joined: list[Object] = []
    for one in messages:
        both = [*joined[-1:], one]
        if len(both) == 2 and both[0].get("role") == one.get("role") and all(map(_has_content, both)):
            joined[-1] = {**one, "content": [block for each in both for block in _listed(each["content"])]}
        else:
            joined.append(one)
    return joined


def _has_content(message: Object) -> bool:
    return isinstance(message.get("content"), str | list)


def _listed(content: str | list[Any]) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
