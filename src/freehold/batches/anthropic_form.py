"""Batches in Anthropic's form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from freehold.batches.asking import Told
from freehold.batches.records import Batch
from freehold.core.errors import BadRequest
from freehold.wire.reading import Object, Unreadable, is_object, need_utf8

ENDPOINT = "/v1/messages"
MOST_REQUESTS = 100_000
MOST_LISTED = 1000
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_encode = msgspec.json.encode


def read_batch_request(body: bytes) -> list[bytes]:
    """The lines of the batch: `custom_id`, `url` and `body`. Raises BadRequest, which names the field."""
    try:
        asked = Object(need_utf8(body))
        requests = asked.take_objects("requests")
        if not requests:
            raise Unreadable("requests", "is missing or empty")
        if len(requests) > MOST_REQUESTS:
            raise Unreadable("requests", f"has more than {MOST_REQUESTS} requests")
        lines: dict[str, bytes] = {}
        for request in requests:
            name = request.need("custom_id", str)
            params = request.take_raw("params")
            if not _NAME.fullmatch(name):
                raise Unreadable(
                    request.place("custom_id"), "has other characters than a-zA-Z0-9_-, or over 64"
                )
            if name in lines:
                raise Unreadable(request.place("custom_id"), "was there before")
            if params is None or not is_object(params):
                raise Unreadable(request.place("params"), "is missing or no object")
            params = params.translate(None, b"\r\n")
            lines[name] = _encode({"custom_id": name, "url": ENDPOINT, "body": msgspec.Raw(params)})
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    return list(lines.values())


def batch_object(batch: Batch, base_url: str) -> dict[str, Any]:
    """The MessageBatch object. Requests count as processing until the whole batch has ended."""
    ended = batch.ended
    counts = {
        "processing": 0 if ended else batch.total,
        "succeeded": batch.succeeded if ended else 0,
        "errored": batch.errored if ended else 0,
        "canceled": batch.cancelled if ended else 0,
        "expired": batch.expired if ended else 0,
    }
    canceling = batch.cancelling_us is not None
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "canceling" if canceling else "in_progress",
        "request_counts": counts,
        "ended_at": _time(batch.ended_us),
        "created_at": _time(batch.created_us),
        "expires_at": _time(batch.expires_us),
        "archived_at": None,
        "cancel_initiated_at": _time(batch.cancelling_us),
        "results_url": f"{base_url}/v1/messages/batches/{batch.id}/results" if ended else None,
    }


def _time(us: int | None) -> str | None:
    return None if us is None else datetime.fromtimestamp(us / 1e6, UTC).isoformat().replace("+00:00", "Z")


def list_object(
    rows: Sequence[Batch], base_url: str, *, after: str | None, before: str | None, limit: int
) -> bytes:
    """A page of the list; `rows` come newest first. Raises BadRequest."""
    if not 1 <= limit <= MOST_LISTED:
        raise BadRequest(f"`limit` is not between 1 and {MOST_LISTED}.", param="limit")
    if before is not None:
        rows = rows[: _place(rows, before, "before_id")]
        page = rows[-limit:]
    else:
        rows = rows if after is None else rows[_place(rows, after, "after_id") + 1 :]
        page = rows[:limit]
    return _encode(
        {
            "data": [batch_object(row, base_url) for row in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(rows) > limit,
        }
    )


def _place(rows: Sequence[Batch], name: str, param: str) -> int:
    for at, row in enumerate(rows):
        if row.id == name:
            return at
    raise BadRequest(f"`{param}` names nothing here: `{name[:100]}`.", param=param)


def deleted(batch_id: str) -> bytes:
    """The batch is gone."""
    return _encode({"id": batch_id, "type": "message_batch_deleted"})


def result_line(custom_id: str, told: Told) -> bytes:
    """A line of the results."""
    body = msgspec.Raw(told.body.translate(None, b"\r\n"))
    result: dict[str, Any]
    if told.status == 200:
        result = {"type": "succeeded", "message": body}
    else:
        error = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if told.call_id:
            error["request_id"] = msgspec.Raw(_encode(told.call_id))
        result = {"type": "errored", "error": error}
    if told.losses:
        result["freehold_losses"] = told.losses
    return _encode({"custom_id": custom_id, "result": result})


def unasked_line(custom_id: str, *, expired: bool) -> bytes:
    """A line of the results for a request that was never asked."""
    return _encode({"custom_id": custom_id, "result": {"type": "expired" if expired else "canceled"}})
