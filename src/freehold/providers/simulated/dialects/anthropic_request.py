"""What a request to Anthropic's Messages API asks for, and what Anthropic refuses of it."""

from __future__ import annotations

import re
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Offered, Returned, Said, Shown, Thought, Told
from freehold.providers.simulated.dialect import (
    Object,
    count_at,
    known_only,
    number_at,
    object_at,
    objects_at,
    text_at,
    wrong,
)
from freehold.providers.simulated.schemas import loose_object

_KNOWN = frozenset(
    "model messages max_tokens system metadata stop_sequences stream temperature top_p top_k tools tool_choice thinking "
    "service_tier container context_management mcp_servers output_config output_format cache_control inference_geo "
    "speed betas diagnostics fallbacks".split()
)
_IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_CACHE_MARKS = 4


def read(body: Object, account: Account, *, counting: bool = False) -> Ask:
    """What `body` asks for. `counting`: only its tokens matter. Raises Refusal."""
    known_only(body, _KNOWN, "{}: Extra inputs are not permitted")
    if body.get("max_tokens") is None and not counting:
        raise wrong("max_tokens: Field required")
    thinking, output = object_at(body, "thinking"), object_at(body, "output_config")
    ask = Ask(
        model=text_at(body, "model"),
        account=account,
        stream=body.get("stream") is True,
        limit=count_at(body, "max_tokens"),
        stop=body.get("stop_sequences") or [],
        sampling={key: body.get(key) for key in ("temperature", "top_p", "top_k")},
        effort="none" if thinking.get("type") == "disabled" else output.get("effort"),
        budget=thinking.get("budget_tokens"),
        shows_thoughts=thinking.get("display") != "omitted",
        call_prefix="toolu_",
    )
    number_at(body, "temperature", 0, 1)
    number_at(body, "top_p", 0, 1)
    if any(not one.strip() for one in ask.stop):
        raise wrong("stop_sequences: each stop sequence must contain non-whitespace")
    _read_system(ask, body.get("system"))
    for index, tool in enumerate(objects_at(body, "tools")):
        _read_tool(ask, tool, f"tools.{index}")
    _read_choice(ask, object_at(body, "tool_choice"))
    if not counting:
        _check_thinking(ask, thinking, body)
    _Messages(ask, thinking).read(objects_at(body, "messages"))
    wanted = object_at(output, "format") or object_at(body, "output_format")
    if wanted:
        if wanted.get("type") != "json_schema":
            raise wrong("output_config.format.type: Input should be 'json_schema'")
        ask.schema = object_at(wanted, "schema", "output_config.format.")
        if (path := loose_object(ask.schema, all_required=False)) is not None:
            raise wrong(
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to "
                f"false ({path})"
            )
    ask.cache_marks += "cache_control" in body
    if ask.cache_marks > _MOST_CACHE_MARKS:
        raise wrong(f"A maximum of 4 blocks with cache_control may be provided. Found {ask.cache_marks}.")
    return ask


def _read_system(ask: Ask, system: object) -> None:
    if isinstance(system, str):
        if system:
            ask.turns.append(Told("system", [Said(system)]))
    elif isinstance(system, list):
        told = Told("system", [])
        for index, block in enumerate(system):
            if not isinstance(block, dict) or block.get("type") != "text":
                raise wrong(f"system.{index}: Input should be a text block")
            told.parts.append(_text(ask, block, f"system.{index}"))
        ask.turns.append(told)
    elif system is not None:
        raise wrong("system: Input should be a valid string or list")


def _read_tool(ask: Ask, tool: Object, where: str) -> None:
    ask.cache_marks += tool.get("cache_control") is not None
    kind = tool.get("type") or "custom"
    if kind != "custom":
        ask.hosted.append(kind)
        return
    name = text_at(tool, "name", f"{where}.custom.")
    if not _NAME.fullmatch(name):
        raise wrong(f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        raise wrong(f"{where}.custom.input_schema: Field required")
    if schema.get("type") != "object":
        raise wrong(f"{where}.custom.input_schema.type: Field required")
    if any(one.name == name for one in ask.tools):
        raise wrong("tools: Tool names must be unique.")
    ask.tools.append(Offered(name, tool.get("description") or "", schema))


def _read_choice(ask: Ask, choice: Object) -> None:
    if not choice:
        return
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        raise wrong(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )
    if not ask.tools and not ask.hosted and kind != "none":
        raise wrong("tool_choice may only be specified while providing tools")
    ask.choice = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}[kind]  # type: ignore[assignment]
    if kind == "tool":
        name = text_at(choice, "name", "tool_choice.")
        if not any(tool.name == name for tool in ask.tools) and not ask.hosted:
            raise wrong(f"tool_choice.tool: Tool '{name}' not found in provided tools")
        ask.allowed.append(name)
    ask.parallel = choice.get("disable_parallel_tool_use") is not True


def _check_thinking(ask: Ask, thinking: Object, body: Object) -> None:
    if not thinking:
        return
    kind = thinking.get("type")
    if kind not in ("enabled", "disabled", "adaptive"):
        raise wrong(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )
    if kind == "disabled":
        return
    if kind == "enabled":
        budget = count_at(thinking, "budget_tokens")
        if budget is None:
            raise wrong("thinking.enabled.budget_tokens: Field required")
        if budget < 1024:
            raise wrong("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if ask.limit is not None and budget >= ask.limit:
            raise wrong("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise wrong("`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_k") is not None:
        raise wrong("`top_k` must be unset when thinking is enabled.")
    if (body.get("top_p") or 1) < 0.95:
        raise wrong("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if ask.choice == "required" and kind == "enabled":
        raise wrong("Thinking may not be enabled when tool_choice forces tool use.")


def _text(ask: Ask, block: Object, where: str) -> Said:
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


class _Messages:
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
            texts = [_text(self._ask, one, f"messages.{index}") for one in blocks if one.get("type") == "text"]
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


def _shown(ask: Ask, block: Object, where: str) -> Said | Shown:
    kind = block.get("type")
    if kind == "text":
        return _text(ask, block, where)
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
