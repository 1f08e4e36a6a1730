"""Parts of answers into content blocks, for a client."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.wire.anthropic.calls import id_for_wire, input_of
from freehold.wire.anthropic.citations import encode_citation
from freehold.wire.anthropic.naming import NAME
from freehold.wire.sealing import seal


def own(extra: Fields, losses: Losses, *, same: bool) -> Fields:
    """The fields that nobody knows, where they are at home; elsewhere each is a loss."""
    if same or not extra:
        return extra
    for name in extra:
        losses.add("answer", name)
    return {}


def encode_parts(parts: list[Part], losses: Losses, *, same: bool) -> list[object]:
    """The content of a whole answer. `same`: the answer came in this dialect."""
    blocks: list[object] = []
    for part in parts:
        block = _encode(part, losses, same=same)
        if block is not None:
            blocks.append(block)
        if isinstance(part, Text | Media | ToolCall):
            carried = carry(part.state, losses)
            if carried is not None:
                blocks.append(carried)
    return blocks


def _encode(part: Part, losses: Losses, *, same: bool) -> object | None:  # noqa: PLR0911 - one for each kind
    if isinstance(part, Text):
        if not part.text and not part.citations and not same:
            return None  # a client would send it back, and be refused
        block: dict[str, object] = {"type": "text", "text": part.text}
        citations = [encode_own_citation(one, losses, same=same) for one in part.citations]
        if citations:
            block["citations"] = [citation for citation in citations if citation is not None]
        return {**block, **own(part.extra, losses, same=same)}
    if isinstance(part, ToolCall):
        input_ = input_of(part, losses)
        return {**begun_call(part), "input": input_, **own(part.extra, losses, same=same)}
    if isinstance(part, Reasoning):
        return encode_reasoning(part, losses, same=same)
    if isinstance(part, Refusal):
        own(part.extra, losses, same=same)
        return {"type": "text", "text": part.text} if part.text else None
    if isinstance(part, Media):
        losses.add("answer", part.kind)
        return {"type": "text", "text": part.transcript} if part.transcript else None
    if isinstance(part, Foreign) and part.dialect == NAME:
        return msgspec.Raw(part.raw)
    losses.add("part", part.kind if isinstance(part, Foreign) else "tool_result")
    return None


def encode_own_citation(citation: Citation, losses: Losses, *, same: bool) -> dict[str, object] | None:
    """A citation without the fields of another dialect; None, a loss, where there is no such form."""
    extra = own(citation.extra, losses, same=same)
    return encode_citation(msgspec.structs.replace(citation, extra=extra), losses)


def begun_call(call: ToolCall) -> dict[str, object]:
    """A call without its input."""
    return {"type": "tool_use", "id": id_for_wire(call.id), "name": call.name, "input": {}}


def encode_reasoning(part: Reasoning, losses: Losses, *, same: bool) -> dict[str, object]:
    """Reasoning, and its state as the signature that a client sends back unread."""
    extra = own(part.extra, losses, same=same)
    text = part.text or "\n\n".join(part.summary)
    if part.text and part.summary:
        losses.add("answer", "summary")
    if part.state is not None and is_hidden(part.state, text):
        return {"type": "redacted_thinking", "data": seal(part.state), **extra}
    signature = seal(part.state) if part.state is not None else ""
    return {"type": "thinking", "thinking": text, "signature": signature, **extra}


def is_hidden(state: State, text: str) -> bool:
    """Whether the state stands in place of reasoning, and does not vouch for it."""
    return not text and state.kind != "signature"


def carry(state: State | None, losses: Losses) -> dict[str, object] | None:
    """A block for the state of a part that has no place for one: thinking without words, right behind the part."""
    if state is None:
        return None
    if state.origin is None:
        losses.add("reasoning.state")  # unsealed it would be taken for the signature of thinking
        return None
    carried = seal(msgspec.structs.replace(state, on_previous=True))
    return {"type": "thinking", "thinking": "", "signature": carried}
