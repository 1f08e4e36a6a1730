"""Parts into content blocks, for a provider."""

from __future__ import annotations

import msgspec

from freehold.core.parts import Citation, Foreign, Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.wire.anthropic.caching import put_cache
from freehold.wire.anthropic.calls import id_for_wire, input_of
from freehold.wire.anthropic.citations import encode_citation
from freehold.wire.anthropic.media import encode_media
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.outgoing import Outgoing
from freehold.wire.sealing import is_for

Block = object
"""Fields, or raw JSON that goes as it came."""


def encode_block(part: Part, out: Outgoing) -> Block | None:  # noqa: PLR0911 - one for each kind
    """The part's block; None where nothing is left of it, which is then a loss."""
    if isinstance(part, Text):
        return _text(part, out)
    if isinstance(part, ToolCall):
        return _call(part, out)
    if isinstance(part, ToolResult):
        return _result(part, out)
    if isinstance(part, Reasoning):
        return _reasoning(part, out)
    if isinstance(part, Media):
        return encode_media(part, out)
    if isinstance(part, Refusal):
        out.own(part.extra)
        return text_block(part.text, out)
    if part.dialect == NAME:
        return msgspec.Raw(part.raw)
    out.losses.add("part", part.kind)
    return None


def text_block(text: str, out: Outgoing) -> dict[str, object] | None:
    """A block of words. The provider refuses one without any."""
    if text.strip():
        return {"type": "text", "text": text}
    if text:
        out.losses.add("message.blank")
    return None


def _text(part: Text, out: Outgoing) -> Block | None:
    if part.state is not None:
        out.losses.add("reasoning.state")
    block = text_block(part.text, out)
    if block is None:
        if part.cache is not None:
            out.losses.add("cache")
        return None
    if part.citations:
        if out.same:
            block["citations"] = _citations(part.citations, out)
        else:
            out.losses.add("citations")  # the provider only takes back what it cited itself
    block.update(out.own(part.extra))
    put_cache(block, part.cache)
    return block


def _citations(citations: list[Citation], out: Outgoing) -> list[dict[str, object]]:
    encoded = [encode_citation(citation, out.losses) for citation in citations]
    return [citation for citation in encoded if citation is not None]


def _call(call: ToolCall, out: Outgoing) -> Block:
    if call.state is not None:
        out.losses.add("reasoning.state")
    block: dict[str, object] = {"type": "tool_use", "id": id_for_wire(call.id), "name": call.name}
    block["input"] = input_of(call, out.losses)
    block.update(out.own(call.extra))
    put_cache(block, call.cache)
    return block


def _result(result: ToolResult, out: Outgoing) -> Block:
    block: dict[str, object] = {"type": "tool_result", "tool_use_id": id_for_wire(result.call_id)}
    content = [encoded for part in result.content if (encoded := _result_block(part, out)) is not None]
    if content:
        block["content"] = content
    if result.failed is not None:
        block["is_error"] = result.failed
    block.update(out.own(result.extra))
    put_cache(block, result.cache)
    return (
        block  # the tool's name, and whether its words are an object, are known from the call and the words
    )


def _result_block(part: Text | Media | Foreign, out: Outgoing) -> Block | None:
    if isinstance(part, Media) and part.kind not in ("image", "document") and not out.same:
        out.losses.add("tool_result.media")
    return encode_block(part, out)


def _reasoning(part: Reasoning, out: Outgoing) -> Block | None:
    """Only what the provider signed itself: it refuses any other reasoning."""
    state = part.state
    if state is not None and is_for(state, out.recipient, same_dialect=out.same, of_model=True):
        extra = out.own(part.extra)
        if state.kind == "signature":
            if part.summary:
                out.losses.add("reasoning")
            return {"type": "thinking", "thinking": part.text, "signature": state.data, **extra}
        if state.kind == "redacted":
            return {"type": "redacted_thinking", "data": state.data, **extra}
    if state is not None:
        out.losses.add("reasoning.state")
    if part.text or part.summary:
        out.losses.add("reasoning")
    out.own(part.extra)
    return None
