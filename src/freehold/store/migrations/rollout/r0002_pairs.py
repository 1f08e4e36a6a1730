"""Pairs of answers: a call in shadow, and the copy of it that went to the candidate; and what was not copied."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pairs",
        sql.Column("id", sql.String(48), primary_key=True),
        sql.Column("rollout", sql.String(48), nullable=False),
        sql.Column("stage", sql.Integer, nullable=False),
        sql.Column("call", sql.String(48), nullable=False),
        sql.Column("mirror", sql.String(48)),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sql.Column("seq", sql.BigInteger),
        sql.Column("difference", sql.Float),
        sql.Column("spent_pico", sql.BigInteger, nullable=False),
        sql.Column("body", sql.Text),
        sql.UniqueConstraint("rollout", "call"),
    )
    op.create_index("pairs_finished", "pairs", ["rollout", "seq"], unique=True)
    op.create_index("pairs_by_stage", "pairs", ["rollout", "stage"])
    op.create_table(
        "passed_over",
        sql.Column("rollout", sql.String(48), primary_key=True),
        sql.Column("why", sql.String(80), primary_key=True),
        sql.Column("calls", sql.BigInteger, nullable=False),
    )
