"""Calls refer to their bodies by number instead of by address, whose index cost more than all else; and count
what was read and written in more detail.
"""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_serial = sql.BigInteger().with_variant(sql.Integer, "sqlite")
_WORDS = (
    "operation", "dialect", "key", "route", "provider", "model", "reported_model", "outcome", "error",
    "stop_reason", "usage_source", "usage_shape", "cost_row",
)  # fmt: skip
_NEW = (
    "cache_write_1h_tokens", "input_image_tokens", "input_video_tokens", "input_document_tokens",
    "output_image_tokens",
)  # fmt: skip
_REST = (
    "streamed", "status", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", *_NEW, "raw_usage", "first_token_us",
    "duration_us", "request_bytes", "answer_bytes", "attempts", "losses", "cost_pico", "request_digest",
    "answer_digest", "request_body", "answer_body",
)  # fmt: skip


def upgrade() -> None:
    """Make the bodies' table again without the index, and point the calls at its rows."""
    for name in ("request_body", "answer_body", *_NEW):
        op.add_column("calls", sql.Column(name, sql.BigInteger))
    for which in ("request", "answer"):
        op.execute(
            f"UPDATE calls SET {which}_body = (SELECT id FROM bodies WHERE digest = {which}_digest)"  # noqa: S608
        )
    op.drop_index("bodies_by_day", "bodies")
    op.rename_table("bodies", "former_bodies")
    op.create_table(
        "bodies",
        sql.Column("id", _serial, primary_key=True),
        sql.Column("digest", sql.LargeBinary(34), nullable=False),
        sql.Column("day", sql.Integer, nullable=False),
        sql.Column("stored_bytes", sql.BigInteger, nullable=False),
        sql.Column("stored", sql.LargeBinary, nullable=False),
    )
    op.execute(
        "INSERT INTO bodies (id, digest, day, stored_bytes, stored) "
        "SELECT id, digest, day, stored_bytes, stored FROM former_bodies ORDER BY id"
    )
    op.drop_table("former_bodies")
    op.create_index("bodies_by_day", "bodies", ["day", "id", "stored_bytes"])
    op.execute("DROP VIEW named_calls")
    words = [f'(SELECT name FROM names WHERE id = calls."{word}") AS "{word}"' for word in _WORDS]  # noqa: S608
    columns = ", ".join(["seq", "calls.id", "started_us", *words, *_REST])
    op.execute(f"CREATE VIEW named_calls AS SELECT {columns} FROM calls")  # noqa: S608
