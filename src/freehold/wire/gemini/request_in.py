"""A generateContent request into the internal form."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.parts import Message, Part, ToolResult
from freehold.core.request import ChatRequest
from freehold.wire.gemini.fields import NAME, Camel, listed
from freehold.wire.gemini.generation_in import generation_in
from freehold.wire.gemini.ids import Calls
from freehold.wire.gemini.joined_turns import joined
from freehold.wire.gemini.parts_in import part_in
from freehold.wire.gemini.tools_in import choice_in, tools_in
from freehold.wire.reading import Unreadable, is_list, is_text, need_utf8

_ROLES = {"model": "assistant", "assistant": "assistant", "system": "system"}
"""Everything else is the user: `user`, `function`, `tool`, or nothing at all."""


def decode_request(body: bytes) -> ChatRequest:
    """The body with `model` and `stream`, which stand in the URL, put in beside the rest. Raises BadRequest."""
    try:
        return request_in(Camel(need_utf8(body)))
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None


def request_in(body: Camel) -> ChatRequest:
    """Raises Unreadable."""
    calls = Calls()
    messages: list[Message] = []
    system = body.take_raw("systemInstruction")
    if system is not None:
        messages.extend(_content_in(system, body.place("systemInstruction"), calls, "system"))
    contents = body.take_raw("contents")
    place = body.place("contents")
    if contents is None:
        raise Unreadable(place, "is missing")
    if not is_list(contents):
        messages.extend(_content_in(contents, place, calls))
    else:
        for at, raw in enumerate(listed(contents, place)):
            messages.extend(_content_in(bytes(raw), f"{place}[{at}]", calls))
    model = body.need("model", str)
    request = ChatRequest(
        model=model.removeprefix("models/"),
        messages=joined(messages),
        stream=body.take("stream", bool) or False,
        stream_usage=True,
        dialect=NAME,
        extra={},
    )
    request.tools = tools_in(body.take_many("tools"))
    request.safety_settings = body.take_raw("safetySettings")
    request.metadata = body.take_raw("labels")
    tier = body.take("serviceTier", str)
    request.service_tier = tier.lower() if tier else None
    generation = body.take_object("generationConfig")
    if generation is not None:
        generation_in(request, generation)
    tool_config = body.take_object("toolConfig")
    if tool_config is not None:
        choice_in(request, tool_config)
    request.extra.update(body.rest())
    return request


def _content_in(raw: bytes, place: str, calls: Calls, role: str | None = None) -> list[Message]:
    """One content: a bare string, or an object whose parts may be strings too."""
    if is_text(raw):
        return [_message(role or "user", [_part_in(raw, place, calls)], plain=True)]
    content = Camel(raw, place)
    given = content.take("role", str)
    role = role or _ROLES.get(given or "", "user")
    parts = [_part_in(bytes(item), at, calls) for at, item in _items(content)]
    runs: list[list[Part]] = []
    for part in parts:
        if not runs or isinstance(runs[-1][0], ToolResult) != isinstance(part, ToolResult):
            runs.append([])
        runs[-1].append(part)
    messages = [_message("tool" if isinstance(run[0], ToolResult) else role, run) for run in runs]
    messages = messages or [_message(role, [])]
    messages[0].extra = content.rest()
    return messages


def _items(content: Camel) -> list[tuple[str, msgspec.Raw]]:
    raw = content.take_raw("parts")
    place = content.place("parts")
    if raw is None:
        return []
    if not is_list(raw):
        return [(place, msgspec.Raw(raw))]
    return [(f"{place}[{at}]", item) for at, item in enumerate(listed(raw, place))]


def _part_in(raw: bytes, place: str, calls: Calls) -> Part:
    if is_text(raw):
        raw = b'{"text":' + raw + b"}"
    return part_in(Camel(raw, place), calls, client=True)


def _message(role: str, parts: list[Part], *, plain: bool = False) -> Message:
    return Message(role=role, parts=parts, plain=plain)  # type: ignore[arg-type]
