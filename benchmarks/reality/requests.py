"""One recorded request, sent to a provider of another dialect: what was lost without a word."""

from __future__ import annotations

import json

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import Message, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, Tool
from freehold.wire.dialect import DialectName, Quirks, Recipient
from freehold.wire.dialects import dialect_of

from .answers import Gone
from .recordings import Recorded
from .same_request import differences

QUIRKS = Quirks(default_max_tokens=4096)


def cross_request(recorded: Recorded, target: DialectName) -> Gone | None:
    """The request, encoded for a provider of `target`; None where that would make no sense, and it is refused."""
    assert recorded.request is not None
    request = dialect_of(recorded.dialect).decode_request(recorded.request)
    losses = Losses()
    recipient = Recipient(model=request.model, origin="another", quirks=QUIRKS)
    try:
        body = dialect_of(target).encode_request(request, recipient, losses)
    except BadRequest:
        return None
    asked = dialect_of(recorded.dialect).decode_request(recorded.request)
    if target == "gemini":
        # The model and whether to stream stand in the address.
        body = json.dumps({**json.loads(body), "model": asked.model, "stream": asked.stream}).encode()
    try:
        heard = dialect_of(target).decode_request(body)
    except NotImplementedError:
        return Gone(_unsaid(asked, json.loads(body), losses), losses.names)
    problems = differences(asked, heard, losses)
    if asked != request:
        problems.append("encoding changed the request")
    return Gone(problems, losses.names)


def _unsaid(request: ChatRequest, body: object, losses: Losses) -> list[str]:
    """Words, calls and tools of the request that are nowhere in the body, where nothing of ours reads the dialect."""
    said = "".join("".join(_strings(body)).split())
    found = [
        f"unsaid: {wanted[:100]!r}"
        for wanted in _wanted(request.messages)
        if "".join(wanted.split()) not in said
    ]
    choice = request.tool_choice
    names = {tool.name for tool in request.tools if isinstance(tool, Tool)}
    if choice is not None and (choice.mode == "none" or choice.names):
        names &= set(choice.names)  # a tool that may not be called may be left out
    found += [f"unsaid tool: {name}" for name in names if name not in said]
    if request.max_tokens is not None and str(request.max_tokens) not in json.dumps(body):
        found += [] if "max_tokens" in losses.names else ["unsaid: max_tokens"]
    return found


def _wanted(messages: list[Message]) -> list[str]:
    wanted: list[str] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, Text):
                wanted.append(part.text)
            elif isinstance(part, ToolCall):
                wanted.append(part.name)
            elif isinstance(part, ToolResult) and not part.structured:
                wanted += [item.text for item in part.content if isinstance(item, Text)]
    return [text for text in wanted if text.strip() and not _is_json(text)]


def _is_json(text: str) -> bool:
    """Such a text may be put as an object."""
    try:
        return isinstance(msgspec.json.decode(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (str(key), *_strings(inner))]
    return [text for inner in value for text in _strings(inner)] if isinstance(value, list) else []
