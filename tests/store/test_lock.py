"""Locks that end with their process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from freehold.store.lock import ProcessLock, Turns, clear_locks, is_locked

HOLD = """
import sys, time
from pathlib import Path
from freehold.store.lock import ProcessLock, Turns
path = Path(sys.argv[1])
if sys.argv[2] == "lock":
    print(ProcessLock(path).take() and "yes", flush=True)
    lock = ProcessLock(path); lock.take()
    time.sleep(60)
else:
    with Turns(path).turn(1.0):
        print("yes", flush=True)
        time.sleep(float(sys.argv[3]))
"""


def child(path: Path, *words: str) -> subprocess.Popen[str]:
    """A process that holds it, from now on."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *words], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "yes\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_one_has_it_until_its_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "upkeep.lock"
    mine = ProcessLock(path)
    assert not is_locked(path)
    assert mine.take()
    assert mine.take()
    assert is_locked(path)
    assert not ProcessLock(path).take()
    mine.release()
    process = child(path, "lock")
    try:
        assert is_locked(path)
        assert not mine.take()
        assert not mine.held
    finally:
        end(process)
    assert mine.take()
    mine.release(remove=True)
    assert not path.exists()


def test_what_the_dead_left_is_cleared(tmp_path: Path) -> None:
    living, dead = ProcessLock(tmp_path / "living.lock"), tmp_path / "dead.lock"
    assert living.take()
    dead.touch()
    clear_locks(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["living.lock"]
    living.release()
    clear_locks(tmp_path / "missing")


def test_turns_are_taken_one_after_the_other_and_never_waited_for_without_end(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db-turn"
    turns = Turns(path)
    process = child(path, "turn", "0.5")
    try:
        began = time.monotonic()
        with turns.turn(20.0):
            assert time.monotonic() - began > 0.2, "the other had its turn"
    finally:
        end(process)
    process = child(path, "turn", "30")
    try:
        began = time.monotonic()
        with turns.turn(0.2):  # a courtesy: it goes on all the same
            assert 0.1 < time.monotonic() - began < 10.0
    finally:
        end(process)
        turns.close()
