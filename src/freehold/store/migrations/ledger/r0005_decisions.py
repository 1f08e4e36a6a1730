"""What a policy decided for a call, and of which call one is a copy."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WORDS = (
    "operation", "dialect", "key", "route", "provider", "model", "reported_model", "outcome", "error",
    "stop_reason", "usage_source", "usage_shape", "cost_row",
)  # fmt: skip
_REST = (
    "streamed", "status", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "cache_write_1h_tokens",
    "input_image_tokens", "input_video_tokens", "input_document_tokens", "output_image_tokens", "raw_usage",
    "first_token_us", "duration_us", "request_bytes", "answer_bytes", "attempts", "losses", "cost_pico",
    "request_digest", "answer_digest", "request_body", "answer_body", "decision", "mirrors",
)  # fmt: skip


def upgrade() -> None:
    """Add both, empty: calls that are there were not decided on. No row is written anew."""
    for name in ("decision", "mirrors"):
        op.add_column("calls", sql.Column(name, sql.Text))
    for name, column, present in (
        ("calls_by_decision", "started_us", "decision"),
        ("calls_by_mirrored", "mirrors", "mirrors"),
    ):
        known = sql.text(f"{present} IS NOT NULL")
        op.create_index(name, "calls", [column], sqlite_where=known, postgresql_where=known)
    op.execute("DROP VIEW named_calls")
    words = [f'(SELECT name FROM names WHERE id = calls."{word}") AS "{word}"' for word in _WORDS]  # noqa: S608
    columns = ", ".join(["seq", "calls.id", "started_us", *words, *_REST])
    op.execute(f"CREATE VIEW named_calls AS SELECT {columns} FROM calls")  # noqa: S608
