"""How long a large ledger takes over each question that a screen asks: `python -m benchmarks.ledger.questions PLACE`.

PLACE is a file, or the URL of an empty database on a PostgreSQL server. It is filled first (`--calls`, 10 million
unless said otherwise) and stays; where there is one already, that is asked. Every question is asked cold, which
means of a file whose pages the system has forgotten (a server is asked as it is), then five times, of which the
median and the best are told; and in the same run some are put to the calls themselves, as it was before there were
roll-ups.
The last line on standard output is one JSON object with the figures, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.ledger.filling import DAY_US, fill, sum_up
from freehold.core.secret import Secret
from freehold.ledger import tables
from freehold.ledger.adding import HOUR_US
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.store.database import open_database
from freehold.store.places import Place, Server

Question = Callable[[], object]
_ROUNDS = 5
_BEFORE = (
    "spend by route, all time",
    "spend by day, all time",
    "spend by key, 30 days from 0:00 in India",
    "losses, all time",
    "newest page of a rare key's failed calls",
)
_LIMIT_MS = 200.0


def questions(reader: LedgerReader) -> dict[str, Question]:
    """What screens, limits and forecasts ask."""
    newest = reader.calls(limit=1)[0].call
    now_us = newest.started_us
    middle = reader.calls(Filter(until_us=now_us - 45 * DAY_US), limit=1)[0]
    today = Filter(since_us=now_us // DAY_US * DAY_US)
    # Midnight in India, half an hour beside ours.
    month = Filter(since_us=(now_us - 30 * DAY_US) // DAY_US * DAY_US - 11 * HOUR_US // 2)
    week = Filter(since_us=now_us - 7 * DAY_US)
    day = Filter(since_us=now_us - DAY_US)
    one_key = Filter(key_id=newest.key_id)
    # The least used key.
    (rare, *_) = sorted(reader.sums(("key",)), key=lambda one: one.calls)
    rare_key = Filter(key_id=rare.names[0], outcome="failed")
    return {
        "spend by route, all time": lambda: reader.spend("route"),
        "spend by model, all time": lambda: reader.spend("model"),
        "spend by key, all time": lambda: reader.spend("key"),
        "spend by day, all time": lambda: reader.spend("day"),
        "spend by key, 30 days from 0:00 in India": lambda: reader.spend("key", month),
        "spend by route, today": lambda: reader.spend("route", today),
        "spend of one key by day": lambda: reader.spend("day", one_key),
        "traffic by hour and outcome, 7 days": lambda: reader.sums(("hour", "outcome"), week),
        "all sums by day and model, all time": lambda: reader.sums(("day", "model")),
        "errors by kind, 30 days": lambda: reader.sums(("error",), month),
        "percentiles by model, 24 hours": lambda: reader.paces(("model",), day),
        "percentiles by route, all time": lambda: reader.paces(("route",)),
        "percentiles by hour, 7 days": lambda: reader.paces(("hour",), week),
        "losses, all time": reader.losses,
        "what limits remember: keys, today": lambda: [
            reader.spend("key", Filter(since_us=today.since_us, outcome=one))
            for one in ("answered", "cut", "failed")
        ],
        "forecast: days, 31 days": lambda: reader.spend("day", Filter(since_us=now_us - 31 * DAY_US)),
        "newest page": lambda: reader.calls(limit=50),
        "page in the middle": lambda: reader.calls(limit=50, after=middle.cursor),
        "newest page of failed calls": lambda: reader.calls(Filter(outcome="failed"), limit=50),
        "newest page of a rare key's failed calls": lambda: reader.calls(rare_key, limit=50),
        "page in the middle of one route and model": lambda: reader.calls(
            Filter(route="route-3", model="provider-0/model-0"), limit=50, after=middle.cursor
        ),
        "one call by its id": lambda: reader.call(middle.call.id),
    }


def without_rollups(place: Place, asked: dict[str, Question]) -> dict[str, float]:
    """The same questions put to the calls themselves, as before: some of them, once."""
    engine = open_database(place, "ledger", patience=600.0)

    def pretend(change: int) -> None:
        with engine.begin() as connection:
            connection.execute(tables.reach.update().values(summed=tables.reach.c.summed + change))

    pretend(-1)
    try:
        return {name: milliseconds(asked[name]) for name in _BEFORE}
    finally:
        pretend(1)
        engine.dispose()


def milliseconds(question: Question) -> float:
    """How long it takes."""
    began = time.perf_counter()
    question()
    return (time.perf_counter() - began) * 1000


def forget(place: Place) -> None:
    """Let the system forget the pages of a file."""
    if isinstance(place, Path):
        with place.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place")
    parser.add_argument("--calls", type=int, default=10_000_000)
    options = parser.parse_args()
    place: Place = Server(Secret(options.place, "line")) if "://" in options.place else Path(options.place)
    reader = LedgerReader(place, patience=600.0)
    if not reader.exists:
        fill(place, options.calls, time.time_ns() // 1000)
        sum_up(place)
    extent = reader.extent()
    asked = questions(reader)
    figures: dict[str, dict[str, float]] = {}
    for name, question in asked.items():
        forget(place)
        cold = milliseconds(question)
        warm = [milliseconds(question) for _ in range(_ROUNDS)]
        figures[name] = {"cold": cold, "warm": median(warm), "best": min(warm)}
    for name, took in without_rollups(place, asked).items():
        figures[name]["from the calls"] = took
    print(f"{extent.calls} calls, {extent.file_bytes / extent.calls:.0f} bytes each")
    print(f"{'':44}{'cold':>9}{'warm':>9}{'best':>9}{'from the calls':>16}")
    for name, told in figures.items():
        before = f"{told['from the calls']:16.0f}" if "from the calls" in told else ""
        row = "".join(f"{told[which]:9.1f}" for which in ("cold", "warm", "best"))
        print(f"{name:44}{row}{before}{' !' if told['warm'] > _LIMIT_MS else ''}")
    print(json.dumps({"calls": extent.calls, "bytes": extent.file_bytes / extent.calls, "ms": figures}))


if __name__ == "__main__":
    main()
