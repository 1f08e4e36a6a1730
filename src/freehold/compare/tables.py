"""The tables of `compare.db`. Their migrations are in `store/migrations/compare`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

suites = Table(
    "suites",
    metadata,
    Column("id", String(40), primary_key=True),
    # The newest of a name is the one that is meant by it.
    Column("name", Text, nullable=False, index=True),
    Column("hash", String(64), nullable=False),
    # JSON.
    Column("source", Text, nullable=False),
    Column("scorers", Text, nullable=False),
    Column("cases", Integer, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("removed_us", BigInteger),
)

cases = Table(
    "cases",
    metadata,
    Column("suite", String(40), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("task_class", Text, nullable=False),
    # From 0: cases of one group have the same, every other one has its own. Units are what is drawn.
    Column("unit", Integer, nullable=False),
    # A `Case` as JSON, compressed (zstandard).
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("suite", "id"),
    Index("cases_by_unit", "suite", "unit"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", String(40), primary_key=True),
    # Answers are found again by these: whoever asks the same of the same model is not asked to pay again.
    Column("model", Text, nullable=False),
    Column("request_hash", String(64), nullable=False),
    # 0 for the first answer to this request, 1 for the second where several are wanted.
    Column("sample", Integer, nullable=False),
    # Null: it was asked for by us. Else the suite with which it was handed in.
    Column("suite", String(40)),
    # For which comparison it was asked, and who paid for it. Null: it was handed in.
    Column("comparison", String(48)),
    Column("call_id", String(40)),
    Column("failure", Text),
    # 1e-12 US dollars; null: unknown.
    Column("cost_pico", BigInteger),
    Column("made_us", BigInteger, nullable=False),
    # An `Answer` as JSON, compressed.
    Column("body", LargeBinary, nullable=False),
    Index("answers_again", "request_hash", "model", "sample"),
    Index("answers_by_comparison", "comparison"),
)

scores = Table(
    "scores",
    metadata,
    Column("answer", String(40), primary_key=True),
    # The incumbent's answer where two were judged against each other, else empty.
    Column("against", String(40), primary_key=True),
    Column("scorer", String(64), primary_key=True),
    # Null: no verdict.
    Column("value", Float),
    # A `Scored` as JSON, compressed.
    Column("body", LargeBinary, nullable=False),
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("suite", String(40), nullable=False),
    Column("route", Text),
    Column("incumbent", Text, nullable=False),
    # The `Terms` as JSON.
    Column("settings", Text, nullable=False),
    # `running`, `done`, `stopped` (by a person, a budget or a kill: it can be gone on with), `failed`.
    Column("state", String(10), nullable=False),
    Column("reason", Text),
    # What counts against its budget, 1e-9 US dollars: answers whose cost nobody knows count at their worst.
    Column("charged_nano", BigInteger, nullable=False),
    Column("begun_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
)

pairs = Table(
    "pairs",
    metadata,
    Column("comparison", String(48), primary_key=True),
    Column("candidate", Text, primary_key=True),
    # In the order in which they were drawn and counted, from 0.
    Column("position", Integer, primary_key=True, autoincrement=False),
    # Of the unit that it is part of: in the same order, from 0.
    Column("drawn", Integer, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("incumbent_answer", String(40), nullable=False),
    Column("candidate_answer", String(40), nullable=False),
    # The candidate's score minus the incumbent's, in -1 … 1; null: the pair does not count, and `why` says why.
    Column("difference", Float),
    Column("why", Text),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("comparison", String(48), primary_key=True),
    Column("candidate", Text, primary_key=True),
    # Empty: over all classes.
    Column("task_class", Text, primary_key=True),
    Column("verdict", String(20), nullable=False),
    # A `Verdict` as JSON.
    Column("body", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

judge_checks = Table(
    "judge_checks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("scorer", String(64), nullable=False, index=True),
    Column("judge", Text, nullable=False),
    # What was found, per model that was judged, as JSON.
    Column("body", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)
