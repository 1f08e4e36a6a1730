"""Keys of administrators, and the log of what they do."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "admin_keys",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("role", sql.String(16), nullable=False),
        sql.Column("prefix", sql.String(16), nullable=False),
        sql.Column("digest", sql.LargeBinary(32), nullable=False, unique=True),
        sql.Column("created_us", sql.BigInteger, nullable=False),
        sql.Column("expires_us", sql.BigInteger),
        sql.Column("revoked_us", sql.BigInteger),
    )
    op.create_table(
        "audit",
        sql.Column("number", sql.BigInteger, primary_key=True, autoincrement=False),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sql.Column("actor", sql.Text, nullable=False),
        sql.Column("act", sql.Text, nullable=False),
        sql.Column("subject", sql.Text, nullable=False),
        sql.Column("detail", sql.Text, nullable=False),
        sql.Column("hash", sql.LargeBinary(32), nullable=False),
    )
