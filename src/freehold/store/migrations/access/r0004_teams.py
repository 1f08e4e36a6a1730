"""Keys may belong to a team and to a user, for the limits that are theirs."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no key there is belongs to anybody."""
    op.add_column("keys", sql.Column("team", sql.Text))
    op.add_column("keys", sql.Column("holder", sql.Text))
