"""The tables of `limits.db`. Their migrations are in `store/migrations/limits`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reserved", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("released", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    # Pairs of slot and amount, as MessagePack; null where the window does not slide.
    Column("spent", LargeBinary),
    Column("lapsed", LargeBinary),
    Column("pressed_us", BigInteger, nullable=False),
    Column("slot_us", BigInteger, nullable=False),
    Column("slots", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What each process holds on each counter.
holdings = Table(
    "holdings",
    metadata,
    Column("owner", String(40), primary_key=True),
    Column("counter", Text, primary_key=True),
    Column("held", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    Column("spare", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

owners = Table(
    "owners",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("seen_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# When somebody last gave a sign of life (`beat`), since which start of the machine the books are whole (`boot`), and
# what they are called (`epoch`).
facts = Table(
    "facts",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", Text, nullable=False),
)
