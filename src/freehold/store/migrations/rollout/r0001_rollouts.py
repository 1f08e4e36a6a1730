"""Rollouts, their transitions, how far their evidence is, and who leads."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of `rollout.db`."""
    op.create_table(
        "rollouts",
        sql.Column("id", sql.String(48), primary_key=True),
        sql.Column("route", sql.Text, nullable=False),
        sql.Column("standing", sql.Text, unique=True),
        sql.Column("state", sql.String(16), nullable=False),
        sql.Column("stage", sql.Integer, nullable=False),
        sql.Column("stage_us", sql.BigInteger, nullable=False),
        sql.Column("version", sql.Integer, nullable=False),
        sql.Column("begun_us", sql.BigInteger, nullable=False),
        sql.Column("ended_us", sql.BigInteger),
        sql.Column("terms", sql.Text, nullable=False),
    )
    op.create_table(
        "transitions",
        sql.Column("rollout", sql.String(48), primary_key=True),
        sql.Column("version", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sql.Column("by", sql.Text, nullable=False),
        sql.Column("act", sql.String(16), nullable=False),
        sql.Column("state", sql.String(16), nullable=False),
        sql.Column("stage", sql.Integer, nullable=False),
        sql.Column("reason", sql.Text, nullable=False),
        sql.Column("evidence", sql.Text, nullable=False),
    )
    op.create_table(
        "progress",
        sql.Column("rollout", sql.String(48), primary_key=True),
        sql.Column("at_us", sql.BigInteger, nullable=False),
        sql.Column("findings", sql.Text, nullable=False),
        sql.Column("body", sql.LargeBinary, nullable=False),
    )
    op.create_table(
        "leases",
        sql.Column("name", sql.String(48), primary_key=True),
        sql.Column("holder", sql.Text, nullable=False),
        sql.Column("until_us", sql.BigInteger, nullable=False),
    )
