"""One ledger file, written by one process and by several: `python -m benchmarks.workers.writers`.

Each process hands in calls of about 2 KB as fast as its writer takes them, or, paced, its share of a rate: then the
longest time is shown that a flush took, which is how long a call may be answered and not yet on record.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec

from benchmarks.ledger.__main__ import Bodies, Prices, make_call
from freehold.ledger.reading import LedgerReader
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger

CALLS = 24_000
"""Of all processes together."""
_QUEUED = 4000
"""Calls that wait at most."""
PACED = 2000.0
"""Calls a second, of all processes together."""
PACED_SECONDS = 5.0


class Share(msgspec.Struct):
    """What one process did."""

    seconds: float
    cpu: float
    written: int
    dropped: int
    slowest_flush: float
    failed: bool


def write(path: Path, calls: int, rate: float, start: Barrier, told: Queue[Share]) -> None:
    """One process."""
    bodies = Bodies()
    ready = [make_call(number, bodies) for number in range(calls)]
    ledger = Ledger(path, LedgerSettings(), Prices(), shared=True)
    ledger.start()
    start.wait()
    began, cpu, slowest, failed = time.perf_counter(), _cpu(), 0.0, False
    for number, call in enumerate(ready):
        if rate:
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        ledger.begun()
        ledger.record(call)
        if number % 500 == 499:
            failed = failed or ledger.status.state != "ok"
            if rate:
                asked = time.perf_counter()
                ledger.flush(30.0)
                slowest = max(slowest, time.perf_counter() - asked)
            while ledger.status.queued > _QUEUED:
                time.sleep(0.001)
    ledger.flush(60.0)
    seconds = time.perf_counter() - began
    status = ledger.status
    told.put(Share(seconds, _cpu() - cpu, status.written, status.dropped, slowest, failed))
    ledger.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print a table."""
    context = multiprocessing.get_context("spawn")
    print("| writers | load | calls a second | CPU a call | slowest flush | dropped | failed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for rate in (0.0, PACED):
        for count in (1, 2, 4):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "ledger.db"
                each = int(PACED * PACED_SECONDS if rate else CALLS) // count
                start, told = context.Barrier(count), context.Queue()
                processes = [
                    context.Process(target=write, args=(path, each, rate / count, start, told))
                    for _ in range(count)
                ]
                for process in processes:
                    process.start()
                shares = [told.get(timeout=180) for _ in processes]
                for process in processes:
                    process.join()
                written = sum(share.written for share in shares)
                kept = len(list(LedgerReader(path).export()))
                if kept != written:
                    sys.exit(f"{written} calls were written, and {kept} are there")
                print(
                    f"| {count} | {f'{rate:,.0f} a second' if rate else 'as fast as can be'} "
                    f"| {written / max(share.seconds for share in shares):,.0f} "
                    f"| {sum(share.cpu for share in shares) / written * 1e6:.0f} µs "
                    f"| {f'{max(share.slowest_flush for share in shares) * 1000:.0f} ms' if rate else ''} "
                    f"| {sum(share.dropped for share in shares)} | {any(share.failed for share in shares)} |",
                    flush=True,
                )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
