"""The tables of `access.db`. Their migrations are in `store/migrations/access`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, Text, false

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    # A JSON list of names; null: every route.
    Column("routes", Text),
    Column("strict", Boolean, nullable=False, server_default=false()),
    Column("team", Text),
    # The user; `user` is a word of SQL's own.
    Column("holder", Text),
)

# Of administrators: another kind of key, good for the admin API alone.
admin_keys = Table(
    "admin_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
)

# Who did what, each entry with the hash of itself and the one before it.
audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

# One row: what the pepper makes of a fixed text, to notice when the pepper was lost or replaced.
pepper = Table(
    "pepper",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("check_value", LargeBinary(32), nullable=False),
)

# One row: grows with every change of the keys, so that other processes know when to read them anew.
changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
