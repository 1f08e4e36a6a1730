"""What clients say of their calls' answers."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_serial = sql.BigInteger().with_variant(sql.Integer, "sqlite")
_HAS_WORDS = sql.text("text IS NOT NULL OR correction IS NOT NULL")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "feedback",
        sql.Column("seq", _serial, primary_key=True),
        sql.Column("call_id", sql.Text, nullable=False),
        sql.Column("call_us", sql.BigInteger, nullable=False),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sql.Column("by", sql.Text, nullable=False),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("kind", sql.Text, nullable=False),
        sql.Column("number", sql.Double),
        sql.Column("text", sql.Text),
        sql.Column("correction", sql.Text),
        sql.UniqueConstraint("call_id", "name", "by", name="feedback_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("feedback_by_call_time", "feedback", ["call_us"])
    op.create_index(
        "feedback_with_words",
        "feedback",
        ["call_us"],
        sqlite_where=_HAS_WORDS,
        postgresql_where=_HAS_WORDS,
    )
