"""A ledger in a process of its own, to be starved, cut off and killed.

Run as a program it obeys one command a line and answers each with one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from databases import place_of, rows, text_of
from ledger_samples import QUICK, PriceList, make_call

import freehold
from freehold.core.errors import StoreError
from freehold.ledger.reading import LedgerReader
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.store.places import Place

SUPPORT = Path(__file__).parents[1] / "support"


class Child:
    """Speaks to the process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, command: str, *words: object) -> Any:
        """The answer to a command."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([command, *words]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        return json.loads(line)

    def wait_for(self, seconds: float = 8.0, **expected: object) -> dict[str, Any]:
        """The status, as soon as it is as expected."""
        end = time.monotonic() + seconds
        while True:
            status: dict[str, Any] = self.ask("status")
            if all(status[name] == value for name, value in expected.items()):
                return status
            assert time.monotonic() < end, f"{expected} did not happen: {status}"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as suddenly as can be."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def child(place: Place, *before: str, spool: Path | None = None, **settings: object) -> Iterator[Child]:
    """A process whose ledger would be at `place`; `before` is the command that starts it in another surrounding."""
    source = Path(freehold.__file__ or "").parent.parent
    process = subprocess.Popen(
        [
            *before,
            sys.executable,
            "-W",
            "error",
            __file__,
            text_of(place),
            str(spool or ""),
            json.dumps(settings),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{source}:{SUPPORT}", "PATH": os.environ["PATH"]},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Child(process)
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def tallies_of(place: Place) -> list[str]:
    """The names of the tallies of all runs that are on record."""
    if isinstance(place, Path) and not place.exists():
        return []
    return [name for (name,) in rows(place, "SELECT tally FROM runs ORDER BY id")]


@cache
def own_mounts() -> tuple[str, ...] | None:
    """The command that starts a process that may mount; None where nobody lets us."""
    for command in (("unshare", "-m"), ("unshare", "-Urm")):
        probe = [*command, "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]
        with suppress(OSError):
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
    return None


class Obeying:
    """The commands."""

    def __init__(self, place: Place, spool: Path | None, settings: dict[str, Any]) -> None:
        self.place = place
        self.ledger = Ledger(place, LedgerSettings(**settings), PriceList(), pace=QUICK, spool=spool)

    def start(self) -> None:
        """Start the ledger."""
        self.ledger.start()

    def record(self, calls: int, size: int = 0) -> dict[str, float]:
        """Record calls, with bodies that cannot be compressed; how long `record` took, in seconds."""
        made = [make_call(request_body=os.urandom(size) if size else None) for _ in range(calls)]
        times = []
        for call in made:
            began = time.perf_counter()
            self.ledger.record(call)
            times.append(time.perf_counter() - began)
        return {"median": sorted(times)[len(times) // 2], "longest": max(times)}

    def keep_recording(self, per_second: int) -> None:
        """Record one call after another for ever; their ids and times go to standard output."""
        while True:
            call = make_call(request_body=os.urandom(300), answer_body=os.urandom(300))
            self.ledger.record(call)
            say([call.id, time.monotonic()])
            time.sleep(1 / per_second)

    def status(self) -> Any:
        """How the ledger is."""
        return msgspec.to_builtins(self.ledger.status)

    def flush(self, seconds: float) -> bool:
        """Wait until all is written."""
        return self.ledger.flush(seconds)

    def close(self) -> bool:
        """Close the ledger."""
        return self.ledger.close(2.0)

    def limit(self, size: int) -> None:
        """Let no file grow over `size` bytes; -1: any size."""
        size = resource.RLIM_INFINITY if size < 0 else size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def run(self, *command: str) -> int:
        """Run a program in the surrounding of this process."""
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode

    def look(self) -> dict[str, Any]:
        """What is in the ledger."""
        return look(self.place)


def say(answer: object) -> None:
    """One line of JSON to standard output."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def look(place: Place) -> dict[str, Any]:
    """What is in the ledger, and whether its file is intact."""
    reader = LedgerReader(place)
    check = [one for (one,) in rows(place, "PRAGMA integrity_check")] if isinstance(place, Path) else ["ok"]
    return {
        "calls": sum(1 for _ in reader.export()),
        "gaps": msgspec.to_builtins(reader.gaps()),
        "endings": [run.ending for run in reader.runs()],
        "integrity": check,
    }


def main() -> None:
    """Obey until standard input ends."""
    spool = Path(sys.argv[2]) if sys.argv[2] else None
    obeying = Obeying(place_of(sys.argv[1]), spool, json.loads(sys.argv[3]))
    for line in sys.stdin:
        command, *words = json.loads(line)
        try:
            answer = getattr(obeying, command)(*words)
        except StoreError as error:
            answer = {"error": str(error)}
        say(answer)
    obeying.ledger.close(1.0)


if __name__ == "__main__":
    main()
