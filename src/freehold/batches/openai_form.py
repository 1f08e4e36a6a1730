"""Files and batches in OpenAI's form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.batches.asking import Told
from freehold.batches.records import Batch, StoredFile
from freehold.core.errors import BadRequest
from freehold.core.ids import new_id
from freehold.wire.reading import Object, Unreadable

ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings")
WINDOW = "24h"
SHORTEST_LIFE, LONGEST_LIFE = 3600, 2_592_000
"""Seconds that a client may have a file kept."""
_MOST_LABELS = 16
_WORDS = {
    "batch_expired": "This request could not be executed before the completion window expired.",
    "batch_cancelled": "The batch was cancelled before this request was executed.",
}
_encode = msgspec.json.encode


class Wanted(msgspec.Struct):
    """A batch as a client asks for it."""

    input_file_id: str
    endpoint: str
    metadata: str | None
    output_seconds: int | None
    """How long its files are to be kept."""


def read_batch_request(body: bytes) -> Wanted:
    """Raises BadRequest, which names the field."""
    try:
        asked = Object(body)
        file_id = asked.need("input_file_id", str)
        endpoint = asked.need("endpoint", str)
        window = asked.need("completion_window", str)
        metadata = asked.take("metadata", dict[str, str])
        lifetime = asked.take_object("output_expires_after")
        output_seconds = None if lifetime is None else _lifetime(lifetime)
        left = set(asked.rest())
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    if endpoint not in ENDPOINTS:
        raise BadRequest(f"`endpoint` is one of {', '.join(ENDPOINTS)}.", param="endpoint")
    if window != WINDOW:
        raise BadRequest(f"`completion_window` is `{WINDOW}`.", param="completion_window")
    if metadata is not None and len(metadata) > _MOST_LABELS:
        raise BadRequest(f"`metadata` has more than {_MOST_LABELS} labels.", param="metadata")
    if left:
        name = min(left)
        raise BadRequest(f"The field `{name[:100]}` is not known.", param=name[:100])
    labels = None if metadata is None else _encode(metadata).decode()
    return Wanted(file_id, endpoint, labels, output_seconds)


def _lifetime(asked: Object) -> int:
    """Seconds. Raises BadRequest and Unreadable."""
    anchor, seconds = asked.need("anchor", str), asked.need("seconds", int)
    if anchor != "created_at" or asked.rest():
        raise BadRequest(
            "`output_expires_after` has `seconds`, and `created_at` for its `anchor`.",
            param="output_expires_after",
        )
    if not SHORTEST_LIFE <= seconds <= LONGEST_LIFE:
        raise BadRequest(
            f"`output_expires_after.seconds` is not between {SHORTEST_LIFE} and {LONGEST_LIFE}.",
            param="output_expires_after",
        )
    return seconds


def file_object(file: StoredFile) -> dict[str, Any]:
    """The File object."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created_us // 1_000_000,
        "expires_at": _seconds(file.expires_us),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def batch_object(batch: Batch) -> dict[str, Any]:
    """The Batch object."""
    ended: dict[str, int | None] = {
        f"{status}_at": None for status in ("completed", "failed", "expired", "cancelled")
    }
    if batch.ended:
        ended[f"{batch.status}_at"] = _seconds(batch.ended_us)
    problems = None if batch.problems is None else msgspec.Raw(batch.problems.encode())
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": None if problems is None else {"object": "list", "data": problems},
        "input_file_id": batch.input_file_id,
        "completion_window": WINDOW,
        "status": batch.status,
        "output_file_id": batch.output_file_id if batch.ended else None,
        "error_file_id": batch.error_file_id if batch.ended else None,
        "created_at": batch.created_us // 1_000_000,
        "in_progress_at": _seconds(batch.started_us),
        "expires_at": batch.expires_us // 1_000_000,
        "finalizing_at": _seconds(batch.finalizing_us),
        "cancelling_at": _seconds(batch.cancelling_us),
        **ended,
        "request_counts": {
            "total": batch.total,
            "completed": batch.succeeded,
            "failed": batch.errored + batch.cancelled + batch.expired,
        },
        "usage": None if batch.usage is None else msgspec.Raw(batch.usage.encode()),
        "metadata": None if batch.metadata is None else msgspec.Raw(batch.metadata.encode()),
    }


def _seconds(us: int | None) -> int | None:
    return None if us is None else us // 1_000_000


def list_object(
    rows: Sequence[StoredFile | Batch], *, after: str | None, limit: int, most: int, ascending: bool = False
) -> bytes:
    """A page of a list; `rows` come newest first. Raises BadRequest."""
    if not 1 <= limit <= most:
        raise BadRequest(f"`limit` is not between 1 and {most}.", param="limit")
    rows = rows[::-1] if ascending else rows
    if after is not None:
        at = next((at for at, row in enumerate(rows) if row.id == after), None)
        if at is None:
            raise BadRequest(f"`after` names nothing here: `{after[:100]}`.", param="after")
        rows = rows[at + 1 :]
    page = rows[:limit]
    return _encode(
        {
            "object": "list",
            "data": [file_object(row) if isinstance(row, StoredFile) else batch_object(row) for row in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(rows) > limit,
        }
    )


def deleted(file_id: str) -> bytes:
    """The file is gone."""
    return _encode({"id": file_id, "object": "file", "deleted": True})


def result_line(custom_id: str, told: Told) -> bytes:
    """A line of the output file, or of the error file."""
    response: dict[str, Any] = {
        "status_code": told.status,
        "request_id": told.call_id,
        "body": msgspec.Raw(_one_line(told.body)),
    }
    if told.losses:
        response["freehold_losses"] = told.losses
    return _encode({"id": new_id("batch_req"), "custom_id": custom_id, "response": response, "error": None})


def unasked_line(custom_id: str, *, expired: bool) -> bytes:
    """A line of the error file for a request that was never asked."""
    code = "batch_expired" if expired else "batch_cancelled"
    error = {"code": code, "message": _WORDS[code]}
    return _encode({"id": new_id("batch_req"), "custom_id": custom_id, "response": None, "error": error})


def _one_line(body: bytes) -> bytes:
    """JSON without line ends: between values they are white space, and inside strings they are escaped."""
    return body.translate(None, b"\r\n") if b"\n" in body or b"\r" in body else body
