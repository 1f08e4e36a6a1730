from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledger_samples import DAY_US, NOON_US, HandClock, make_call, opened, wait_until

from freehold.core.errors import NotFound
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.store.places import Place


def fill(ledger: Ledger, now_us: int, *, calls: int, size: int = 200) -> list[str]:
    """Record calls with bodies that cannot be compressed; their ids."""
    ids = []
    for _ in range(calls):
        call = make_call(started_us=now_us, request_body=os.urandom(size))
        ids.append(call.id)
        ledger.record(call)
    assert ledger.flush(10)
    return ids


def kept(reader: LedgerReader, ids: list[str]) -> int:
    return sum(reader.call(one).call.request_body is not None for one in ids)


def test_bodies_go_when_they_are_too_old_and_their_calls_stay(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_bodies_days=10) as ledger:
        old = fill(ledger, clock.now_us, calls=600)
        clock.now_us += 8 * DAY_US
        young = fill(ledger, clock.now_us, calls=5)
        reader = LedgerReader(place)
        assert reader.extent().bodies == 605
        clock.now_us += 3 * DAY_US
        wait_until(lambda: reader.extent().bodies == 5)
        entry = reader.call(old[0])
        assert entry.call.request_body is None
        assert entry.request_digest is not None
        assert kept(reader, young) == 5
        assert reader.extent().calls == 605
        # What was deleted and comes again is stored again.
        again = make_call(started_us=clock.now_us, request_body=b"again")
        ledger.record(again)
        assert ledger.flush(5)
        assert reader.call(again.id).call.request_body == b"again"


def test_a_body_that_a_younger_call_uses_too_stays(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_bodies_days=10) as ledger:
        ledger.record(make_call(started_us=clock.now_us, request_body=b"shared"))
        ledger.record(make_call(started_us=clock.now_us, request_body=b"alone"))
        assert ledger.flush(5)
        clock.now_us += 6 * DAY_US
        ledger.record(make_call(started_us=clock.now_us, request_body=b"shared"))
        assert ledger.flush(5)
        clock.now_us += 6 * DAY_US
        reader = LedgerReader(place)
        wait_until(lambda: reader.extent().bodies == 1)
        assert [reader.call(one.call.id).call.request_body for one in reader.calls()] == [
            b"shared",
            None,
            b"shared",
        ]


def test_bodies_over_their_bound_go_oldest_first_and_the_file_stays_small(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_bodies_bytes=1_000_000) as ledger:
        for _ in range(8):
            fill(ledger, clock.now_us, calls=100, size=5000)
            clock.now_us += 1
        reader = LedgerReader(place)
        wait_until(lambda: reader.extent().body_bytes <= 1_000_000)
        assert reader.extent().body_bytes > 800_000
        there = [one.call.request_body is not None for one in reader.export(with_bodies=True)]
        commits = [there[start : start + 100] for start in range(0, 800, 100)]
        # The missing ones are the oldest; among those that were committed together, any.
        assert [any(one) for one in commits] == sorted(any(one) for one in commits)
        assert [all(one) for one in commits] == sorted(all(one) for one in commits)
        assert sum(any(one) and not all(one) for one in commits) <= 1
        if isinstance(place, Path):
            wait_until(lambda: place.stat().st_size < 2_500_000)
        assert ledger.status.state == "ok"


def test_calls_go_when_they_are_too_old(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_calls_days=100) as ledger:
        old = fill(ledger, clock.now_us, calls=600)
        clock.now_us += 99 * DAY_US
        young = fill(ledger, clock.now_us, calls=3)
        clock.now_us += (2 if isinstance(place, Path) else 9) * DAY_US  # a server drops whole weeks
        reader = LedgerReader(place)
        wait_until(lambda: reader.extent().calls == 3)
        with pytest.raises(NotFound):
            reader.call(old[0])
        assert {one.call.id for one in reader.calls()} == set(young)
        assert reader.last_seq() == 603  # never given out again
        fill(ledger, clock.now_us, calls=1)
        assert reader.last_seq() == 604


def test_unlimited_means_unlimited(place: Place) -> None:
    clock = HandClock()
    settings: dict[str, Any] = {
        "keep_bodies_days": "unlimited",
        "keep_bodies_bytes": "unlimited",
        "keep_calls_days": "unlimited",
    }
    with opened(place, clock=clock, **settings) as ledger:
        ids = fill(ledger, clock.now_us, calls=10)
        clock.now_us += 20_000 * DAY_US
        fill(ledger, clock.now_us, calls=1)
        time.sleep(0.3)  # several passes
        reader = LedgerReader(place)
        assert kept(reader, ids) == 10


def test_bounds_are_on_from_the_start_and_lifting_one_takes_a_word() -> None:
    settings = msgspec.convert({}, LedgerSettings)
    assert (settings.keep_bodies_days, settings.keep_bodies_bytes, settings.keep_calls_days) == (
        30,
        2_000_000_000,
        400,
    )
    assert msgspec.convert({"keep_calls_days": "unlimited"}, LedgerSettings).keep_calls_days == "unlimited"
    for wrong in (
        {"keep_calls_days": 0},
        {"keep_calls_days": None},
        {"keep_calls_days": "never"},
        {"keep_days": 3},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, LedgerSettings)


def test_old_runs_and_gaps_go_with_the_calls_of_their_time(place: Place) -> None:
    with opened(place, clock=HandClock()) as ledger:
        fill(ledger, NOON_US, calls=1)
    with opened(place, clock=HandClock(NOON_US + 500 * DAY_US)) as ledger:
        fill(ledger, NOON_US + 500 * DAY_US, calls=1)
        reader = LedgerReader(place)
        wait_until(lambda: len(reader.runs()) == 1 and reader.extent().calls == 1)


def test_calls_are_committed_in_time_while_retention_works(place: Place) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_calls_days=10, flush_ms=50, queue_bytes=100_000_000) as ledger:
        for _ in range(10):
            fill(ledger, clock.now_us, calls=1500)
        # 15,000 calls and bodies are too old at once; a server drops whole weeks.
        clock.now_us += (11 if isinstance(place, Path) else 18) * DAY_US
        reader, slowest, end = LedgerReader(place), 0.0, threading.Event()
        while not end.is_set():
            call = make_call(started_us=clock.now_us)
            ledger.record(call)
            began = time.monotonic()
            wait_until(lambda: ledger.status.queued == 0)
            slowest = max(slowest, time.monotonic() - began)
            if reader.extent().oldest_us == clock.now_us:
                end.set()
        assert slowest < 1.0
        assert reader.calls(Filter(), limit=1)[0].call.started_us == clock.now_us
