"""The tables of `steering.db`. Their migrations are in `store/migrations/steering`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

makers = Table(
    "makers",
    metadata,
    # A digest of what the answer is found by.
    Column("key", LargeBinary(16), primary_key=True),
    Column("model", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("makers_by_time", "at_us"),
    sqlite_with_rowid=False,
)

marks = Table(
    "marks",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("route", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
