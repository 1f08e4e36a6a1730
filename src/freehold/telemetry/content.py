"""What was said in a call, in the form that OpenTelemetry's conventions have for it. Only where that is asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.answer import Answer
from freehold.core.errors import FreeholdError
from freehold.core.gathering import Gathering
from freehold.core.parts import Foreign, Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, Tool
from freehold.core.secret import without_our_keys
from freehold.ledger.record import Call
from freehold.wire.dialect import Dialect, NotAnAnswer
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.sse import EventSplitter

LONGEST_PART = 16 * 1024
"""Characters of one text; the rest of it is cut off."""
LONGEST = 256 * 1024
"""Bytes of one attribute; a longer one is left out."""

_INSTRUCTIONS = ("system", "developer")


def content_of(call: Call) -> list[tuple[str, str]]:
    """Attributes and their values: JSON. Empty for calls whose bodies are not kept, and for embeddings and counts.

    Inline files are named, not told. What cannot be read is left out.
    """
    if call.operation != "chat" or call.dialect not in NAMES:
        return []
    dialect = dialect_of(call.dialect)
    said: list[tuple[str, Any]] = []
    if call.request_body is not None:
        said += _asked(dialect, without_our_keys(call.request_body))
    if call.answer_body:
        said += _answered(dialect, without_our_keys(call.answer_body), streamed=call.streamed)
    encoded = [(name, msgspec.json.encode(value)) for name, value in said if value]
    return [(name, json.decode()) for name, json in encoded if len(json) <= LONGEST]


def _asked(dialect: Dialect, body: bytes) -> list[tuple[str, Any]]:
    try:
        request: ChatRequest = dialect.decode_request(body)
    except FreeholdError:
        return []
    first = 0
    while first < len(request.messages) and request.messages[first].role in _INSTRUCTIONS:
        first += 1
    instructions = [_part(part) for message in request.messages[:first] for part in message.parts]
    tools = [_tool(tool) for tool in request.tools if isinstance(tool, Tool)]
    return [
        ("gen_ai.system_instructions", instructions),
        ("gen_ai.input.messages", [_message(message) for message in request.messages[first:]]),
        ("gen_ai.tool.definitions", tools),
    ]


def _answered(dialect: Dialect, body: bytes, *, streamed: bool) -> list[tuple[str, Any]]:
    try:
        answer = _gathered(dialect, body) if streamed else dialect.decode_answer(body)
    except NotAnAnswer:
        return []
    messages = [
        {"role": "assistant", "parts": [_part(part) for part in choice.parts]} for choice in answer.choices
    ]
    return [("gen_ai.output.messages", messages)]


def _gathered(dialect: Dialect, stream: bytes) -> Answer:
    decoder, gathering = dialect.decode_stream(), Gathering()
    for frame in EventSplitter().feed(stream + b"\n\n"):
        for event in decoder.read(frame):
            gathering.add(event)
    for event in decoder.finish():
        gathering.add(event)
    return gathering.finish()


def _message(message: Message) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    said: dict[str, Any] = {"role": role, "parts": [_part(part) for part in message.parts]}
    if message.name is not None:
        said["name"] = message.name
    return said


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text() | Refusal():
            return {"type": "text", "content": part.text[:LONGEST_PART]}
        case Reasoning():
            return {"type": "reasoning", "content": (part.text or "\n\n".join(part.summary))[:LONGEST_PART]}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": _arguments(part)}
        case ToolResult():
            texts = [one.text for one in part.content if isinstance(one, Text)]
            response = "\n".join(texts)[:LONGEST_PART]
            return {"type": "tool_call_response", "id": part.call_id, "response": response}
        case Media():
            return _media(part)
        case Foreign():
            return {"type": part.kind}


def _arguments(part: ToolCall) -> Any:
    """As JSON where they are some, and short enough; else as the text that they are."""
    if not part.custom and len(part.arguments) <= LONGEST_PART:
        try:
            return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(part.arguments)))
        except (msgspec.DecodeError, RecursionError):
            pass
    return part.arguments[:LONGEST_PART]


def _media(part: Media) -> dict[str, Any]:
    named: dict[str, Any] = {"modality": part.kind}
    if part.mime_type is not None:
        named["mime_type"] = part.mime_type
    if part.url is not None and not part.url.startswith("data:"):
        return {"type": "uri", **named, "uri": part.url[:LONGEST_PART]}
    if part.file_id is not None:
        return {"type": "file", **named, "file_id": part.file_id}
    if part.text is not None:
        return {"type": "text", "content": part.text[:LONGEST_PART]}
    return {"type": "omitted", **named, "size": len(part.data or part.url or "")}


def _tool(tool: Tool) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description[:LONGEST_PART]
    if tool.schema is not None and len(tool.schema) <= LONGEST_PART:
        said["parameters"] = msgspec.Raw(tool.schema)
    return said
