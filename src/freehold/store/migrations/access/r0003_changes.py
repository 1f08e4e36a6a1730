"""A count of changes, which tells other processes when to read the keys anew."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its one row."""
    changes = op.create_table(
        "changes",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("number", sql.BigInteger, nullable=False),
    )
    op.bulk_insert(changes, [{"id": 1, "number": 0}])
