"""A whole answer of the internal form as a generateContent answer."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Part, Reasoning, Text, ToolCall, ToolResult
from freehold.wire.dialect import Addressee
from freehold.wire.gemini.citations import GroundingWriter
from freehold.wire.gemini.fields import NAME, Json, encode, spread
from freehold.wire.gemini.logprobs import logprobs_out
from freehold.wire.gemini.parts_out import part_out
from freehold.wire.gemini.ruler import Ruler
from freehold.wire.gemini.stops import stop_out
from freehold.wire.gemini.usage import usage_out
from freehold.wire.sealing import seal


def encode_answer(answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
    """The body for a client."""
    own = answer.dialect == NAME
    body: Json = {}
    if not (own and "promptFeedback" in answer.extra and not any(_says(choice) for choice in answer.choices)):
        body["candidates"] = [_candidate(choice, at, losses, own) for at, choice in enumerate(answer.choices)]
    usage = usage_of(answer, losses)
    if usage is not None:
        body["usageMetadata"] = usage
    body["modelVersion"] = answer.model or addressee.request.model
    body["responseId"] = answer.id if own and answer.id else addressee.id
    if own:
        spread(body, answer.extra)
    else:
        for name in answer.extra:
            losses.add("answer", name)
    return encode(body)


def _says(choice: Choice) -> bool:
    return bool(choice.parts or choice.extra)


def usage_of(answer: Answer, losses: Losses) -> Json | msgspec.Raw | None:
    """The usage object: as it came, where it is Gemini's own."""
    if answer.dialect == NAME and answer.raw_usage is not None:
        return msgspec.Raw(answer.raw_usage)
    return usage_out(answer.usage, answer.service_tier, losses) or None


def _candidate(choice: Choice, at: int, losses: Losses, own: bool) -> Json:
    grounding = GroundingWriter(losses)
    parts: list[Json] = []
    for part in choice.parts:
        written = answer_part(part, losses, own=own)
        if written is not None:
            parts.append(written)
            if isinstance(part, Text) and not (own and "groundingMetadata" in choice.extra):
                ruler = Ruler(part.text if part.citations else "")
                for citation in part.citations:
                    grounding.add(citation, ruler, part=len(parts) - 1)
    candidate: Json = {"content": {"role": "model", "parts": parts}}
    if choice.stop is not None:
        candidate["finishReason"] = stop_out(choice.stop, losses)
    candidate["index"] = at
    found = None if choice.logprobs is None else logprobs_out([choice.logprobs])
    if found is not None:
        candidate["logprobsResult"] = found
    if own:
        spread(candidate, choice.extra)
    else:
        if (made := grounding.result()) is not None:
            candidate["groundingMetadata"] = made
        for name in choice.extra:
            losses.add("answer", name)
    return candidate


def answer_part(part: Part, losses: Losses, *, own: bool) -> Json | None:
    """A part for a client: its signature is sealed, so that it finds back to its maker."""
    if isinstance(part, ToolResult):
        losses.add("part", "tool_result")
        return None
    if isinstance(part, Media) and part.transcript is not None:
        losses.add("answer", "transcript")
    written = part_out(part, losses, own=own)
    if written is not None and isinstance(part, Text | Media | ToolCall | Reasoning | Foreign) and part.state:
        written["thoughtSignature"] = seal(part.state)
    return written
