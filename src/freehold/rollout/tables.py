"""The tables of `rollout.db`. Their migrations are in `store/migrations/rollout`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("route", Text, nullable=False),
    # The route, for as long as the rollout decides who answers it; null: it does not. So a route has one.
    Column("standing", Text, unique=True),
    Column("state", String(16), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("stage_us", BigInteger, nullable=False),
    # Whoever changes a rollout says which version of it was seen.
    Column("version", Integer, nullable=False),
    Column("begun_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    # JSON.
    Column("terms", Text, nullable=False),
)

# Only ever added to.
transitions = Table(
    "transitions",
    metadata,
    Column("rollout", String(48), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("act", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    # JSON: what the gates knew.
    Column("evidence", Text, nullable=False),
)

# How far the evidence of a rollout was read, so that another process can go on from there.
progress = Table(
    "progress",
    metadata,
    Column("rollout", String(48), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    # JSON: what the gates say, for people.
    Column("findings", Text, nullable=False),
    # The state of the gates as JSON, compressed.
    Column("body", LargeBinary, nullable=False),
)

# Who does what one process alone may do, and until when nobody else may.
leases = Table(
    "leases",
    metadata,
    Column("name", String(48), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)
