"""Real faults, in real processes: answers go on, every loss is counted, and it heals by itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ledger_child import Child, child, look, own_mounts
from ledger_samples import QUICK, PriceList, make_call, opened, wait_until

from freehold.ledger.reading import LedgerReader
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.store.database import open_database

LOCKED_SECONDS = float(os.environ.get("FREEHOLD_TEST_LOCKED_SECONDS", "1.5"))
QUEUE = 1_000_000

needs_mounts = pytest.mark.skipif(own_mounts() is None, reason="this process may not mount anything")


def balance(status: dict[str, Any]) -> bool:
    """Whether every call that was handed in is accounted for."""
    return bool(status["recorded"] == status["written"] + status["dropped"] + status["queued"])


def overflow(one: Child, reason: str) -> None:
    """Record more than the queue holds while nothing can be written, and see that nobody was held up."""
    before = one.ask("status")["dropped"]
    took = one.ask("record", 2000, 2000)  # seven times what fits
    status = one.ask("status")
    assert (status["state"], status["reason"]) == ("failing", reason)
    assert balance(status)
    assert status["dropped_by"] == {"queue full": status["dropped"]}
    assert 1500 < status["dropped"] - before <= 2000
    assert status["bodies_dropped"] > 0
    assert 0.7 * QUEUE < status["queued_bytes"] <= QUEUE
    # A try to write waits half a second for a lock: a call that waited for the writer would show it.
    assert took["median"] < 0.001
    assert took["longest"] < 0.45


def healed(one: Child) -> None:
    """Everything that was not dropped is written, and the drops are on record."""
    status = one.wait_for(state="ok", queued=0, queued_bytes=0)
    assert balance(status)
    one.ask("record", 3)
    assert one.ask("flush", 5)
    status = one.ask("status")
    found = one.ask("look")
    assert found["calls"] == status["written"] == status["recorded"] - status["dropped"]
    assert [(gap["reason"], gap["calls"]) for gap in found["gaps"]] == [("queue full", status["dropped"])]
    assert found["integrity"] == ["ok"]
    assert one.ask("close")
    assert one.ask("look")["endings"] == ["clean"]


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    with child(tmp_path / "ledger.db", queue_bytes=QUEUE) as one:
        one.ask("start")
        one.ask("record", 50, 2000)
        assert one.ask("flush", 5)
        one.ask("limit", 300_000)
        one.ask("record", 300, 2000)
        one.wait_for(state="failing")
        overflow(one, one.ask("status")["reason"])
        assert one.ask("status")["reason"] in ("disk full", "input/output error")
        one.ask("limit", -1)
        healed(one)


@needs_mounts
def test_a_full_disk_that_turns_read_only_and_is_made_larger(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with child(folder / "ledger.db", *(own_mounts() or ()), queue_bytes=QUEUE) as one:
        assert one.ask("run", "mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)) == 0
        one.ask("start")
        while one.ask("status")["state"] == "ok":
            one.ask("record", 100, 2000)
            one.ask("flush", 0.5)
        one.wait_for(state="failing", reason="disk full")
        overflow(one, "disk full")
        # Refused while a try to write is under way.
        wait_until(lambda: one.ask("run", "mount", "-o", "remount,ro", str(folder)) == 0)
        one.wait_for(state="failing", reason="read-only")
        assert one.ask("run", "mount", "-o", "remount,rw,size=50m", str(folder)) == 0
        healed(one)


@needs_mounts
def test_a_disk_that_is_read_only_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with child(folder / "ledger.db", *(own_mounts() or ()), queue_bytes=QUEUE) as one:
        assert one.ask("run", "mount", "-t", "tmpfs", "-o", "size=50m,ro", "tmpfs", str(folder)) == 0
        one.ask("start")
        one.wait_for(state="failing", reason="read-only")
        overflow(one, "read-only")
        assert one.ask("run", "mount", "-o", "remount,rw", str(folder)) == 0
        healed(one)


@contextmanager
def forbidden(folder: Path) -> Iterator[bool]:
    """Nobody may write to what is in the folder, not even who has it open; False where that cannot be had."""
    files = [str(one) for one in folder.iterdir()]
    handles = [os.open(one, os.O_RDWR) for one in files]

    def are_refused() -> bool:
        try:
            for handle in handles:
                os.pwrite(handle, os.pread(handle, 1, 0), 0)
        except PermissionError:
            return True
        return False

    try:
        found = subprocess.run(["chattr", "+i", *files], check=False, capture_output=True).returncode == 0
        yield found and are_refused()
    finally:
        subprocess.run(["chattr", "-i", *files], check=False, capture_output=True)
        for handle in handles:
            os.close(handle)


def test_files_that_may_no_longer_be_written_while_they_are_open(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.db"
    with opened(path) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        with forbidden(path.parent) as really:
            if not really:
                pytest.skip("this file system knows no immutable files, or this user may not make one")
            ledger.record(make_call(request_body=b"kept"))
            wait_until(lambda: ledger.status.state == "failing")
            assert ledger.status.queued == 1
        wait_until(lambda: ledger.status.state == "ok")
        wait_until(lambda: ledger.status.queued == 0)
    assert look(path)["calls"] == 2


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


def test_a_database_that_another_process_has_locked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path, queue_bytes=QUEUE) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        end, longest, recorded = time.monotonic() + LOCKED_SECONDS, 0.0, 1
        while time.monotonic() < end:
            began = time.perf_counter()
            ledger.record(make_call(request_body=b"x" * 100))
            longest = max(longest, time.perf_counter() - began)
            recorded += 1
            time.sleep(0.005)
        status = ledger.status
        assert (status.state, status.reason) == ("failing", "locked by another process")
        assert (status.recorded, status.written) == (recorded, 1)
        assert longest < 0.45, "no call waited for the writer, who waits half a second for the lock"
        holder.communicate("\n", timeout=10)
        wait_until(lambda: ledger.status.state == "ok" and ledger.status.queued == 0)
        assert ledger.status.since_us > status.since_us
        assert ledger.status.written + ledger.status.dropped == recorded
    assert look(path)["calls"] == recorded - ledger.status.dropped


def remove_file(path: Path) -> None:
    path.unlink()


def remove_all_files(path: Path) -> None:
    for one in path.parent.iterdir():
        one.unlink()


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def put_another_in_its_place(path: Path) -> None:
    other = path.with_name("other.db")
    open_database(other, "ledger").dispose()
    other.rename(path)


@pytest.mark.parametrize("remove", [remove_file, remove_all_files, remove_folder, put_another_in_its_place])
def test_a_ledger_that_is_removed_is_begun_anew(tmp_path: Path, remove: Callable[[Path], None]) -> None:
    path = tmp_path / "data" / "ledger.db"
    same = b"a body that both files must have"
    with opened(path) as ledger:
        ledger.record(make_call(request_body=same))
        assert ledger.flush(5)
        remove(path)
        call = make_call(request_body=same, answer_body=same)
        ledger.record(call)
        assert ledger.flush(5)
        status = ledger.status
        assert (status.state, status.written, status.dropped) == ("ok", 2, 0)
        assert status.incident is not None
        assert "removed" in status.incident
        assert LedgerReader(path).call(call.id).call == call
        assert [(gap.reason, gap.calls) for gap in LedgerReader(path).gaps()] == [("removed", None)]
    found = look(path)
    assert (found["calls"], found["integrity"], found["endings"]) == (1, ["ok"], ["clean"])


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def broken_tables(path: Path) -> None:
    open_database(path, "ledger").dispose()
    with path.open("r+b") as file:
        file.seek(110)
        file.write(b"\xff" * 3000)


def cut_short(path: Path) -> None:
    with opened(path) as ledger:
        for _ in range(500):
            ledger.record(make_call())
    os.truncate(path, 9000)


@pytest.mark.parametrize("damage", [garbage, broken_tables, cut_short])
def test_a_damaged_ledger_is_moved_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "ledger.db"
    damage(path)
    content = path.read_bytes()
    with opened(path) as ledger:
        for _ in range(3):
            ledger.record(make_call(request_body=b"x"))
        assert ledger.flush(5)
        wait_until(lambda: ledger.status.state == "ok")
        (aside,) = tmp_path.glob("ledger.damaged-*.db")
        assert aside.read_bytes() == content
        assert ledger.status.incident is not None
        assert aside.name in ledger.status.incident
        (gap,) = LedgerReader(path).gaps()
        assert (gap.reason, gap.calls) == ("damaged", None)
        assert aside.name in (gap.detail or "")
    assert look(path)["calls"] == 3


def test_a_ledger_of_a_newer_freehold_is_left_alone_and_calls_wait(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_database(path, "ledger").dispose()
    with sqlite3.connect(path) as direct:
        direct.execute("UPDATE alembic_version SET version_num = '0999'")
    direct.close()
    with opened(path) as ledger:
        ledger.record(make_call())
        wait_until(lambda: ledger.status.state == "failing")
        assert "newer Freehold" in (ledger.status.reason or "")
        assert ledger.status.queued == 1
    assert ledger.status.dropped_by == {"closed": 1}
    assert [one.name for one in tmp_path.iterdir() if "damaged" in one.name] == []


def test_what_could_not_be_written_before_the_end_is_on_record_after_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        direct = sqlite3.connect(path, isolation_level=None)
        direct.execute("BEGIN EXCLUSIVE")
        for _ in range(5):
            ledger.record(make_call())
        began = time.monotonic()
        assert not ledger.close(0.3)
        assert time.monotonic() - began < 2
        assert ledger.status.dropped_by == {"closed": 5}
        direct.close()
    with opened(path) as ledger:
        ledger.record(make_call())
        assert ledger.flush(5)
        assert [(gap.reason, gap.calls) for gap in LedgerReader(path).gaps()] == [("dropped", 5)]


def test_a_call_that_fits_only_without_its_bodies_is_kept_without_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    small, big = make_call(request_body=b"small"), make_call(request_body=b"q" * 60_000, answer_body=b"a")
    ledger = Ledger(path, LedgerSettings(queue_bytes=65_000), PriceList(), pace=QUICK)
    try:
        ledger.record(small)
        ledger.record(big)
        ledger.record(big_again := make_call(request_body=b"r" * 60_000, answer_body=b"b"))
        assert (ledger.status.bodies_dropped, ledger.status.dropped, ledger.status.queued) == (1, 0, 3)
        assert big_again.request_body is not None, "the caller's own is left alone"
        for _ in range(10):
            ledger.record(make_call(request_body=b"s" * 5000))
        assert ledger.status.queued_bytes <= 65_000
        assert ledger.status.dropped_by == {"queue full": 10}
        ledger.start()
        assert ledger.flush(5)
    finally:
        ledger.close(2)
    reader = LedgerReader(path)
    assert reader.call(small.id).call.request_body == b"small"
    assert reader.call(big.id).call.request_body == b"q" * 60_000
    assert reader.call(big_again.id).call.request_body is None
    assert reader.call(big_again.id).call.usage == big_again.usage


class Odd:
    """Nothing that a ledger has ever seen."""

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("odd")


def test_a_call_that_makes_every_try_fail_is_given_up_and_the_others_are_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        good = [make_call(request_body=b"body %d" % number) for number in range(5)]
        ledger.record(good[0])
        ledger.record(make_call(usage=Odd(), losses=Odd()))
        for call in good[1:]:
            ledger.record(call)
        assert ledger.flush(5)
        wait_until(lambda: ledger.status.state == "ok")
        assert ledger.status.dropped_by == {"unrecordable": 1}
        ledger.record(last := make_call())
        assert ledger.flush(5)
    reader = LedgerReader(path)
    assert {one.call.id for one in reader.calls()} == {call.id for call in [*good, last]}
    assert reader.call(good[4].id).call.request_body == b"body 4"


def test_two_writers_share_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with opened(path) as one, opened(path) as other:
        ledgers: list[Ledger] = [one, other]
        for number in range(200):
            ledgers[number % 2].record(
                make_call(route=f"route {number % 7}", request_body=b"%d" % (number % 5))
            )
        for ledger in ledgers:
            assert ledger.flush(5)
        assert [run.ending for run in LedgerReader(path).runs()] == [None, None]
    found = look(path)
    assert (found["calls"], found["gaps"], found["endings"]) == (200, [], ["clean", "clean"])
