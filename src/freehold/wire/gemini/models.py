"""Lists of models, as the Gemini API gives them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.gemini.fields import Json, encode

_METHODS = ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"]


class _Model(msgspec.Struct):
    name: str = ""


class _Models(msgspec.Struct):
    models: list[_Model] = []
    next_page_token: str | None = msgspec.field(default=None, name="nextPageToken")


_decode = msgspec.json.Decoder(_Models).decode


def encode_models(ids: Iterable[str]) -> bytes:
    """The list."""
    return encode({"models": [_model_out(one) for one in ids]})


def encode_model(model_id: str) -> bytes:
    """A single one."""
    return encode(_model_out(model_id))


def decode_models(body: bytes) -> tuple[list[str], str | None]:
    """The ids in a page of a provider's list, as requests name them, and the token of the next. Raises NotAnAnswer."""
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAnAnswer("The body is not a list of models.") from None
    names = [one.name.removeprefix("models/") for one in found.models if one.name]
    return names, found.next_page_token or None


def _model_out(model_id: str) -> Json:
    return {"name": f"models/{model_id}", "displayName": model_id, "supportedGenerationMethods": _METHODS}
