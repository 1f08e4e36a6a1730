"""Content blocks, in requests and answers alike, into parts."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from freehold.core.parts import Foreign, Media, Part, Reasoning, State, Text, ToolCall, ToolResult
from freehold.wire.anthropic.caching import take_cache
from freehold.wire.anthropic.citations import decode_citation
from freehold.wire.anthropic.media import decode_media, decode_search_result
from freehold.wire.anthropic.naming import NAME
from freehold.wire.reading import Object, is_text
from freehold.wire.sealing import unseal


def decode_content(holder: Object, name: str = "content", *, sealed: bool = True) -> tuple[list[Part], bool]:
    """The parts of a string or a list of blocks, and whether it was a string. Raises Unreadable.

    `sealed`: it comes from a client, whose state we sealed; a provider's is only its own.
    """
    raw = holder.take_raw(name)
    if raw is None:
        return [], False
    place = holder.place(name)
    if is_text(raw):
        return [Text(text=Object(b'{"text":' + raw + b"}", holder.path).take("text", str) or "")], True
    blocks = Object(b'{"blocks":' + raw + b"}").take_list("blocks") if raw.lstrip()[:1] == b"[" else [raw]
    parts: list[Part] = []
    for at, block in enumerate(blocks or ()):
        part = decode_block(block, f"{place}[{at}]", sealed=sealed)
        state = part.state if isinstance(part, Reasoning) else None
        if state is None or not state.on_previous:
            parts.append(part)
        elif parts:
            _attach(state, parts[-1])
    return parts, False


def _attach(state: State, part: Part) -> None:
    """Puts a state that had to be carried beside its part back where it belongs."""
    if isinstance(part, Text | Media | ToolCall):
        part.state = msgspec.structs.replace(state, on_previous=False)


def decode_block(raw: bytes | msgspec.Raw, path: str = "", *, sealed: bool = True) -> Part:  # noqa: PLR0911 - one for each kind
    """One block. Raises Unreadable."""
    raw = bytes(raw)
    if is_text(raw):  # some clients put bare strings among the blocks
        return Text(text=msgspec.json.decode(raw, type=str))
    block = Object(raw, path)
    kind = block.need("type", str)
    if kind == "text":
        return _text(block)
    if kind == "tool_use":
        return _call(block)
    if kind == "tool_result":
        return _result(block)
    if kind == "thinking":
        text, signature = block.take("thinking", str) or "", block.take("signature", str)
        state = _state(signature, "signature", sealed=sealed) if signature else None
        return Reasoning(text=text, state=state, extra=block.rest())
    if kind == "redacted_thinking":
        data = block.take("data", str) or ""
        return Reasoning(state=_state(data, "redacted", sealed=sealed), extra=block.rest())
    if kind in ("image", "document"):
        media = decode_media(block, "image" if kind == "image" else "document")
        if media is not None:
            return media
    if kind == "search_result":
        return decode_search_result(block, raw)
    return Foreign(dialect=NAME, kind=kind, raw=raw)


def _state(data: str, kind: Literal["signature", "redacted"], *, sealed: bool) -> State:
    return unseal(data, kind) if sealed else State(data=data, kind=kind)


def _text(block: Object) -> Text:
    text = block.take("text", str) or ""
    place = block.place("citations")
    citations = [
        decode_citation(raw, f"{place}[{at}]") for at, raw in enumerate(block.take_list("citations") or ())
    ]
    cache, extra = take_cache(block)
    return Text(text=text, citations=citations, cache=cache, extra={**extra, **block.rest()})


def _call(block: Object) -> ToolCall:
    given = block.take_raw("input")
    cache, extra = take_cache(block)
    caller = block.take_raw("caller")
    if caller is not None and Object(caller).take("type", str) != "direct":
        extra["caller"] = msgspec.Raw(caller)  # `direct` is what every call is that nobody says more about
    return ToolCall(
        id=block.need("id", str),
        name=block.need("name", str),
        arguments=(given or b"{}").decode(),
        cache=cache,
        extra={**extra, **block.rest()},
    )


def _result(block: Object) -> ToolResult:
    content, _ = decode_content(block)
    cache, extra = take_cache(block)
    return ToolResult(
        call_id=block.need("tool_use_id", str),
        content=cast("list[Text | Media | Foreign]", [_plain_part(part) for part in content]),
        failed=block.take("is_error", bool),
        cache=cache,
        extra={**extra, **block.rest()},
    )


def _plain_part(part: Part) -> Part:
    """What a tool's result may hold; anything else is nobody's but this dialect's."""
    if isinstance(part, Text | Media | Foreign):
        return part
    return Foreign(dialect=NAME, kind=type(part).__name__.lower(), raw=msgspec.json.encode(part))
