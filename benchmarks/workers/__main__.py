"""One worker beside two, in alternating rounds of one run, on the two cores that there are.

    python -m benchmarks.workers                   # five rounds, about two minutes
    python -m benchmarks.workers --rounds 1

The load (wrk) and the provider (a program in C) share the second core and need a few microseconds an answer there; what
that takes from the second worker is part of the figures. So is what others did on the machine meanwhile, which is told:
where that is much, the column "by that" (what the processor time of an answer allows on cores of one's own) says more.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.gateway.environments import BENCH, HERE, ROOT, say
from benchmarks.gateway.gateways import UPSTREAM_KEY, free_port
from benchmarks.gateway.loads import Load
from benchmarks.gateway.machine import GATEWAY_CORE, LOAD_CORE, busy_seconds
from benchmarks.gateway.processes import Process, cpu_seconds_of
from benchmarks.gateway.stage import Stage, set_stage
from benchmarks.gateway.traffic import Target
from benchmarks.gateway.verify import ask, check_answers

BOTH = f"{GATEWAY_CORE},{LOAD_CORE}"
_START_SECONDS = 60.0


class Variant(msgspec.Struct, frozen=True):
    """One way to run the endpoint."""

    name: str
    workers: int
    cores: str


VARIANTS = (
    Variant("1 worker, one core", 1, str(GATEWAY_CORE)),
    Variant("1 worker, both cores", 1, BOTH),
    Variant("2 workers, both cores", 2, BOTH),
)


class Running(msgspec.Struct, frozen=True):
    """A variant that runs, paused between its turns."""

    variant: Variant
    process: Process
    target: Target
    workers: list[int]
    """Process ids."""


class Turn(msgspec.Struct, frozen=True):
    """One measurement."""

    load: Load
    cpu_us: float
    """Processor time of the endpoint for an answer, all its processes together."""
    cpu_percent: float
    """Of one core, all its processes together."""
    larger_share: float
    """Of the processor time of all workers, what the busiest took."""
    foreign_percent: float
    """Of one core, what neither we nor the load used."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.load.requests / self.load.duration_us * 1e6


@contextlib.contextmanager
def running(variant: Variant, upstream: int) -> Iterator[Running]:
    """Start it, and end it afterwards."""
    folder = BENCH / "run" / f"workers-{variant.workers}-{variant.cores.replace(',', '')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "upstream-key").write_text(UPSTREAM_KEY)
    (folder / "upstream-key").chmod(0o600)
    port = free_port()
    settings = (HERE / "gateways" / "freehold.toml").read_text()
    for mark, value in {"PORT": port, "UPSTREAM": upstream, "FOLDER": folder}.items():
        settings = settings.replace(f"@{mark}@", str(value))
    (folder / "freehold.toml").write_text(settings)
    environment = {"PYTHONPATH": str(ROOT / "src"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "freehold"]
    key = subprocess.run(
        [*command, "keys", "create", "bench"],
        env=os.environ | environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()
    with Process(
        [*command, "up", "--workers", str(variant.workers)],
        core=variant.cores,
        environment=environment,
        folder=folder,
        log=folder / "log",
    ) as process:
        target = Target(f"http://127.0.0.1:{port}/v1/chat/completions", key)
        _wait_for(target, process)
        yield Running(variant, process, target, _workers_of(process, variant))


def _wait_for(target: Target, process: Process) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            if ask(target, streamed=False, timeout=5)[0] == 200:
                return
        if not process.running or time.monotonic() > end:
            raise SystemExit(f"The endpoint did not start: {process.log.read_text()[-2000:]}")
        time.sleep(0.1)


def _workers_of(process: Process, variant: Variant) -> list[int]:
    if variant.workers == 1:
        return [process.pid]
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + _START_SECONDS
    while len(found := [int(one) for one in children.read_text().split()]) < variant.workers:
        if time.monotonic() > end:
            raise SystemExit("Not all workers started.")
        time.sleep(0.1)
    return found


def measure(one: Running, stage: Stage, *, clients: int, seconds: float, streamed: bool) -> Turn:
    """One turn of one variant, alone."""
    one.process.resume()
    time.sleep(0.2)
    own_before, mock_before = os.times(), stage.mock.process.cpu_seconds()
    cpu = one.process.cpu_seconds()
    each = [cpu_seconds_of(pid) for pid in one.workers]
    everyone, began = busy_seconds(), time.monotonic()
    load = stage.loads.run_closed(one.target, clients=clients, seconds=seconds, streamed=streamed)
    elapsed = time.monotonic() - began
    everyone = busy_seconds() - everyone
    cpu = one.process.cpu_seconds() - cpu
    each = [cpu_seconds_of(pid) - before for pid, before in zip(one.workers, each, strict=True)]
    ours = sum(os.times()[:4]) - sum(own_before[:4]) + stage.mock.process.cpu_seconds() - mock_before
    one.process.settle()
    one.process.pause()
    return Turn(
        load=load,
        cpu_us=cpu / max(load.requests, 1) * 1e6,
        cpu_percent=cpu / elapsed * 100,
        larger_share=max(each) / max(sum(each), 1e-9),
        foreign_percent=max(0.0, everyone - ours - cpu) / elapsed * 100,
    )


def main() -> None:
    """Run it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one turn")
    parser.add_argument("--clients", type=int, default=64)
    wanted = parser.parse_args()
    with set_stage() as stage, contextlib.ExitStack() as stack:
        started: list[Running] = []
        for variant in VARIANTS:
            say(f"starting {variant.name}")
            started.append(stack.enter_context(running(variant, stage.mock.port)))
            verdict = check_answers(started[-1].target, calls=200)
            if not verdict.right:
                raise SystemExit(f"{variant.name}: not all answers are right: {verdict}")
            started[-1].process.pause()
        print(f"{stage.machine}; {wanted.clients} clients, {wanted.rounds} rounds of {wanted.seconds:g} s\n")
        for streamed in (False, True):
            turns: dict[str, list[Turn]] = {one.variant.name: [] for one in started}
            for number in range(wanted.rounds):
                for one in started if number % 2 == 0 else reversed(started):
                    turn = measure(
                        one, stage, clients=wanted.clients, seconds=wanted.seconds, streamed=streamed
                    )
                    turns[one.variant.name].append(turn)
                    say(f"{one.variant.name}: {turn.rate:.0f}/s, others {turn.foreign_percent:.0f} %")
            _print_table(turns, "streams of 100 events" if streamed else "whole answers")


def _print_table(turns: dict[str, list[Turn]], what: str) -> None:
    def median(found: list[float]) -> float:
        return statistics.median(found)

    heads = ("a second", "beside one core", "CPU each", "by that", "cores used", "p50", "p99", "larger share")
    print(f"| {what} | {' | '.join((*heads, 'errors', 'others'))} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    one_each = median([turn.cpu_us for turn in next(iter(turns.values()))])
    workers = {variant.name: variant.workers for variant in VARIANTS}
    base = [turn.rate for turn in next(iter(turns.values()))]
    for name, found in turns.items():
        ratio = median([turn.rate / one for turn, one in zip(found, base, strict=True)])
        print(
            f"| {name} | {median([turn.rate for turn in found]):,.0f} | {ratio:.2f} times "
            f"| {median([turn.cpu_us for turn in found]):.0f} µs "
            f"| {workers[name] * one_each / median([turn.cpu_us for turn in found]):.2f} times "
            f"| {median([turn.cpu_percent for turn in found]) / 100:.2f} "
            f"| {median([turn.load.p50_us for turn in found]) / 1000:.1f} ms "
            f"| {median([turn.load.p99_us for turn in found]) / 1000:.1f} ms "
            f"| {median([turn.larger_share for turn in found]) * 100:.0f} % "
            f"| {sum(turn.load.errors + turn.load.bad for turn in found)} "
            f"| {median([turn.foreign_percent for turn in found]):.0f} % |"
        )
    print()


if __name__ == "__main__":
    main()
