"""Measure the same small proxy with each HTTP client, alternating; print a table and one JSON object."""

from __future__ import annotations

import argparse
import contextlib
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from ..environments import BENCH, HERE, ROOT, pinned_version, python_with, say
from ..gateways import CLIENT_KEY, UPSTREAM_KEY, Gateway, free_port
from ..measuring import Bench, wake
from ..results import Slot
from ..stage import Stage, set_stage
from ..traffic import EVENTS, Target
from ..verify import check_answers

_REQUIREMENTS = HERE / "http_clients" / "clients.txt"
_NAMES = ("own", "pyreqwest", "aiohttp", "httpx")
_CLIENTS = 32


class Line(msgspec.Struct, frozen=True):
    """One client's medians."""

    client: str
    version: str
    rps: float
    cpu_us: float
    added_p50_ms: float
    """With one client of the proxy, beside the mock alone."""
    chunks_per_s: float
    cpu_us_stream: float
    honest: bool


def _proxy_with(name: str, upstream: int) -> Gateway:
    port = free_port()
    target = Target(f"http://127.0.0.1:{port}/v1/chat/completions", CLIENT_KEY)
    command = (
        f"{python_with(_REQUIREMENTS)} -m uvicorn benchmarks.gateway.http_clients.app:app --host 127.0.0.1"
        f" --port {port} --loop uvloop --http httptools --no-access-log --log-level warning"
    )
    return Gateway(
        name,
        name,
        ROOT,
        lambda: target,
        tuple(command.split()),
        {
            "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
            "CLIENT": name,
            "CLIENT_KEY": CLIENT_KEY,
            "UPSTREAM_URL": f"http://127.0.0.1:{upstream}/v1",
            "UPSTREAM_KEY": UPSTREAM_KEY,
        },
    )


def _measure(stage: Stage, rounds: int, seconds: float) -> list[Line]:
    bench = Bench(stage.mock, stage.loads, patience_seconds=rounds * 15)
    direct_target = Target(f"http://127.0.0.1:{stage.mock.port}/v1/chat/completions", UPSTREAM_KEY)
    gateways = [Gateway("direct", "direct", ROOT, lambda: direct_target)]
    gateways += [_proxy_with(name, stage.mock.port) for name in _NAMES]
    slots: dict[str, list[Slot]] = {}
    with contextlib.ExitStack() as running:
        awake = []
        for gateway in gateways:
            one, _ = wake(gateway)
            if one.process:
                running.enter_context(one.process)
            verdict = check_answers(one.target, calls=64)
            say(f"{gateway.name}: {verdict}")
            if one.process:
                one.process.pause()
            bench.closed(one, clients=16, seconds=1, streamed=False)
            bench.closed(one, clients=16, seconds=1, streamed=True)
            awake.append(one)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for clients, streamed in ((1, False), (_CLIENTS, False), (_CLIENTS, True)):
                for one in awake:
                    slot = bench.closed(one, clients=clients, seconds=seconds, streamed=streamed)
                    slots.setdefault(one.gateway.name, []).append(slot)
    direct = _middle(slots["direct"], "whole", 1, "p50_us")
    return [_line(name, slots[name], direct) for name in _NAMES]


def _middle(slots: list[Slot], kind: str, clients: int, figure: str) -> float:
    chosen = [slot for slot in slots if (slot.kind, slot.clients) == (kind, clients)]
    return float(median(getattr(slot.load if figure == "p50_us" else slot, figure) for slot in chosen))


def _line(name: str, slots: list[Slot], direct_p50_us: float) -> Line:
    return Line(
        client=name,
        version="" if name == "own" else pinned_version(_REQUIREMENTS, name),
        rps=round(_middle(slots, "whole", _CLIENTS, "rate")),
        cpu_us=round(_middle(slots, "whole", _CLIENTS, "cpu_us"), 1),
        added_p50_ms=round((_middle(slots, "whole", 1, "p50_us") - direct_p50_us) / 1e3, 3),
        chunks_per_s=round(_middle(slots, "streamed", _CLIENTS, "rate") * EVENTS),
        cpu_us_stream=round(_middle(slots, "streamed", _CLIENTS, "cpu_us"), 1),
        honest=all(slot.honest for slot in slots),
    )


def main() -> None:
    """Take about three minutes, or one with `--quick`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.http_clients", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    quick: bool = parser.parse_args().quick
    with set_stage() as stage:
        lines = _measure(stage, rounds=1 if quick else 3, seconds=2 if quick else 4)
    columns = [
        "client",
        f"answers/s, {_CLIENTS} clients",
        "CPU per answer",
        "added, median, 1 client",
        f"chunks/s, {_CLIENTS} streams",
        "CPU per stream",
        "every request counted",
    ]
    table = Table(*columns, title="The same small proxy on one core with", title_justify="left")
    for line in lines:
        table.add_row(
            f"{line.client} {line.version}",
            f"{line.rps:,.0f}",
            f"{line.cpu_us:,.0f} µs",
            f"{line.added_p50_ms:.3f} ms",
            f"{line.chunks_per_s:,.0f}",
            f"{line.cpu_us_stream:,.0f} µs",
            "yes" if line.honest else "no",
        )
    console = Console(width=140, highlight=False)
    console.print(f"{stage.machine}.")
    console.print(table)
    (BENCH / "http-clients.json").write_bytes(msgspec.json.encode(lines))
    print(msgspec.json.encode({line.client: line for line in lines}).decode(), flush=True)


if __name__ == "__main__":
    main()
