"""A call as people and programs see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from freehold.cli.output import Column, at_terminal
from freehold.core import figures
from freehold.core.figures import show_moment

if TYPE_CHECKING:
    from freehold.ledger.reading import Entry

SHORT_ID = 22
"""`call_` and 17 characters: the millisecond, and 20 bits beyond it to be the only one."""

COLUMNS = (
    Column("STARTED", least=19, rank=3),
    Column("ID", least=SHORT_ID),
    Column("ROUTE", width=24, least=10, rank=5),
    Column("MODEL", width=32, least=22),
    Column("KEY", width=16, least=10, rank=7),
    Column("OUTCOME", least=11),
    Column("READ", right=True, least=6, rank=8),
    Column("WRITTEN", right=True, least=7, rank=8),
    Column("FIRST", right=True, least=6, rank=9),
    Column("TOOK", right=True, least=6, rank=6),
    Column("COST", right=True, least=11, rank=4),
)


def row_of(entry: Entry, key_names: Mapping[str, str], *, utc: bool) -> tuple[str, ...]:
    """The cells of COLUMNS."""
    call, usage = entry.call, entry.call.usage
    outcome = call.outcome if call.outcome == "answered" else f"{call.outcome} {call.status}"
    if call.mirrors is not None:
        outcome = f"mirror: {outcome}"
    return (
        show_moment(call.started_us, utc=utc),
        call.id[:SHORT_ID] if at_terminal() else call.id,
        call.route or "-",
        model_of(entry) or "-",
        key_names.get(call.key_id or "", call.key_id or "-"),
        outcome,
        figures.count(usage.input_tokens),
        figures.count(usage.output_tokens) + ("+" if usage.source == "counted" else ""),
        figures.milliseconds(call.first_token_ms),
        figures.milliseconds(call.duration_ms),
        figures.money(entry.cost.amount),
    )


def model_of(entry: Entry) -> str | None:
    """`provider/model` of the last attempt; None when nobody was tried."""
    return None if entry.call.model is None else f"{entry.call.provider}/{entry.call.model}"


def as_json(entry: Entry, key_names: Mapping[str, str], *, bodies: bool = False) -> dict[str, object]:
    """Everything that is known of the call. Absent is null, and never 0."""
    from freehold.ledger.shown import show_bodies, show_call  # noqa: PLC0415 - imported when the command runs

    value: dict[str, object] = msgspec.structs.asdict(show_call(entry, key_names))
    if bodies:
        said = msgspec.structs.asdict(show_bodies(entry))
        for name in ("request_body", "answer_body"):
            in_base64 = f"{name}_base64"
            kept = in_base64 if said[in_base64] is not None else name
            value[kept] = said[kept]
        value["feedback"] = said["feedback"]
    return value


def why_not_kept(entry: Entry, body: str) -> str:
    """Why a body that is not there is not there."""
    digest = entry.request_digest if body == "request" else entry.answer_digest
    if digest is not None:
        return f"retention has deleted it ({digest})."
    size = entry.call.request_bytes if body == "request" else entry.call.answer_bytes
    if not size:
        return "there was none."
    return "why is not on record: keeping was switched off for this call, or there was no room to keep it."
