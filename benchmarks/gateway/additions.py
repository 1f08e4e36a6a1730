"""What limits, telemetry and PostgreSQL cost the endpoint, one after the other and together.

    python -m benchmarks.gateway.additions

Endpoints that differ in their settings alone are measured in turn, in the same run, on the same core, before the same
mock and with the same load as in `make bench-gateway`. The servers and the collector are on the load's core: what is
measured is the endpoint's own process.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.outages.servers import ValkeyServer, serving

from .environments import say
from .gateways import Gateway, free_port, freehold
from .machine import LOAD_CORE
from .measuring import Awake, Bench, inspect, wake
from .results import Slot
from .stage import set_stage
from .traffic import EVENTS

GOAL = 0.9
"""The share of its rate that the endpoint is to keep with everything on."""

LIMITS = """
[limits.everybody]
on = "organisation"
per = "month"
money = 1_000_000
[limits.each-key]
on = "key"
per = "last 60 seconds"
requests = 1_000_000_000
[limits.at-once]
on = "key"
concurrency = 10_000
"""


class Servers(msgspec.Struct, frozen=True):
    """Where the servers are that some of the endpoints use."""

    postgres: str
    valkey: str
    collector: int


class Variant(msgspec.Struct, frozen=True):
    """An endpoint with some of the additions."""

    name: str
    title: str
    toml: str
    environment: dict[str, str] = {}


def variants(servers: Servers) -> list[Variant]:
    """The endpoints, the one without anything first."""
    bare = "[health]\nenabled = false\n"
    silent = "[telemetry]\nmetrics = false\npropagate = false\n"
    telling = f'[telemetry]\nurl = "http://127.0.0.1:{servers.collector}"\n'
    database = '[database]\nurl = "env:BENCH_POSTGRES"\n[access]\npepper = "env:BENCH_PEPPER"\n'
    shared = '[shared]\nurl = "env:BENCH_VALKEY"\n'
    environment = {
        "BENCH_POSTGRES": servers.postgres,
        "BENCH_PEPPER": "5e" * 32,
        "BENCH_VALKEY": servers.valkey,
    }
    return [
        Variant("bare", "without any", bare + silent),
        Variant("breakers", "breakers", silent),
        Variant("telemetry", "breakers, telemetry", telling),
        Variant("limits", "breakers, three limits in a file", silent + LIMITS),
        Variant("shared", "breakers, three limits on Valkey", silent + LIMITS + shared, environment),
        Variant("postgres", "breakers, PostgreSQL", silent + database, environment),
        Variant(
            "everything",
            "breakers, telemetry, three limits on Valkey, PostgreSQL",
            telling + LIMITS + shared + database,
            environment,
        ),
    ]


@contextlib.contextmanager
def _collector() -> Iterator[int]:
    """A collector that takes all it is sent and looks at nothing."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "benchmarks.gateway.sink", str(port)]) as process:
        try:
            yield port
        finally:
            process.terminate()


@contextlib.contextmanager
def _servers() -> Iterator[Servers]:
    """All three, on the load's core like everything that this process starts."""
    os.sched_setaffinity(0, {LOAD_CORE})
    with (
        serving() as postgres,
        tempfile.TemporaryDirectory() as folder,
        ValkeyServer(Path(folder)) as valkey,
        _collector() as port,
    ):
        yield Servers(postgres.make_database(), valkey.url, port)


def _rows(slots: list[Slot], names: list[str]) -> dict[str, tuple[float, float, float, float]]:
    """By name: calls a second, processor time of a call in microseconds, and both of a stream's chunk."""

    def middle(name: str, kind: str, of: str) -> float:
        values: list[float] = [
            getattr(slot, of) for slot in slots if (slot.gateway, slot.kind) == (name, kind)
        ]
        return median(values)

    return {
        name: (
            middle(name, "whole", "rate"),
            middle(name, "whole", "cpu_us"),
            middle(name, "streamed", "rate") * EVENTS,
            middle(name, "streamed", "cpu_us") / EVENTS,
        )
        for name in names
    }


def _print(rows: dict[str, tuple[float, float, float, float]], planned: list[Variant], spread: float) -> None:
    base = rows[planned[0].name]
    print("| the endpoint with | calls/s | kept | µs a call | chunks/s | kept | µs a chunk |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for one in planned:
        rate, cpu, chunks, chunk_cpu = rows[one.name]
        print(
            f"| {one.title} | {rate:,.0f} | {rate / base[0]:.1%} | {cpu:,.0f}"
            f" | {chunks:,.0f} | {chunks / base[2]:.1%} | {chunk_cpu:.2f} |"
        )
    last = rows[planned[-1].name]
    figures = {
        "calls_kept": round(last[0] / base[0], 3),
        "chunks_kept": round(last[2] / base[2], 3),
        "goal": GOAL,
        "spread_percent": round(spread, 1),
    }
    print(msgspec.json.encode(figures).decode())


def main() -> None:
    """Print the table; exit with 1 when an answer was wrong, missing or doubled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.additions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one slot (default: %(default)g)")
    parser.add_argument("--only", help="names, with commas between: bare is always measured")
    arguments = parser.parse_args()
    with set_stage() as stage, _servers() as servers, contextlib.ExitStack() as running:
        planned = variants(servers)
        if arguments.only:
            planned = [one for one in planned if one.name == "bare" or one.name in arguments.only.split(",")]
        bench = Bench(stage.mock, stage.loads, patience_seconds=60.0)
        awake: list[Awake] = []
        for variant in planned:
            gateway: Gateway = freehold(variant.name, stage.mock.port, variant.toml, variant.environment)
            one, _ = wake(gateway)
            assert one.process is not None
            running.enter_context(one.process)
            if not inspect(one, 0.0, calls=64).verdict.right:
                raise SystemExit(f"Some answers of `{variant.name}` were wrong.")
            one.process.pause()
            awake.append(one)
        for one in awake:
            bench.closed(one, clients=32, seconds=arguments.seconds, streamed=False)
        slots: list[Slot] = []
        for number in range(arguments.rounds):
            say(f"round {number + 1} of {arguments.rounds}")
            # Each is the first at times: who comes after the streams is not always the same.
            first = number % len(awake)
            for streamed in (False, True):
                slots += [
                    bench.closed(one, clients=32, seconds=arguments.seconds, streamed=streamed)
                    for one in awake[first:] + awake[:first]
                ]
    names = [one.name for one in planned]
    rates = [slot.rate for slot in slots if (slot.gateway, slot.kind) == ("bare", "whole")]
    _print(_rows(slots, names), planned, (max(rates) - min(rates)) / 2 / median(rates) * 100)
    if not all(slot.honest for slot in slots):
        raise SystemExit("Some figures cannot be trusted: calls were missing or doubled.")


if __name__ == "__main__":
    main()
