"""The process is killed: what may be lost is small, and what is lost is stated."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_child import child, look, tallies_of
from ledger_samples import make_call, opened

from freehold.ledger import tally
from freehold.ledger.reading import LedgerReader
from freehold.ledger.tally import Count, Tally
from freehold.store.places import Place

SHARED = Path("/dev/shm")


@pytest.fixture(autouse=True)
def _no_tally_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a killed process has left in shared memory is taken away at the end."""
    place = request.getfixturevalue("place") if "place" in request.fixturenames else None
    yield
    for name in tallies_of(place) if place is not None else ():
        tally.remove(name)


@pytest.mark.parametrize("seconds", [1.4, 1.63, 1.87])
def test_all_but_the_last_moment_survives_and_the_rest_is_counted(place: Place, seconds: float) -> None:
    with child(place) as one:
        one.ask("start")
        stdin, stdout = one.process.stdin, one.process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(["keep_recording", 200]), file=stdin, flush=True)
        first = stdout.readline()
        time.sleep(seconds)
        one.kill()
        killed_at = time.monotonic()
        told = [json.loads(line) for line in [first, *stdout] if line.endswith("]\n")]
    assert len(told) > 100

    # Before anybody has started again, a reader already knows.
    before = LedgerReader(place)
    there = {entry.call.id for entry in before.export()}
    old = {one for one, at in told if at < killed_at - 1.0}
    assert len(old) > 20
    assert old <= there
    (run,) = before.runs()
    assert run.ending == "killed"
    missing = run.recorded - len(there)
    assert len(told) <= run.recorded <= len(told) + 1
    assert 0 <= missing <= 200 * 0.6  # what comes in while one batch waits and one is written
    told_by_reader = [(gap.reason, gap.calls) for gap in before.gaps()]
    assert told_by_reader == ([("killed", missing)] if missing else [])

    with opened(place) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        after = look(place)
    assert after["integrity"] == ["ok"]
    assert after["calls"] == len(there) + 1
    assert [(gap["reason"], gap["calls"]) for gap in after["gaps"]] == told_by_reader
    assert look(place)["endings"] == ["clean", "killed"]
    assert [name for name in tallies_of(place) if (SHARED / name).exists()] == []


def test_calls_of_the_first_moment_are_missed_too(place: Place) -> None:
    with child(place, flush_ms=60_000) as one:
        one.ask("start")
        one.ask("record", 20)
        one.kill()
    assert [(gap.reason, gap.calls) for gap in LedgerReader(place).gaps()] == [("killed", 20)]


def test_bodies_that_were_committed_survive_too(place: Place) -> None:
    with child(place) as one:
        one.ask("start")
        one.ask("record", 100, 500)
        assert one.ask("flush", 5)
        one.kill()
    entries = list(LedgerReader(place).export(with_bodies=True))
    assert [len(entry.call.request_body or b"") for entry in entries] == [500] * 100
    assert LedgerReader(place).gaps() == []


def test_when_the_count_is_gone_too_the_gap_says_that_the_number_is_unknown(place: Place) -> None:
    with child(place) as one:
        one.ask("start")
        one.ask("record", 1)
        assert one.ask("flush", 5)
        one.kill()
    (SHARED / tallies_of(place)[0]).unlink()  # as when the machine is restarted
    (gap,) = LedgerReader(place).gaps()
    assert (gap.reason, gap.calls, gap.until_us) == ("killed", None, None)
    with opened(place) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
    assert LedgerReader(place).gaps() == [gap]


def test_a_process_that_runs_is_not_taken_for_dead(place: Place) -> None:
    with child(place) as one:
        one.ask("start")
        one.ask("record", 1)
        assert one.ask("flush", 5)
        assert [run.ending for run in LedgerReader(place).runs()] == [None]
        with opened(place) as ledger:
            ledger.record(make_call())
            assert ledger.flush(5)
        assert [run.ending for run in LedgerReader(place).runs()] == ["clean", None]
        assert LedgerReader(place).gaps() == []
        assert one.ask("close")
    assert [run.ending for run in LedgerReader(place).runs()] == ["clean", "clean"]


def test_a_tally_outlives_its_process_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    mine = Tally(tmp_path)
    assert mine.name is not None
    assert (tmp_path / mine.name).stat().st_mode & 0o777 == 0o600
    mine.cells[0] = 12_345_678_901
    mine.cells[1] = 7
    mine.cells[2] = 12_345_678_904
    assert tally.read(mine.name, tmp_path) == Count(12_345_678_901, 7, 12_345_678_904, alive=True)
    mine.close(forget=False)
    assert tally.read(mine.name, tmp_path) == Count(12_345_678_901, 7, 12_345_678_904, alive=False)
    mine.cells[0] += 1  # counts on, where nobody sees it
    assert tally.read(mine.name, tmp_path) == Count(12_345_678_901, 7, 12_345_678_904, alive=False)
    tally.remove(mine.name, tmp_path)
    assert tally.read(mine.name, tmp_path) is None


def test_without_shared_memory_calls_are_counted_all_the_same(tmp_path: Path) -> None:
    mine = Tally(tmp_path / "nowhere")
    mine.cells[0] += 5
    assert (mine.name, mine.cells[0]) == (None, 5)
    mine.close(forget=True)
    assert mine.cells[0] == 5


@pytest.mark.parametrize("name", ["../../etc/passwd", "nothing", ""])
def test_a_name_that_is_no_tally_says_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "short").write_bytes(b"x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for one in (name, "short", "link"):
        assert tally.read(one, tmp_path) is None
