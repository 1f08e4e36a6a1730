"""The audit log."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.access.shown import ShownEntry, ShownVerdict, show_entry, show_verdict
from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import Limit

_PIECE = 64 * 1024


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries."""

    limit: Limit = 50
    before: (
        Annotated[int, Meta(ge=1, le=2**62, description="Only entries with smaller numbers.")] | UnsetType
    ) = UNSET


class AuditList(msgspec.Struct):
    """A page of the audit log, newest first."""

    entries: list[ShownEntry]
    next: int | None
    """Ask for those before this."""


class VerifyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Against what."""

    head: (
        Annotated[
            str,
            Meta(
                pattern="^[0-9a-f]{64}$",
                description="The head that was given before: finds entries that were removed at the end.",
            ),
        ]
        | UnsetType
    ) = UNSET


def _list(office: Office, asked: Asked) -> AuditList:
    query: AuditQuery = asked.query
    before = None if isinstance(query.before, UnsetType) else query.before
    found = office.audit.newest(query.limit, before=before)
    following = found[-1].number if len(found) == query.limit and found[-1].number > 1 else None
    return AuditList([show_entry(entry) for entry in found], following)


def _verify(office: Office, asked: Asked) -> ShownVerdict:
    head = asked.query.head
    return show_verdict(office.audit.verify(None if isinstance(head, UnsetType) else head))


def _export(office: Office, _asked: Asked) -> Generator[bytes, None, None]:
    encode = msgspec.json.Encoder().encode
    piece = bytearray()
    for entry in office.audit.all():
        piece += encode(show_entry(entry)) + b"\n"
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


OPERATIONS = (
    Operation(
        method="GET", path="/audit", least="viewer", act=_list, answer=AuditList, query=AuditQuery,
        summary="List administrative acts, newest first",
    ),
    Operation(
        method="GET", path="/audit/verify", least="viewer", act=_verify, answer=ShownVerdict, query=VerifyQuery,
        summary="Check that the audit log is as it was written",
    ),
    Operation(
        method="GET", path="/exports/audit", least="viewer", act=_export, media="application/jsonl",
        summary="Export the audit log, oldest first, one JSON object a line",
    ),
)  # fmt: skip
