"""Counters, who holds what on them, and who is alive."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_HOW = ("pressed_us", "slot_us", "slots", "until_us")
_SUMS = ("reserved", "settled", "released", "expired", "held")


def upgrade() -> None:
    """Make the tables of `limits.db`."""
    op.create_table(
        "counters",
        sql.Column("name", sql.Text, primary_key=True),
        *(sql.Column(name, sql.BigInteger, nullable=False) for name in _SUMS),
        # A list of pairs, slot and amount, as MessagePack: what was settled, and what expired.
        *(sql.Column(name, sql.LargeBinary) for name in ("spent", "lapsed")),
        *(sql.Column(name, sql.BigInteger, nullable=False) for name in _HOW),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "holdings",
        sql.Column("owner", sql.String(40), primary_key=True),
        sql.Column("counter", sql.Text, primary_key=True),
        *(sql.Column(name, sql.BigInteger, nullable=False) for name in ("held", "expired", "spare")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "owners",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("seen_us", sql.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "facts",
        sql.Column("name", sql.String(20), primary_key=True),
        sql.Column("value", sql.Text, nullable=False),
    )
