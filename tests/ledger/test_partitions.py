"""Calls on a server lie in weeks that are made ahead and dropped whole."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from databases import NOT_INSTALLED, Databases, change, rows
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import DAY_US, NOON_US, HandClock, make_call, opened, wait_until
from postgres_server import programs

from freehold.core.clock import as_datetime
from freehold.ledger.partitions import WEEK_US, week_of
from freehold.ledger.reading import LedgerReader
from freehold.store.places import Server

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)

WHERE = "SELECT tableoid::regclass::text, count(*) FROM calls GROUP BY 1 ORDER BY 1"
TABLES = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'calls'::regclass ORDER BY 1"


@pytest.fixture
def place(databases: Databases) -> Iterator[Server]:
    place = databases.make()
    yield place
    databases.drop(place)


@given(st.integers(0, 2**52))
def test_a_week_begins_on_monday_at_midnight_utc(us: int) -> None:
    start = week_of(us)
    assert start <= us < start + WEEK_US
    assert as_datetime(start).isoweekday() == 1
    assert as_datetime(start).time().isoformat() == "00:00:00"


def test_calls_lie_in_their_week_and_weeks_are_made_ahead(place: Server) -> None:
    clock = HandClock()  # Friday, 2024-10-04
    with opened(place, clock=clock) as ledger:
        for days in (0, 2, 3, -5, -30, 4000):
            ledger.record(make_call(started_us=NOON_US + days * DAY_US))
        assert ledger.flush(5)
        assert rows(place, WHERE) == [
            ("calls_2024_09_23", 1),
            ("calls_2024_09_30", 2),
            ("calls_2024_10_07", 1),
            ("calls_of_other_times", 2),
        ]
        assert len(rows(place, TABLES)) == 7
        words = rows(place, "SELECT DISTINCT route, model, outcome, usage_source FROM named_calls")
        assert words == [("copilot", "gpt-4o", "answered", "provider")]
        clock.now_us += 21 * DAY_US
        wait_until(lambda: ("calls_2024_11_18",) in rows(place, TABLES))
        assert len(LedgerReader(place).calls()) == 6


def test_old_weeks_are_dropped_and_old_calls_of_other_times_deleted(place: Server) -> None:
    clock = HandClock()
    with opened(place, clock=clock, keep_calls_days=30) as ledger:
        for days in (-2000, -1, 0, 4000):
            ledger.record(make_call(started_us=NOON_US + days * DAY_US))
        assert ledger.flush(5)
        wait_until(lambda: len(LedgerReader(place).calls()) == 3)
        clock.now_us += 32 * DAY_US  # too old, but their week is not over
        wait_until(lambda: ("calls_2024_12_02",) in rows(place, TABLES))
        assert len(LedgerReader(place).calls()) == 3
        clock.now_us += DAY_US
        wait_until(lambda: rows(place, WHERE) == [("calls_of_other_times", 1)])
        assert "calls_2024_09_30" not in {name for (name,) in rows(place, TABLES)}


def test_a_week_whose_calls_came_before_its_table_shares_the_one_of_other_times(place: Server) -> None:
    clock = HandClock()
    with opened(place, clock=clock) as ledger:
        early = make_call(started_us=NOON_US + 50 * DAY_US)
        ledger.record(early)
        assert ledger.flush(5)
        clock.now_us += 49 * DAY_US
        ledger.record(make_call(started_us=NOON_US + 50 * DAY_US))
        wait_until(lambda: ("calls_2024_12_16",) in rows(place, TABLES))
        assert ledger.flush(5)
        assert ledger.status.state == "ok"
        assert rows(place, WHERE) == [("calls_of_other_times", 2)]
        assert LedgerReader(place).call(early.id).call == early


def test_a_reader_that_takes_long_does_not_keep_calls_from_being_written(place: Server) -> None:
    clock = HandClock()
    reader = LedgerReader(place)
    with opened(place, clock=clock, keep_calls_days=30, flush_ms=20) as ledger:
        ledger.record(make_call(started_us=NOON_US))
        assert ledger.flush(5)
        with reader._reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM calls").scalar() == 1
            clock.now_us += 60 * DAY_US  # a week is to be dropped that is being read
            for _ in range(20):
                ledger.record(make_call(started_us=clock.now_us))
                assert ledger.flush(5)
        wait_until(lambda: ledger.status.written == 21)
        wait_until(lambda: ledger.status.state == "ok")
        wait_until(lambda: len(reader.calls()) == 20)


def test_a_machine_that_is_not_heard_of_is_missed_until_it_is_heard_of_again(place: Server) -> None:
    with opened(place) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        silent_us = time.time_ns() // 1000 - 20 * 60 * 1_000_000
        columns = "started_us, process, version, updated_us, recorded, written, dropped, host"
        change(
            place,
            f"INSERT INTO runs ({columns}) VALUES ({silent_us}, 2, '0', {silent_us}, 4, 4, 0, 'elsewhere')",
        )
        reader = LedgerReader(place)
        wait_until(lambda: [run.ending for run in reader.runs()] == ["killed", None])
        assert [(gap.reason, gap.calls) for gap in reader.gaps()] == [("killed", None)]
        wait_until(lambda: rows(place, "SELECT count(*) FROM gaps") == [(1,)])
        assert "nothing was heard of `elsewhere`" in str(reader.gaps()[0].detail)
        # And as that one would find itself when it could not be reached for a while.
        change(
            place, "DELETE FROM gaps; UPDATE runs SET ending = 'killed', ended_us = updated_us WHERE id = 1"
        )
        change(
            place,
            "INSERT INTO gaps (run, reason, from_us) SELECT 1, 'killed', updated_us FROM runs WHERE id = 1",
        )
        wait_until(lambda: [run.ending for run in reader.runs()] == ["killed", None])
        wait_until(lambda: reader.gaps() == [])
