"""On a server: calls in partitions by time, and runs of several machines beside each other."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"
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
    "request_digest", "answer_digest", "request_body", "answer_body",
)  # fmt: skip
_BY_START = (
    "started_us", "route", "provider", "model", "key", "outcome", "cost_pico", "input_tokens", "output_tokens",
)  # fmt: skip


def upgrade() -> None:
    """Say of a run on which machine it was. On a server, make the table of calls again, before there are any."""
    op.add_column("runs", sql.Column("host", sql.Text))
    if op.get_bind().dialect.name == "postgresql":
        _make_partitioned()


def _make_partitioned() -> None:
    op.execute("DROP VIEW named_calls")
    op.drop_table("calls")
    op.execute("CREATE SEQUENCE calls_seq")
    op.create_table(
        "calls",
        # Eight bytes first, then four, then what is shorter: nothing is lost to alignment.
        sql.Column("seq", sql.BigInteger, nullable=False, server_default=sql.text("nextval('calls_seq')")),
        sql.Column("started_us", sql.BigInteger, nullable=False),
        sql.Column("duration_us", sql.BigInteger),
        sql.Column("first_token_us", sql.BigInteger),
        sql.Column("request_bytes", sql.BigInteger, nullable=False),
        sql.Column("answer_bytes", sql.BigInteger, nullable=False),
        sql.Column("input_tokens", sql.BigInteger),
        sql.Column("output_tokens", sql.BigInteger),
        sql.Column("cost_pico", sql.BigInteger),
        sql.Column("cache_read_tokens", sql.BigInteger),
        sql.Column("cache_write_tokens", sql.BigInteger),
        sql.Column("reasoning_tokens", sql.BigInteger),
        sql.Column("input_audio_tokens", sql.BigInteger),
        sql.Column("output_audio_tokens", sql.BigInteger),
        sql.Column("cache_write_1h_tokens", sql.BigInteger),
        sql.Column("input_image_tokens", sql.BigInteger),
        sql.Column("input_video_tokens", sql.BigInteger),
        sql.Column("input_document_tokens", sql.BigInteger),
        sql.Column("output_image_tokens", sql.BigInteger),
        sql.Column("request_body", sql.BigInteger),
        sql.Column("answer_body", sql.BigInteger),
        sql.Column("operation", sql.Integer, nullable=False),
        sql.Column("dialect", sql.Integer, nullable=False),
        sql.Column("key", sql.Integer),
        sql.Column("route", sql.Integer),
        sql.Column("provider", sql.Integer),
        sql.Column("model", sql.Integer),
        sql.Column("reported_model", sql.Integer),
        sql.Column("outcome", sql.Integer, nullable=False),
        sql.Column("error", sql.Integer),
        sql.Column("stop_reason", sql.Integer),
        sql.Column("usage_source", sql.Integer, nullable=False),
        sql.Column("usage_shape", sql.Integer),
        sql.Column("cost_row", sql.Integer),
        sql.Column("status", sql.SmallInteger, nullable=False),
        sql.Column("streamed", sql.Boolean, nullable=False),
        # Compared byte by byte, as an id is looked for by its beginning.
        sql.Column("id", sql.Text(collation="C"), nullable=False),
        sql.Column("raw_usage", sql.Text),
        sql.Column("attempts", sql.Text),
        sql.Column("losses", sql.Text),
        sql.Column("request_digest", sql.LargeBinary(34)),
        sql.Column("answer_digest", sql.LargeBinary(34)),
        # A call that comes twice is the same at the same time.
        sql.UniqueConstraint("id", "started_us", name="calls_once"),
        postgresql_partition_by="RANGE (started_us)",
    )
    op.execute("ALTER SEQUENCE calls_seq OWNED BY calls.seq")
    op.create_index("calls_by_seq", "calls", ["seq"])
    op.create_index("calls_by_start", "calls", list(_BY_START))
    # A word may be longer than an index of words could hold.
    op.drop_constraint("names_name_key", "names")
    op.execute("CREATE UNIQUE INDEX names_once ON names (md5(name))")
    op.execute("CREATE INDEX names_by_name ON names USING hash (name)")
    # What is of no time that a partition was made for.
    op.execute("CREATE TABLE calls_of_other_times PARTITION OF calls DEFAULT")
    words = [f'(SELECT name FROM names WHERE id = calls."{word}") AS "{word}"' for word in _WORDS]  # noqa: S608
    columns = ", ".join(["seq", "calls.id", "started_us", *words, *_REST])
    op.execute(f"CREATE VIEW named_calls AS SELECT {columns} FROM calls")  # noqa: S608
