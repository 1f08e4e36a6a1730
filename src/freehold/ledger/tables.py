"""The tables of the ledger. Their migrations are in `store/migrations/ledger`.

On a server `calls` is partitioned by `started_us`, so that `id` and `started_us` together are what is unique.

Words that repeat (routes, models, outcomes ...) are kept once, in `names`, and a call's row refers to them by
number; the view `named_calls` puts the words back for people who look with a tool of their own.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

# SQLite only counts up by itself in a column of exactly this type.
_serial = BigInteger().with_variant(Integer, "sqlite")

names = Table(
    "names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

calls = Table(
    "calls",
    metadata,
    # The order in which calls were recorded. Never used twice, so that whoever follows can trust it.
    Column("seq", _serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("started_us", BigInteger, nullable=False),
    Column("operation", Integer, nullable=False),
    Column("dialect", Integer, nullable=False),
    Column("key", Integer),
    Column("route", Integer),
    Column("provider", Integer),
    Column("model", Integer),
    Column("reported_model", Integer),
    Column("streamed", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("error", Integer),
    Column("stop_reason", Integer),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("input_audio_tokens", BigInteger),
    Column("output_audio_tokens", BigInteger),
    Column("usage_source", Integer, nullable=False),
    # The provider's usage object: its text without the numbers (a word), and the numbers; or, without a
    # shape, the text itself.
    Column("usage_shape", Integer),
    Column("raw_usage", Text),
    Column("first_token_us", BigInteger),
    Column("duration_us", BigInteger),
    Column("request_bytes", BigInteger, nullable=False),
    Column("answer_bytes", BigInteger, nullable=False),
    # JSON: [[provider, model, start_us, end_us, first_us, status, outcome, error], ...]; null: none.
    Column("attempts", Text),
    # JSON: a list of words; null: none.
    Column("losses", Text),
    # 1e-12 US dollars; null: unknown.
    Column("cost_pico", BigInteger),
    Column("cost_row", Integer),
    Column("request_digest", LargeBinary(34)),
    Column("answer_digest", LargeBinary(34)),
    # The rows of `bodies`; a digest says whether what is there is still the body of this call.
    Column("request_body", BigInteger),
    Column("answer_body", BigInteger),
    Column("cache_write_1h_tokens", BigInteger),
    Column("input_image_tokens", BigInteger),
    Column("input_video_tokens", BigInteger),
    Column("input_document_tokens", BigInteger),
    Column("output_image_tokens", BigInteger),
    # JSON: what a policy decided, as `core/decision.py` has it; null: no policy was asked.
    Column("decision", Text),
    # Of a mirror: the id of the call that it is a copy of.
    Column("mirrors", Text),
    sqlite_autoincrement=True,
)

# Lists are newest first, and sums of spending read nothing but this index.
Index(
    "calls_by_start",
    calls.c.started_us,
    calls.c.route,
    calls.c.provider,
    calls.c.model,
    calls.c.key,
    calls.c.outcome,
    calls.c.cost_pico,
    calls.c.input_tokens,
    calls.c.output_tokens,
)

# What most calls do not have is found without looking at them. On a server, too: its migration says so. To say
# `postgresql_where` here would load all of that dialect into every process.
Index(
    "calls_by_decision",
    calls.c.started_us,
    sqlite_where=calls.c.decision.is_not(None),
)
Index(
    "calls_by_mirrored",
    calls.c.mirrors,
    sqlite_where=calls.c.mirrors.is_not(None),
)

bodies = Table(
    "bodies",
    metadata,
    Column("id", _serial, primary_key=True),
    # Not indexed: see `bodies.Packer`.
    Column("digest", LargeBinary(34), nullable=False),
    # Days since 1970 of the newest call that has this body.
    Column("day", Integer, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    # A zstandard frame; its header says how long the body is.
    Column("stored", LargeBinary, nullable=False),
)

# What retention deletes first, and how much there is of it.
Index("bodies_by_day", bodies.c.day, bodies.c.id, bodies.c.stored_bytes)

# One life of a process that writes the ledger.
runs = Table(
    "runs",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("started_us", BigInteger, nullable=False),
    Column("process", Integer, nullable=False),
    Column("version", Text, nullable=False),
    # The name of its tally in shared memory; null: it has none.
    Column("tally", Text),
    # The last commit, and the counts as of then.
    Column("updated_us", BigInteger, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    # `clean` or `killed`; null: it runs, or nobody has looked since it was killed.
    Column("ending", Text),
    Column("ended_us", BigInteger),
    # The machine it was on, where there may be several; null: this one.
    Column("host", Text),
)

# Calls that are known to be missing.
gaps = Table(
    "gaps",
    metadata,
    Column("id", _serial, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    Column("from_us", BigInteger, nullable=False),
    # null: until the end of the run.
    Column("until_us", BigInteger),
    # null: how many is unknown.
    Column("calls", BigInteger),
)

# What the roll-ups distinguish calls by. Words, except `id`.
kinds = Table(
    "kinds",
    metadata,
    Column("id", Integer, primary_key=True),
    # Of the words' numbers: see `kinds.digest_of`.
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("operation", Integer, nullable=False),
    Column("key", Integer),
    Column("route", Integer),
    Column("provider", Integer),
    Column("model", Integer),
    Column("outcome", Integer, nullable=False),
    Column("error", Integer),
)

# What clients say of their calls' answers: see `feedback`. Of each call, name and giver the last word stands.
feedback = Table(
    "feedback",
    metadata,
    # A changed word gets a new number, so that whoever follows meets it.
    Column("seq", _serial, primary_key=True),
    Column("call_id", Text, nullable=False),
    # When the call began: with it, its feedback goes.
    Column("call_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    # The id of a key, or an administrator.
    Column("by", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # From 0 to 1; null: there is none.
    Column("number", Double),
    Column("text", Text),
    Column("correction", Text),
    UniqueConstraint("call_id", "name", "by", name="feedback_once"),
    sqlite_autoincrement=True,
)
Index("feedback_by_call_time", feedback.c.call_us)
_has_words = text("text IS NOT NULL OR correction IS NOT NULL")
Index("feedback_with_words", feedback.c.call_us, sqlite_where=_has_words)

SUMS = (
    "calls", "priced", "cost_high", "cost_low", "counted", "input_tokens", "output_tokens", "duration_us",
    "request_bytes", "answer_bytes",
)  # fmt: skip
"""Of every hour and kind; nothing is 0. `cost_high` * 10^9 + `cost_low` is 1e-12 dollars: one alone could overflow."""
RARE_SUMS = (
    "streams", "first_token_us", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens", "input_video_tokens",
    "input_document_tokens", "output_image_tokens",
)  # fmt: skip
"""Null: nobody counted any."""


def _sums(name: str) -> Table:
    """Sums by a span of time and a kind. `start` is the span's number since 1970, UTC."""
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Integer, primary_key=True, autoincrement=False),
        *(Column(one, BigInteger, nullable=False) for one in SUMS),
        *(Column(one, BigInteger) for one in RARE_SUMS),
        sqlite_with_rowid=False,
    )


def _paces(name: str) -> Table:
    """How long answered calls took, and their first tokens: `histogram.pack`. Of kinds without a key."""
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Integer, primary_key=True, autoincrement=False),
        Column("durations", LargeBinary, nullable=False),
        Column("first_tokens", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def _losses(name: str) -> Table:
    """Of how many calls something was lost in translation."""
    return Table(
        name,
        metadata,
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Integer, primary_key=True, autoincrement=False),
        Column("loss", Integer, primary_key=True, autoincrement=False),
        Column("calls", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


hours, days = _sums("hours"), _sums("days")
hour_paces, day_paces = _paces("hour_paces"), _paces("day_paces")
hour_losses, day_losses = _losses("hour_losses"), _losses("day_losses")

# How far the roll-ups reach: one row.
reach = Table(
    "reach",
    metadata,
    Column("id", Integer, primary_key=True),
    # Calls up to this `seq` were there before the roll-ups; those up to `summed` are in them by now.
    Column("former", BigInteger, nullable=False),
    Column("summed", BigInteger, nullable=False),
    # Calls that began before this time may be deleted, and are in the roll-ups alone.
    Column("calls_from_us", BigInteger, nullable=False),
)
