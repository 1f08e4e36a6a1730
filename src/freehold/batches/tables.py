"""The tables of `batches.db`. Their migrations are in `store/migrations/batches`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text

metadata = MetaData()

files = Table(
    "files",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(40), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(50), primary_key=True),
    Column("key_id", String(40), nullable=False, index=True),
    Column("form", String(10), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("input_file_id", String(40)),
    Column("output_file_id", String(40)),
    Column("error_file_id", String(40)),
    # A JSON object of the client's own labels.
    Column("metadata", Text),
    # A JSON list of what is wrong with the input.
    Column("problems", Text),
    Column("strict", Boolean, nullable=False),
    Column("keep_bodies", Boolean, nullable=False),
    Column("total", Integer, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("errored", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("expired", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("finalizing_us", BigInteger),
    Column("cancelling_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("output_seconds", Integer),
    # A JSON object, in OpenAI's form.
    Column("usage", Text),
)
