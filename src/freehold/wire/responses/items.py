"""The items that a kept answer consists of: what `previous_response_id` continues and `input_items` lists.

Pure functions on JSON; who keeps the items, and where, is not their business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.wire.reading import Object, Unreadable, is_list, is_text
from freehold.wire.responses.vocabulary import Json, encode

_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
MOST = 100
"""Items of one list."""


def input_items(body: bytes, response_id: str) -> list[bytes]:
    """The items of a request's `input`, each with an id and a message's content as a list of parts.

    Ids are made of `response_id` where there are none. Raises BadRequest.
    """
    suffix = response_id.removeprefix("resp_")
    try:
        given = Object(body).take_raw("input")
        if given is None:
            return []
        if is_text(given):
            return [_kept(Object(b'{"role":"user","content":%b}' % given), f"{suffix}_in0")]
        if not is_list(given):
            raise Unreadable("input", "is neither a string nor a list of items")
        items = Object(b'{"input":%b}' % given).take_objects("input") or []
        return [_kept(item, f"{suffix}_in{at}") for at, item in enumerate(items)]
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None


def _kept(item: Object, suffix: str) -> bytes:
    fields: Json = dict(item.rest())
    kind = item.take("type", str)
    if kind is None:
        kind = "message" if item.has("role") else "item_reference"
        fields["type"] = kind
    if kind == "message":
        content = item.take_raw("content")
        if content is not None and is_text(content):
            of_model = item.take("role", str) == "assistant"
            part: Json = {"type": "output_text" if of_model else "input_text", "text": msgspec.Raw(content)}
            if of_model:
                part["annotations"] = []
            fields["content"] = [part]
        fields.setdefault("status", "completed")
    fields.setdefault("id", f"{_PREFIXES.get(kind, 'item')}_{suffix}")
    return encode({"id": fields["id"], "type": fields["type"], **fields})


def output_items(answer: bytes) -> list[bytes]:
    """The items of an answer as they are kept and replayed. `answer` is a Response object as a client was given it.

    Encrypted reasoning stays sealed in them, and is opened when they come back as input. Raises BadRequest.
    """
    try:
        return [bytes(item) for item in Object(answer).take_list("output") or ()]
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None


def referred(body: bytes) -> list[str]:
    """The ids of items that the request names instead of sending them. Raises BadRequest."""
    if b"item_reference" not in body:
        return []
    try:
        given = Object(body).take_raw("input")
        if given is None or not is_list(given):
            return []
        items = Object(b'{"input":%b}' % given).take_objects("input") or []
        named = [item.take("id", str) for item in items if item.take("type", str) == "item_reference"]
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    return [name for name in named if name]


def continued(
    body: bytes, kept: Sequence[bytes], beside: Sequence[bytes] = (), *, most: int | None = None
) -> bytes:
    """The request with the kept items of the conversation before its own, and without `previous_response_id`.

    `kept` are the input and output items of all turns so far; instructions of earlier turns are not carried over,
    as at OpenAI. An item that refers to one of these, or of those `beside`, is replaced by it. `most`: bytes that the
    items put in so may have; a few words can name a large item any number of times. Raises BadRequest.
    """
    try:
        request = Object(body)
        request.drop("previous_response_id")
        given = request.take_raw("input")
        if given is None:
            own: list[bytes] = []
        elif is_text(given):
            own = [b'{"type":"message","role":"user","content":%b}' % given]
        else:
            own = [bytes(item) for item in Object(b'{"input":%b}' % given).take_list("input") or ()]
        known = {_id_of(item): item for item in (*beside, *kept)}
        items = [*kept]
        left = most
        for at, item in enumerate(own):
            resolved = _resolved(item, known, at)
            if left is not None and resolved is not item:
                left -= len(resolved)
                if left < 0:
                    raise BadRequest(
                        f"The items that `input` refers to are over {most} bytes together.", param="input"
                    )
            items.append(resolved)
        fields: Fields = request.rest()
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    return encode({**fields, "input": [msgspec.Raw(item) for item in items]})


def _resolved(raw: bytes, known: dict[str | None, bytes], at: int) -> bytes:
    item = Object(raw, f"input[{at}]")
    kind = item.take("type", str)
    refers = kind == "item_reference" or (kind is None and not item.has("role"))
    return known.get(item.take("id", str), raw) if refers else raw


def names_of(kept: Sequence[bytes]) -> set[str]:
    """The ids of those items that have one."""
    names: set[str] = set()
    for item in kept:
        with contextlib.suppress(Unreadable):
            names.add(_id_of(item) or "")
    return names - {""}


def _id_of(raw: bytes) -> str | None:
    return Object(raw).take("id", str)


def item_list(
    items: Sequence[bytes],
    *,
    after: str | None = None,
    limit: int = 20,
    order: Literal["asc", "desc"] = "desc",
) -> bytes:
    """The body of `GET /v1/responses/{id}/input_items`: the newest first, as at OpenAI, beginning behind `after`.

    Raises BadRequest.
    """
    if not 1 <= limit <= MOST:
        raise BadRequest(f"`limit` is not between 1 and {MOST}.", param="limit")
    chosen = list(items) if order == "asc" else list(reversed(items))
    ids = [_id_of(item) for item in chosen]
    if after is not None and after not in ids:
        raise BadRequest(f"There is no item `{after[:100]}` to begin behind.", param="after")
    start = 0 if after is None else ids.index(after) + 1
    end = start + limit
    page = ids[start:end]
    return encode(
        {
            "object": "list",
            "data": [msgspec.Raw(item) for item in chosen[start:end]],
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
            "has_more": end < len(chosen),
        }
    )


def deleted(response_id: str) -> bytes:
    """The body of an answered `DELETE /v1/responses/{id}`."""
    return encode({"id": response_id, "object": "response", "deleted": True})
