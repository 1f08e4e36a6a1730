"""Keys, as keyed hashes, and the check of the pepper they were hashed with."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of `access.db`."""
    op.create_table(
        "keys",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("name", sql.Text, nullable=False),
        sql.Column("prefix", sql.String(16), nullable=False),
        sql.Column("digest", sql.LargeBinary(32), nullable=False, unique=True),
        sql.Column("created_us", sql.BigInteger, nullable=False),
        sql.Column("expires_us", sql.BigInteger),
        sql.Column("revoked_us", sql.BigInteger),
        sql.Column("routes", sql.Text),
    )
    op.create_table(
        "pepper",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("check_value", sql.LargeBinary(32), nullable=False),
    )
