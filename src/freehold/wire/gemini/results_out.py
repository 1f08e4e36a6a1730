"""Results of tools as `functionResponse` parts."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Text, ToolResult
from freehold.wire.dialect import Quirks
from freehold.wire.gemini.fields import Json
from freehold.wire.gemini.ids import is_made
from freehold.wire.gemini.media import media_out
from freehold.wire.gemini.parts_out import extras_out

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def result_out(result: ToolResult, name: str, quirks: Quirks, losses: Losses, *, own: bool) -> Json:
    """The part for one result of the tool `name`."""
    response: Json = {}
    if not is_made(result.call_id):
        response["id"] = result.call_id
    response["name"] = name
    response["response"] = _response_out(result, losses)
    held = [part for item in result.content if (part := _held(item, quirks, losses, own)) is not None]
    if held:
        response["parts"] = held
    if result.cache is not None:
        losses.add("cache")
    whole: Json = {"functionResponse": response}
    extras_out(whole, result.extra, losses, own=own)
    return whole


def _response_out(result: ToolResult, losses: Losses) -> object:
    texts = [item.text for item in result.content if isinstance(item, Text)]
    if result.structured and len(texts) == 1 and (fields := _object(texts[0])) is not None:
        if result.failed and "error" not in fields:
            losses.add("tool_result.failed")
        return fields
    if not texts and not result.failed:
        return {}
    return {"error" if result.failed else "output": "\n".join(texts)}


def _object(text: str) -> dict[str, msgspec.Raw] | None:
    try:
        return _decode_object(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _held(item: Text | Media | Foreign, quirks: Quirks, losses: Losses, own: bool) -> Json | None:
    if isinstance(item, Text):
        _text_extras(item, losses)
        return None
    if isinstance(item, Foreign):
        losses.add("part", item.kind)
        return None
    if item.kind not in quirks.input_media:
        losses.add("tool_result.media")
        return None
    part = media_out(item, losses, own=own)
    if part is None or "text" in part:
        losses.add("tool_result.media")
        return None
    extras_out(part, item.extra, losses, own=own)
    return part


def _text_extras(item: Text, losses: Losses) -> None:
    if item.cache is not None:
        losses.add("cache")
    if item.citations:
        losses.add("citations")
    for name in item.extra:
        losses.add("field", name)
