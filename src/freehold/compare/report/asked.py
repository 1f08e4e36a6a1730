"""What a case asks and an answer says, as plain text of a bounded length."""

from __future__ import annotations

import msgspec

from freehold.compare.case import Case
from freehold.compare.report.report import Said

MOST = 4_000
"""Characters of one text. A report is to be read, and the rest is in the ledger."""


def shortened(text: str) -> str:
    """A text without what is too much of it, and with how much that is."""
    if len(text) <= MOST:
        return text
    return f"{text[:MOST]}\n[… {len(text) - MOST:,} more characters]"


def conversation_of(case: Case) -> tuple[Said, ...]:
    """Who said what, in order. Empty: only answers to it were recorded."""
    fields = msgspec.json.decode(case.request)
    messages = fields.get("messages") if isinstance(fields, dict) else None
    if not isinstance(messages, list):
        return ()
    found = [
        Said(str(one.get("role", "")), shortened(_text_of(one))) for one in messages if isinstance(one, dict)
    ]
    tools = fields.get("tools")
    if isinstance(tools, list) and tools:
        found.append(Said("tools", shortened(", ".join(_tool_name(one) for one in tools))))
    return tuple(found)


def _text_of(message: dict[str, object]) -> str:
    said: list[str] = []
    content = message.get("content")
    if isinstance(content, str):
        said.append(content)
    elif isinstance(content, list):
        said += [_text_of_part(part) for part in content]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        said += [f"(calls a tool) {msgspec.json.encode(call).decode()}" for call in calls]
    return "\n".join(said)


def _text_of_part(part: object) -> str:
    if isinstance(part, dict):
        if isinstance(part.get("text"), str):
            return str(part["text"])
        return f"({part.get('type', 'something')} that is not text)"
    return str(part)


def _tool_name(tool: object) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return str(name) if name is not None else "(without a name)"
