"""What a batch has used, and how long its files are kept."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing is known of them for the batches there are."""
    op.add_column("batches", sql.Column("output_seconds", sql.Integer))
    op.add_column("batches", sql.Column("usage", sql.Text))
