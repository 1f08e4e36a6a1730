"""Who made which answer, and what is to be known of routes."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of `steering.db`."""
    op.create_table(
        "makers",
        # A digest of what the answer is found by.
        sql.Column("key", sql.LargeBinary(16), primary_key=True),
        sql.Column("model", sql.Text, nullable=False),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("makers_by_time", "makers", ["at_us"])
    op.create_table(
        "marks",
        sql.Column("kind", sql.String(20), primary_key=True),
        sql.Column("route", sql.Text, primary_key=True),
        sql.Column("model", sql.Text, primary_key=True),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
