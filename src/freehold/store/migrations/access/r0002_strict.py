"""Keys may ask for errors in place of losses."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no key there is asks for it."""
    op.add_column("keys", sql.Column("strict", sql.Boolean, nullable=False, server_default=sql.false()))
