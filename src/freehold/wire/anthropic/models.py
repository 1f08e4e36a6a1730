"""The list of models in Anthropic's form."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.core.errors import BadRequest
from freehold.wire.dialect import NotAnAnswer

_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""What stands for a day of release that nobody knows."""
_MOST = 1000
DEFAULT_LIMIT = 20


class _Id(msgspec.Struct):
    id: str


class _Ids(msgspec.Struct):
    data: list[_Id]
    has_more: bool = False
    last_id: str | None = None


_decode_ids = msgspec.json.Decoder(_Ids).decode


def encode_model(name: str) -> bytes:
    """The body of `GET /v1/models/{id}`."""
    return msgspec.json.encode(_entry(name))


def encode_models(
    names: Sequence[str],
    *,
    limit: int = DEFAULT_LIMIT,
    after_id: str | None = None,
    before_id: str | None = None,
) -> bytes:
    """One page of `GET /v1/models`: those after or before an id. Raises BadRequest."""
    if not 1 <= limit <= _MOST:
        raise BadRequest(f"The field `limit` is not between 1 and {_MOST}.", param="limit")
    if after_id is not None and before_id is not None:
        raise BadRequest("The fields `after_id` and `before_id` exclude each other.", param="before_id")
    if before_id is not None:
        rest = names[: _place(names, before_id, "before_id")]
        page = rest[-limit:]
    else:
        start = 0 if after_id is None else _place(names, after_id, "after_id") + 1
        rest = names[start:]
        page = rest[:limit]
    return msgspec.json.encode(
        {
            "data": [_entry(name) for name in page],
            "has_more": len(page) < len(rest),
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }
    )


def read_model_ids(body: bytes) -> tuple[list[str], str | None]:
    """The ids in a page of a provider's list, and the id to ask for more after. Raises NotAnAnswer."""
    try:
        found = _decode_ids(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnAnswer(f"The body is not a list of models: {error}") from None
    return [entry.id for entry in found.data], found.last_id if found.has_more else None


def _place(names: Sequence[str], name: str, param: str) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise BadRequest(f"The field `{param}` names no model of the list.", param=param) from None


def _entry(name: str) -> dict[str, object]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": _UNKNOWN_DATE,
        "lifecycle": "active",
    }
