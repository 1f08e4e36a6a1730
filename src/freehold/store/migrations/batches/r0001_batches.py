"""Files and batches."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of `batches.db`."""
    op.create_table(
        "files",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("key_id", sql.String(40), nullable=False, index=True),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("purpose", sql.String(20), nullable=False),
        sql.Column("size", sql.BigInteger, nullable=False),
        sql.Column("created_us", sql.BigInteger, nullable=False),
        sql.Column("expires_us", sql.BigInteger),
    )
    op.create_table(
        "batches",
        sql.Column("id", sql.String(50), primary_key=True),
        sql.Column("key_id", sql.String(40), nullable=False, index=True),
        sql.Column("form", sql.String(10), nullable=False),
        sql.Column("endpoint", sql.Text, nullable=False),
        sql.Column("status", sql.String(20), nullable=False),
        *(sql.Column(name, sql.String(40)) for name in ("input_file_id", "output_file_id", "error_file_id")),
        sql.Column("metadata", sql.Text),
        sql.Column("problems", sql.Text),
        *(sql.Column(name, sql.Boolean, nullable=False) for name in ("strict", "keep_bodies")),
        *(sql.Column(name, sql.Integer, nullable=False) for name in _COUNTS),
        *(sql.Column(name, sql.BigInteger, nullable=False) for name in ("created_us", "expires_us")),
        *(sql.Column(name, sql.BigInteger) for name in _TIMES),
    )


_COUNTS = ("total", "succeeded", "errored", "cancelled", "expired")
_TIMES = ("started_us", "finalizing_us", "cancelling_us", "ended_us")
