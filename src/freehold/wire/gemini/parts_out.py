"""Parts of the internal form as Gemini's, in requests and in answers alike."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.wire.gemini.fields import NAME, Json, spread
from freehold.wire.gemini.ids import is_made
from freehold.wire.gemini.media import media_out

INVALID = "INVALID_JSON"
"""Under which name arguments that are no JSON object are sent."""
CUSTOM_INPUT = "input"
"""The parameter that stands for the free text of a custom tool."""

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def part_out(part: Part, losses: Losses, *, own: bool) -> Json | None:
    """The part without its signature; None when it cannot be sent, which is a loss.

    `own`: what is translated came in this dialect, so that its extras go out again.
    """
    result = _bare(part, losses, own)
    if isinstance(part, Text | Media | ToolCall | ToolResult) and part.cache is not None:
        losses.add("cache")
    if not isinstance(part, Foreign):
        extras_out(result, part.extra, losses, own=own)
    return result


def _bare(part: Part, losses: Losses, own: bool) -> Json | None:
    result: Json | None = None
    if isinstance(part, Text):
        result = {"text": part.text}
    elif isinstance(part, Reasoning):
        result = {"text": thought_of(part), "thought": True}
    elif isinstance(part, ToolCall):
        result = _call_out(part, losses)
    elif isinstance(part, Media):
        result = media_out(part, losses, own=own)
    elif isinstance(part, Refusal):
        losses.add("part", "refusal")
        result = {"text": part.text}
    elif isinstance(part, Foreign):
        if part.dialect == NAME:
            result = dict(_decode_object(part.raw))
        else:
            losses.add("part", part.kind)
    return result  # a ToolResult goes out with the name of its call: see `results_out.py`


def thought_of(part: Reasoning) -> str:
    """What there is to read of it: Gemini has one place for reasoning and for summaries of it."""
    return "\n\n".join(piece for piece in (part.text, *part.summary) if piece)


def extras_out(target: Json | None, extra: Fields, losses: Losses, *, own: bool) -> None:
    """Puts the extras into their places, or declares them lost."""
    if own and target is not None:
        spread(target, extra)
    else:
        for name in extra:
            losses.add("field", name)


def _call_out(call: ToolCall, losses: Losses) -> Json:
    result: Json = {}
    if not is_made(call.id):
        result["id"] = call.id
    result["name"] = call.name
    arguments = arguments_out(call, losses)
    if arguments is not None:
        result["args"] = arguments
    return {"functionCall": result}


def arguments_out(call: ToolCall, losses: Losses) -> object:
    """The arguments as an object, which they have to be here."""
    if call.custom:
        losses.add("tool.custom")
        return {CUSTOM_INPUT: call.arguments}
    if not call.arguments.strip():
        return None
    try:
        _decode_object(call.arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        losses.add("field", "arguments")
        return {INVALID: call.arguments}
    return msgspec.Raw(call.arguments.encode())
