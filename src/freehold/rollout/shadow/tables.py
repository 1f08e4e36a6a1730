"""The tables of pairs. Their migration is in `store/migrations/rollout`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from freehold.rollout.tables import metadata

pairs = Table(
    "pairs",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("rollout", String(48), nullable=False),
    Column("stage", Integer, nullable=False),
    # The client's call, and its copy.
    Column("call", String(48), nullable=False),
    Column("mirror", String(48)),
    # When the copy was claimed; while it is on its way, the last sign of life.
    Column("at_us", BigInteger, nullable=False),
    # 1, 2, 3 in the order in which the pairs of a rollout were finished; null: the copy is on its way.
    Column("seq", BigInteger),
    Column("difference", Float),
    # 1e-12 US dollars: while it is on its way or unknown, the most that it may cost.
    Column("spent_pico", BigInteger, nullable=False),
    # What came of it, as JSON; null: the copy is on its way.
    Column("body", Text),
    UniqueConstraint("rollout", "call"),
    Index("pairs_finished", "rollout", "seq", unique=True),
    Index("pairs_by_stage", "rollout", "stage"),
)

# Calls of a route in shadow that were not copied.
passed_over = Table(
    "passed_over",
    metadata,
    Column("rollout", String(48), primary_key=True),
    # In a few words of a fixed vocabulary.
    Column("why", String(80), primary_key=True),
    Column("calls", BigInteger, nullable=False),
)
