"""The list of models in OpenAI's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.openai_usage import UNREADABLE


class ModelEntry(msgspec.Struct):
    """One model or route, as clients see it."""

    id: str
    owned_by: str
    created: int = 0
    object: Literal["model"] = "model"


class _List(msgspec.Struct):
    data: list[ModelEntry]
    object: Literal["list"] = "list"


class _Id(msgspec.Struct):
    id: str


class _Ids(msgspec.Struct):
    data: list[_Id]


_decode_ids = msgspec.json.Decoder(_Ids | list[_Id]).decode  # Together sends the list without an envelope


def encode_models(entries: Iterable[ModelEntry]) -> bytes:
    """The body of `GET /v1/models`."""
    return msgspec.json.encode(_List(list(entries)))


def encode_model(entry: ModelEntry) -> bytes:
    """The body of `GET /v1/models/{id}`."""
    return msgspec.json.encode(entry)


def read_model_ids(body: bytes) -> list[str]:
    """The ids in a provider's list of models. Raises NotAnAnswer."""
    try:
        found = _decode_ids(body)
    except UNREADABLE as error:
        raise NotAnAnswer(str(error)) from None
    return [entry.id for entry in (found if isinstance(found, list) else found.data)]
