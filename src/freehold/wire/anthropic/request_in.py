"""Requests of clients."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest, ThreadUnsupported
from freehold.core.parts import Message, Part, ToolResult
from freehold.core.request import ChatRequest, ReasoningWish, ResponseFormat
from freehold.wire.anthropic.caching import take_cache
from freehold.wire.anthropic.content_in import decode_content
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.tools_in import decode_tool, decode_tool_choice
from freehold.wire.reading import Object, Unreadable, need_utf8


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest, which names the field as the client wrote it."""
    try:
        return _decode(Object(need_utf8(body)))
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None


def _decode(body: Object) -> ChatRequest:
    refuse_thread(body.take_raw("thread"))
    request = ChatRequest(model=body.need("model", str), messages=[], dialect=NAME)
    if body.has("system"):
        parts, was_string = decode_content(body, "system")
        request.messages.append(Message(role="system", parts=parts, plain=was_string))
    messages = body.take_objects("messages")
    if messages is None:
        raise Unreadable("messages", "is missing")
    for message in messages:
        request.messages += _messages(message)
    request.tools = [decode_tool(tool) for tool in body.take_objects("tools") or ()]
    choice = body.take_object("tool_choice")
    if choice is not None:
        request.tool_choice, request.parallel_tool_calls = decode_tool_choice(choice)
    request.max_tokens = body.take("max_tokens", int)
    request.temperature = body.take("temperature", float)
    request.top_p = body.take("top_p", float)
    request.top_k = body.take("top_k", int)
    request.stop = body.take("stop_sequences", list[str]) or []
    request.service_tier = body.take("service_tier", str)
    request.stream = body.take("stream", bool) or False
    request.stream_usage = request.stream  # usage is in every stream of this dialect
    request.cache, extra = take_cache(body)
    metadata = body.take_object("metadata")
    if metadata is not None:
        request.user = metadata.take("user_id", str)
        rest = metadata.rest()
        request.metadata = msgspec.json.encode(rest) if rest else None
    output = body.take_object("output_config")
    request.response_format = _format(body, output)
    request.reasoning = _wish(body.take_raw("thinking"), output)
    if output is not None:
        rest = output.rest()
        if rest:
            extra["output_config"] = msgspec.Raw(msgspec.json.encode(rest))
    request.extra = {**extra, **body.rest()}
    return request


def refuse_thread(thread: bytes | msgspec.Raw | None) -> None:
    """A thread is held by Anthropic alone. Its SDK sends everything when it is told so. Raises ThreadUnsupported."""
    if thread is not None and bytes(thread) != b"null":
        raise ThreadUnsupported(
            "The provider that answers does not hold threads.", hint="Send all messages.", param="thread"
        )


def _messages(message: Object) -> list[Message]:
    """One turn. Results of tools are a message of their own, which comes first, as the next turn begins with them."""
    role = message.need("role", str)
    parts, was_string = decode_content(message)
    extra = message.rest()
    if role == "system":
        return [Message(role="system", parts=parts, plain=was_string, extra=extra)]
    if role == "assistant":
        return [Message(role="assistant", parts=parts, plain=was_string, extra=extra)]
    if role != "user":
        raise Unreadable(
            message.place("role"), f"is `{role[:40]}`, which is none of user, assistant and system"
        )
    results: list[Part] = [part for part in parts if isinstance(part, ToolResult)]
    if not results:
        return [Message(role="user", parts=parts, plain=was_string, extra=extra)]
    others: list[Part] = [part for part in parts if not isinstance(part, ToolResult)]
    turns = [Message(role="tool", parts=results, extra=extra)]
    return [*turns, Message(role="user", parts=others)] if others else turns


def _format(body: Object, output: Object | None) -> ResponseFormat | None:
    """`output_config.format`, or `output_format`, which it was called before."""
    given = output.take_object("format") if output is not None else None
    given = given or body.take_object("output_format")
    if given is None:
        return None
    kind = given.take("type", str)
    if kind not in ("json_schema", None):
        raise Unreadable(given.place("type"), f"is `{kind[:40]}`, which is not json_schema")
    return ResponseFormat(kind="schema", schema=given.take_raw("schema"), strict=True, extra=given.rest())


def _wish(raw: bytes | None, output: Object | None) -> ReasoningWish | None:
    wish = ReasoningWish(effort=output.take("effort", str) if output is not None else None)
    if raw is not None:
        thinking = Object(raw, "thinking")
        kind = thinking.take("type", str)
        if kind in ("enabled", "disabled", "adaptive"):
            wish.mode = kind  # type: ignore[assignment]
            wish.budget = thinking.take("budget_tokens", int)
            display = thinking.take("display", str)
            wish.shown = None if display is None else display != "omitted"
            wish.extra = thinking.rest()
        else:
            wish.extra = {"thinking": msgspec.Raw(raw)}
    return wish if raw is not None or wish.effort is not None else None
