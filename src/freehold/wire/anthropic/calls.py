"""Tool calls: the ids and inputs that this dialect takes."""

from __future__ import annotations

import hashlib
import re

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import ToolCall

_ALLOWED = re.compile(r"[a-zA-Z0-9_-]+")
_decode_object = msgspec.json.Decoder(Fields).decode


def id_for_wire(id: str) -> str:
    """The id, or, where the dialect refuses its letters, another that is always the same for it."""
    if _ALLOWED.fullmatch(id):
        return id
    return "toolu_" + hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def input_of(call: ToolCall, losses: Losses) -> object:
    """The call's arguments as an object. What is none is put into one, as the API's own guide does."""
    if call.custom:
        losses.add("tool.custom")
        return {"input": call.arguments}
    text = call.arguments.strip()
    if not text:
        return {}
    try:
        data = text.encode()
        _decode_object(data)
    except (ValueError, RecursionError):
        losses.add("field", "arguments")
        return {"INVALID_JSON": call.arguments}
    return msgspec.Raw(data)
