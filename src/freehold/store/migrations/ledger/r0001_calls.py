"""Calls, their words and bodies, and the runs of the process that writes them."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_serial = sql.BigInteger().with_variant(sql.Integer, "sqlite")
_WORDS = (
    "operation", "dialect", "key", "route", "provider", "model", "reported_model", "outcome", "error",
    "stop_reason", "usage_source", "usage_shape", "cost_row",
)  # fmt: skip
_REST = (
    "streamed", "status", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "raw_usage", "first_token_us",
    "duration_us", "request_bytes", "answer_bytes", "attempts", "losses", "cost_pico", "request_digest",
    "answer_digest",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables of `ledger.db`."""
    op.create_table(
        "names",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("name", sql.Text, nullable=False, unique=True),
    )
    op.create_table(
        "calls",
        sql.Column("seq", _serial, primary_key=True),
        sql.Column("id", sql.Text, nullable=False, unique=True),
        sql.Column("started_us", sql.BigInteger, nullable=False),
        sql.Column("operation", sql.Integer, nullable=False),
        sql.Column("dialect", sql.Integer, nullable=False),
        sql.Column("key", sql.Integer),
        sql.Column("route", sql.Integer),
        sql.Column("provider", sql.Integer),
        sql.Column("model", sql.Integer),
        sql.Column("reported_model", sql.Integer),
        sql.Column("streamed", sql.Boolean, nullable=False),
        sql.Column("status", sql.SmallInteger, nullable=False),
        sql.Column("outcome", sql.Integer, nullable=False),
        sql.Column("error", sql.Integer),
        sql.Column("stop_reason", sql.Integer),
        sql.Column("input_tokens", sql.BigInteger),
        sql.Column("output_tokens", sql.BigInteger),
        sql.Column("cache_read_tokens", sql.BigInteger),
        sql.Column("cache_write_tokens", sql.BigInteger),
        sql.Column("reasoning_tokens", sql.BigInteger),
        sql.Column("input_audio_tokens", sql.BigInteger),
        sql.Column("output_audio_tokens", sql.BigInteger),
        sql.Column("usage_source", sql.Integer, nullable=False),
        sql.Column("usage_shape", sql.Integer),
        sql.Column("raw_usage", sql.Text),
        sql.Column("first_token_us", sql.BigInteger),
        sql.Column("duration_us", sql.BigInteger),
        sql.Column("request_bytes", sql.BigInteger, nullable=False),
        sql.Column("answer_bytes", sql.BigInteger, nullable=False),
        sql.Column("attempts", sql.Text),
        sql.Column("losses", sql.Text),
        sql.Column("cost_pico", sql.BigInteger),
        sql.Column("cost_row", sql.Integer),
        sql.Column("request_digest", sql.LargeBinary(34)),
        sql.Column("answer_digest", sql.LargeBinary(34)),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "calls_by_start",
        "calls",
        [
            "started_us",
            "route",
            "provider",
            "model",
            "key",
            "outcome",
            "cost_pico",
            "input_tokens",
            "output_tokens",
        ],
    )
    op.create_table(
        "bodies",
        sql.Column("id", _serial, primary_key=True),
        sql.Column("digest", sql.LargeBinary(34), nullable=False, unique=True),
        sql.Column("day", sql.Integer, nullable=False),
        sql.Column("stored_bytes", sql.BigInteger, nullable=False),
        sql.Column("stored", sql.LargeBinary, nullable=False),
    )
    op.create_index("bodies_by_day", "bodies", ["day", "id", "stored_bytes"])
    op.create_table(
        "runs",
        sql.Column("id", _serial, primary_key=True),
        sql.Column("started_us", sql.BigInteger, nullable=False),
        sql.Column("process", sql.Integer, nullable=False),
        sql.Column("version", sql.Text, nullable=False),
        sql.Column("tally", sql.Text),
        sql.Column("updated_us", sql.BigInteger, nullable=False),
        sql.Column("recorded", sql.BigInteger, nullable=False),
        sql.Column("written", sql.BigInteger, nullable=False),
        sql.Column("dropped", sql.BigInteger, nullable=False),
        sql.Column("ending", sql.Text),
        sql.Column("ended_us", sql.BigInteger),
    )
    op.create_table(
        "gaps",
        sql.Column("id", _serial, primary_key=True),
        sql.Column("run", sql.BigInteger, nullable=False),
        sql.Column("reason", sql.Text, nullable=False),
        sql.Column("detail", sql.Text),
        sql.Column("from_us", sql.BigInteger, nullable=False),
        sql.Column("until_us", sql.BigInteger),
        sql.Column("calls", sql.BigInteger),
    )
    # For people who look with a tool of their own: a call with its words instead of their numbers.
    words = [f'(SELECT name FROM names WHERE id = calls."{word}") AS "{word}"' for word in _WORDS]  # noqa: S608
    columns = ", ".join(["seq", "calls.id", "started_us", *words, *_REST])
    op.execute(f"CREATE VIEW named_calls AS SELECT {columns} FROM calls")  # noqa: S608
