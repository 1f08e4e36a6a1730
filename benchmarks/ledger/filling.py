"""Fills a ledger with millions of calls in minutes: the database makes the rows itself, from their numbers.

The traffic of an organisation over some months: keys of very different use, routes with two models each, days and
nights, one call in forty that fails, one in fifty that loses something in translation.
"""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from freehold.core.clock import SystemClock
from freehold.ledger import backfill, tables
from freehold.ledger.adding import losses_of
from freehold.ledger.file import LedgerFile
from freehold.ledger.names import LearnedNames, Names
from freehold.ledger.rollups import Rollups
from freehold.ledger.runs import Counts, Process
from freehold.ledger.server import LedgerServer
from freehold.store.database import open_database
from freehold.store.places import Place

DAYS = 90
KEYS, ROUTES, MODELS, PROVIDERS = 60, 12, 8, 4
ERRORS = ("provider_timeout", "provider_refused", "provider_broken", "rate_limited", "overloaded")
LOSSES = '["reasoning.state","field.logit_bias"]'
DAY_US = 86_400_000_000
_SHAPE = (
    '{"prompt_tokens"#,"completion_tokens"#,"total_tokens"#,"prompt_tokens_details":{"cached_tokens"#,"audio_tokens"#},'
    '"completion_tokens_details":{"reasoning_tokens"#,"audio_tokens"#,"accepted_prediction_tokens"#,'
    '"rejected_prediction_tokens"#}}'
)
WORDS = (
    "chat", "openai-chat", "answered", "failed", "provider", "stop", "gpt-4o-2024-08-06", _SHAPE,
    "genai-prices openai/gpt-4o 2024-08-06", "reasoning.state", "field.logit_bias", *ERRORS,
    *(f"key_{number:032x}" for number in range(KEYS)), *(f"route-{number}" for number in range(ROUTES)),
    *(f"provider-{number}" for number in range(PROVIDERS)), *(f"model-{number}" for number in range(MODELS)),
)  # fmt: skip
SLICE = 50_000
"""Calls that are added to the roll-ups at once."""
_PART = 500_000
"""Calls of one statement."""

# Of a number n: i is mixed, k its key, r its route, b whether it failed, t when it began.
_ROWS = """
    SELECT {id}, t, {chat}, {dialect}, {key} + k, {route} + r, {provider} + m % 4, {model} + m, {reported}, {true},
        CASE WHEN b = 1 THEN 502 ELSE 200 END, CASE WHEN b = 1 THEN {failed} ELSE {answered} END,
        CASE WHEN b = 1 THEN {error} + i % 5 END, CASE WHEN b = 0 THEN {stop} END,
        CASE WHEN b = 0 THEN 191 + i % 3000 END, CASE WHEN b = 0 THEN 10 + i % 700 END,
        CASE WHEN b = 0 THEN i % 2 * 128 END, CASE WHEN b = 0 THEN 0 END, {source},
        CASE WHEN b = 0 THEN {shape} END,
        CASE WHEN b = 0 THEN (191 + i % 3000) || ',' || (10 + i % 700) || ',' || (201 + i % 3000 + i % 700) ||
            ',' || (i % 2 * 128) || ',0,0,0,0,0' END,
        CASE WHEN b = 0 THEN 90000 + i % 400000 END, 400000 + i % 9000000, 1000, 1100,
        '[["provider-' || (m % 4) || '","model-' || m || '",102,' || (400000 + i % 9000000) || ',' ||
            (90000 + i % 400000) || ',' || CASE WHEN b = 1 THEN '502,"failed","provider_broken"' ELSE
            '200,"answered",null' END || ']]',
        CASE WHEN i % 50 = 7 THEN '{losses}' END,
        CASE WHEN b = 0 THEN (191 + i % 3000) * 2500000 + (10 + i % 700) * 10000000 ELSE 0 END,
        CASE WHEN b = 0 THEN {price} END
    FROM (SELECT n, i, k, r, b, (r * 5 + CASE WHEN i % 10 = 3 THEN 1 ELSE 0 END) % 8 AS m,
            {first} + n * {gap} + (i % 1000) * {gap} / 1000 AS t
        FROM (SELECT n, i, k, (k + CASE WHEN i % 4 = 1 THEN 1 ELSE 0 END) % 12 AS r,
                CASE WHEN i % 40 = 11 THEN 1 ELSE 0 END AS b
            FROM (SELECT n, i, ((i / 7) % 60) * ((i / 421) % 60) / 60 AS k
                FROM (SELECT n, (n * 2654435761) % 2147483647 AS i FROM {numbers}))))
    ORDER BY n"""
_FORMER = "UPDATE reach SET summed = 0, former = (SELECT max(seq) FROM calls)"
_COLUMNS = (
    "id", "started_us", "operation", "dialect", "key", "route", "provider", "model", "reported_model", "streamed",
    "status", "outcome", "error", "stop_reason", "input_tokens", "output_tokens", "cache_read_tokens",
    "reasoning_tokens", "usage_source", "usage_shape", "raw_usage", "first_token_us", "duration_us",
    "request_bytes", "answer_bytes", "attempts", "losses", "cost_pico", "cost_row",
)  # fmt: skip


def fill(place: Place, count: int, now_us: int) -> None:
    """Put `count` calls there that began within the last months; the roll-ups know nothing of them yet."""
    process = Process.here(now_us, None)
    holding: LedgerFile | LedgerServer
    if isinstance(place, Path):
        holding = LedgerFile(place, process, SystemClock(), busy=5.0)
    else:
        holding = LedgerServer(place, process, SystemClock(), patience=600.0)
    holding.open(Counts(0, 0, 0))
    if isinstance(holding, LedgerServer):
        holding.transact(lambda connection: _make_weeks(connection, now_us))
    words = holding.transact(_words)
    for first in range(0, count, _PART):
        text = _statement(place, words, range(first, min(first + _PART, count)), now_us, count)
        holding.transact(lambda connection, text=text: connection.exec_driver_sql(text))  # type: ignore[misc]
    holding.transact(lambda connection: connection.exec_driver_sql(_FORMER))
    holding.close({}, Counts(0, 0, 0))


def sum_up(place: Place) -> float:
    """Add all calls to the roll-ups, in larger slices than an endpoint does. Seconds of processor time for each."""
    engine = open_database(place, "ledger", patience=600.0)
    names: Names | LearnedNames = Names() if isinstance(place, Path) else LearnedNames()
    rollups, began, calls = Rollups(), time.process_time(), 0
    while (added := _sum_slice(engine, rollups, names)) is not None:
        calls += added
    engine.dispose()
    return (time.process_time() - began) / max(calls, 1)


def _sum_slice(engine: Engine, rollups: Rollups, names: Names | LearnedNames) -> int | None:
    with engine.begin() as connection:
        found = backfill.next_slice(connection, SLICE)
    if found is None:
        return None
    rows, summed, then = found
    if isinstance(names, LearnedNames):
        names.missing.update({"answered"} | losses_of(rows))
        with engine.begin() as connection:
            names.update(names.look_up(connection))
            names.missing.clear()
    with engine.begin() as connection:
        if isinstance(names, Names):
            names.begin(connection)
        rollups.write(connection, rollups.prepare(connection, rows, names))
        backfill.go_on(connection, summed, then)
    return len(rows)


def _make_weeks(connection: Connection, now_us: int) -> None:
    from freehold.ledger.partitions import WEEK_US, make_ahead  # noqa: PLC0415

    for back in range(DAYS // 7 + 1):
        make_ahead(connection, now_us - back * WEEK_US)


def _words(connection: Connection) -> dict[str, int]:
    first = int(connection.execute(select(func.coalesce(func.max(tables.names.c.id), 0))).scalar_one()) + 1
    rows = [{"id": number, "name": word} for number, word in enumerate(WORDS, first)]
    connection.execute(tables.names.insert(), rows)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('names', 'id'), max(id)) FROM names")
    return {str(row["name"]): int(row["id"]) for row in rows}  # type: ignore[call-overload]


def _statement(place: Place, words: dict[str, int], numbers_of: range, now_us: int, count: int) -> str:
    first, end = numbers_of.start, numbers_of.stop
    numbers = (
        f"(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {end - 1}) SELECT n FROM s)"
        if isinstance(place, Path)
        else f"(SELECT g::bigint AS n FROM generate_series({first}, {end - 1}) g) numbers"
    )
    hexed = "printf('%012x', t / 1000) || lower(hex(randomblob(10)))"
    if not isinstance(place, Path):
        hexed = "lpad(to_hex(t / 1000), 12, '0') || substr(md5(n::text), 1, 20)"
    text = _ROWS.format(
        id=f"'call_' || {hexed}", numbers=numbers, first=now_us - DAYS * DAY_US, gap=DAYS * DAY_US // count,
        chat=words["chat"], dialect=words["openai-chat"], answered=words["answered"], failed=words["failed"],
        source=words["provider"], stop=words["stop"], reported=words["gpt-4o-2024-08-06"], shape=words[_SHAPE],
        price=words[WORDS[8]], error=words[ERRORS[0]], key=words[f"key_{0:032x}"], route=words["route-0"],
        provider=words["provider-0"], model=words["model-0"], losses=LOSSES,
        true="1" if isinstance(place, Path) else "true",
    )  # fmt: skip
    if not isinstance(place, Path):
        text = _aliased(text)
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    return f"INSERT INTO calls ({columns}) {text}"


def _aliased(text: str) -> str:
    """PostgreSQL 15 wants a name for every query in another one's FROM."""
    return text.replace("numbers))))", "numbers) a) b) c) d").replace("%", "%%")
