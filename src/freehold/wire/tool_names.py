"""Names of tools as each dialect takes them. The client's own names come back in what the model calls.

The same name is always replaced by the same other one, so that a conversation stays the same for a provider's cache.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from freehold.core.parts import Message, Part, ToolCall, ToolResult
from freehold.core.request import ChatRequest, HostedTool, Tool, ToolChoice
from freehold.wire.dialect import DialectName

_DIGITS = 8


class Rule(NamedTuple):
    """Which names a dialect takes."""

    allowed: re.Pattern[str]
    """All of the name."""
    other: re.Pattern[str]
    """A character that may not be in it."""
    most: int
    """Characters."""


def _rule(first: str, then: str, most: int) -> Rule:
    return Rule(re.compile(f"[{first}][{then}]{{0,{most - 1}}}"), re.compile(f"[^{then}]"), most)


_PLAIN = _rule("A-Za-z0-9_-", "A-Za-z0-9_-", 64)
RULES: dict[DialectName, Rule] = {
    "openai-chat": _PLAIN,
    "openai-responses": _PLAIN,
    "anthropic-messages": _rule("A-Za-z0-9_-", "A-Za-z0-9_-", 128),
    "gemini": _rule("A-Za-z_", "A-Za-z0-9_.-", 64),
    "bedrock-converse": _PLAIN,
    "cohere": _rule("A-Za-z_", "A-Za-z0-9_", 64),
}
"""What every model of the dialect takes. Some take more: Gemini's newest colons and 128 characters, and Cohere names
no length.
"""


def fit_tool_names(request: ChatRequest, dialect: DialectName) -> tuple[ChatRequest, dict[str, str]]:
    """The request with names that the dialect takes, and what each changed name was. Names of its own dialect stay."""
    if request.dialect == dialect:
        return request, {}
    rule = RULES[dialect]
    names = set(_names_in(request))
    unfit = sorted(name for name in names if not rule.allowed.fullmatch(name))
    if not unfit:
        return request, {}
    new: dict[str, str] = {}
    taken = names.difference(unfit)
    for name in unfit:
        new[name] = fitting = _fitting(name, rule, taken)
        taken.add(fitting)
    return _renamed(request, new), {fitting: name for name, fitting in new.items()}


def _fitting(name: str, rule: Rule, taken: set[str]) -> str:
    plain = rule.other.sub("_", name)[: rule.most - _DIGITS - 1] or "tool"
    stem = plain if rule.allowed.fullmatch(plain) else f"_{plain[: rule.most - _DIGITS - 2]}"
    seed = name.encode("utf-8", "surrogatepass")
    while True:
        digest = hashlib.sha256(seed).hexdigest()
        fitting = f"{stem}_{digest[:_DIGITS]}"
        if fitting not in taken:
            return fitting
        seed = digest.encode()


def _names_in(request: ChatRequest) -> Iterator[str]:
    for tool in request.tools:
        if isinstance(tool, Tool):
            yield tool.name
    if request.tool_choice is not None:
        yield from request.tool_choice.names
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult) and part.name is not None:
                yield part.name


def _renamed(request: ChatRequest, new: dict[str, str]) -> ChatRequest:
    choice = request.tool_choice
    return msgspec.structs.replace(
        request,
        tools=[_renamed_tool(tool, new) for tool in request.tools],
        tool_choice=None if choice is None else _renamed_choice(choice, new),
        messages=[_renamed_message(message, new) for message in request.messages],
    )


def _renamed_tool(tool: Tool | HostedTool, new: dict[str, str]) -> Tool | HostedTool:
    if isinstance(tool, HostedTool) or tool.name not in new:
        return tool
    return msgspec.structs.replace(tool, name=new[tool.name])


def _renamed_choice(choice: ToolChoice, new: dict[str, str]) -> ToolChoice:
    return msgspec.structs.replace(choice, names=tuple(new.get(name, name) for name in choice.names))


def _renamed_message(message: Message, new: dict[str, str]) -> Message:
    parts = [_renamed_part(part, new) for part in message.parts]
    if all(now is before for now, before in zip(parts, message.parts, strict=True)):
        return message
    return msgspec.structs.replace(message, parts=parts)


def _renamed_part(part: Part, new: dict[str, str]) -> Part:
    if isinstance(part, ToolCall | ToolResult) and part.name in new:
        return msgspec.structs.replace(part, name=new[part.name])
    return part
