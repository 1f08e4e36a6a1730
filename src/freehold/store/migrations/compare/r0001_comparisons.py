"""Suites, answers, scores, comparisons and their verdicts."""

from __future__ import annotations

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of `compare.db`."""
    op.create_table(
        "suites",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("name", sql.Text, nullable=False, index=True),
        sql.Column("hash", sql.String(64), nullable=False),
        sql.Column("source", sql.Text, nullable=False),
        sql.Column("scorers", sql.Text, nullable=False),
        sql.Column("cases", sql.Integer, nullable=False),
        sql.Column("made_us", sql.BigInteger, nullable=False),
        sql.Column("removed_us", sql.BigInteger),
    )
    op.create_table(
        "cases",
        sql.Column("suite", sql.String(40), primary_key=True),
        sql.Column("position", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("id", sql.Text, nullable=False),
        sql.Column("task_class", sql.Text, nullable=False),
        sql.Column("unit", sql.Integer, nullable=False),
        sql.Column("body", sql.LargeBinary, nullable=False),
        sql.UniqueConstraint("suite", "id"),
    )
    op.create_index("cases_by_unit", "cases", ["suite", "unit"])
    op.create_table(
        "answers",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("model", sql.Text, nullable=False),
        sql.Column("request_hash", sql.String(64), nullable=False),
        sql.Column("sample", sql.Integer, nullable=False),
        sql.Column("suite", sql.String(40)),
        sql.Column("comparison", sql.String(48)),
        sql.Column("call_id", sql.String(40)),
        sql.Column("failure", sql.Text),
        sql.Column("cost_pico", sql.BigInteger),
        sql.Column("made_us", sql.BigInteger, nullable=False),
        sql.Column("body", sql.LargeBinary, nullable=False),
    )
    op.create_index("answers_again", "answers", ["request_hash", "model", "sample"])
    op.create_index("answers_by_comparison", "answers", ["comparison"])
    op.create_table(
        "scores",
        sql.Column("answer", sql.String(40), primary_key=True),
        sql.Column("against", sql.String(40), primary_key=True),
        sql.Column("scorer", sql.String(64), primary_key=True),
        sql.Column("value", sql.Float),
        sql.Column("body", sql.LargeBinary, nullable=False),
    )
    op.create_table(
        "comparisons",
        sql.Column("id", sql.String(48), primary_key=True),
        sql.Column("suite", sql.String(40), nullable=False),
        sql.Column("route", sql.Text),
        sql.Column("incumbent", sql.Text, nullable=False),
        sql.Column("settings", sql.Text, nullable=False),
        sql.Column("state", sql.String(10), nullable=False),
        sql.Column("reason", sql.Text),
        sql.Column("charged_nano", sql.BigInteger, nullable=False),
        sql.Column("begun_us", sql.BigInteger, nullable=False),
        sql.Column("ended_us", sql.BigInteger),
    )
    op.create_table(
        "pairs",
        sql.Column("comparison", sql.String(48), primary_key=True),
        sql.Column("candidate", sql.Text, primary_key=True),
        sql.Column("position", sql.Integer, primary_key=True, autoincrement=False),
        sql.Column("drawn", sql.Integer, nullable=False),
        sql.Column("case_id", sql.Text, nullable=False),
        sql.Column("incumbent_answer", sql.String(40), nullable=False),
        sql.Column("candidate_answer", sql.String(40), nullable=False),
        sql.Column("difference", sql.Float),
        sql.Column("why", sql.Text),
    )
    op.create_table(
        "verdicts",
        sql.Column("comparison", sql.String(48), primary_key=True),
        sql.Column("candidate", sql.Text, primary_key=True),
        sql.Column("task_class", sql.Text, primary_key=True),
        sql.Column("verdict", sql.String(20), nullable=False),
        sql.Column("body", sql.Text, nullable=False),
        sql.Column("made_us", sql.BigInteger, nullable=False),
    )
    op.create_table(
        "judge_checks",
        sql.Column("id", sql.String(40), primary_key=True),
        sql.Column("scorer", sql.String(64), nullable=False, index=True),
        sql.Column("judge", sql.Text, nullable=False),
        sql.Column("body", sql.Text, nullable=False),
        sql.Column("made_us", sql.BigInteger, nullable=False),
    )
