"""Sums by hour, by day and by kind of call. Calls that are there already are added while the endpoint runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SUMS = (
    "calls", "priced", "cost_high", "cost_low", "counted", "input_tokens", "output_tokens", "duration_us",
    "request_bytes", "answer_bytes",
)  # fmt: skip
_RARE_SUMS = (
    "streams", "first_token_us", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens", "input_video_tokens",
    "input_document_tokens", "output_image_tokens",
)  # fmt: skip
_ON_A_SERVER = "fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000"
"""A row changes with every commit of its hour: with room beside it, the new one needs no entry in the index."""


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "kinds",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("digest", sql.LargeBinary(16), nullable=False, unique=True),
        sql.Column("operation", sql.Integer, nullable=False),
        sql.Column("key", sql.Integer),
        sql.Column("route", sql.Integer),
        sql.Column("provider", sql.Integer),
        sql.Column("model", sql.Integer),
        sql.Column("outcome", sql.Integer, nullable=False),
        sql.Column("error", sql.Integer),
    )
    for name in ("hours", "days"):
        _table(
            name,
            *(sql.Column(one, sql.BigInteger, nullable=False) for one in _SUMS),
            *(sql.Column(one, sql.BigInteger) for one in _RARE_SUMS),
        )
    for name in ("hour_paces", "day_paces"):
        _table(
            name,
            sql.Column("durations", sql.LargeBinary, nullable=False),
            sql.Column("first_tokens", sql.LargeBinary, nullable=False),
        )
    for name in ("hour_losses", "day_losses"):
        _table(
            name,
            sql.Column("loss", sql.Integer, primary_key=True, autoincrement=False),
            sql.Column("calls", sql.BigInteger, nullable=False),
        )
    op.create_table(
        "reach",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("former", sql.BigInteger, nullable=False),
        sql.Column("summed", sql.BigInteger, nullable=False),
        sql.Column("calls_from_us", sql.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO reach SELECT 1, coalesce(max(seq), 0), 0, 0 FROM calls")
    if op.get_bind().dialect.name == "postgresql":
        _slim_down()


def _table(name: str, *columns: sql.Column[Any]) -> None:
    op.create_table(
        name,
        sql.Column("start", sql.BigInteger, primary_key=True, autoincrement=False),
        sql.Column("kind", sql.Integer, primary_key=True, autoincrement=False),
        *columns,
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {name} SET ({_ON_A_SERVER})")


def _slim_down() -> None:
    """The index of starts held all that sums of spending read; now it holds what lists are chosen by."""
    op.execute("DROP INDEX calls_by_start")
    op.create_index("calls_by_start", "calls", ["started_us", "route", "key", "model", "outcome"])
