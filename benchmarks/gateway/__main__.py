"""Measure every gateway in turn, print the tables, and write them into the documentation."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import subprocess
import time

from .environments import BENCH, find_tool, say
from .figures import headline
from .gateways import all_gateways
from .measuring import Awake, Bench, inspect, wake
from .report import print_report, render, write_page
from .results import FULL, QUICK, Plan, Results, Slot
from .soak import soak_freehold
from .stage import set_stage

RESULTS = BENCH / "results.json"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one short round, under three minutes; writes no page"
    )
    parser.add_argument("--only", metavar="A,B", help="only these gateways, beside the mock and Freehold")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    parser.add_argument(
        "--render", action="store_true", help="write the page from the last full run's results and stop"
    )
    return parser.parse_args()


def _measure(bench: Bench, awake: list[Awake], plan: Plan) -> list[Slot]:
    slots: list[Slot] = []

    def keep(slot: Slot) -> None:
        slots.append(slot)
        say(
            f"  {slot.gateway:10} {slot.kind:8} {slot.clients or '':>4} {slot.rate:9,.0f}/s"
            f"  p50 {slot.load.p50_us / 1e3:8.3f} ms  p99 {slot.load.p99_us / 1e3:8.3f} ms"
            f"  {slot.cpu_us:7,.0f} µs"
            f"  {slot.cpu_percent:4.0f} %  {slot.resident_mb:4.0f} MB  others {slot.foreign_percent:3.0f} %"
            f"{'' if slot.honest else f'  NOT HONEST {slot.load} reached {slot.reached}'}"
        )

    for one in awake:  # warm caches, connections, and code that is compiled as it runs
        bench.closed(one, clients=32, seconds=plan.seconds, streamed=False)
        bench.closed(one, clients=32, seconds=plan.seconds / 2, streamed=True)
    jobs = [(False, clients) for clients in plan.clients] + [(True, plan.stream_clients)]
    for number in range(plan.rounds):
        say(f"round {number + 1} of {plan.rounds}")
        for streamed, clients in jobs:
            for one in awake:
                keep(bench.closed(one, clients=clients, seconds=plan.seconds, streamed=streamed))
    direct = next(one for one in awake if one.process is None)
    for number in range(plan.paced_rounds):
        say(f"half load, round {number + 1} of {plan.paced_rounds}")
        for one in awake:
            name = one.gateway.name
            if one is direct or (plan.paced_gateways is not None and name not in plan.paced_gateways):
                continue
            rate = _highest_rate(slots, name) / 2
            keep(bench.paced(direct, rate=rate, seconds=plan.paced_seconds, of=name))
            keep(bench.paced(one, rate=rate, seconds=plan.paced_seconds))
    return slots


def _highest_rate(slots: list[Slot], name: str) -> float:
    return max(slot.rate for slot in slots if slot.gateway == name and slot.kind == "whole")


def _tool_versions() -> dict[str, str]:
    shown = subprocess.run(
        [find_tool("wrk", "wrk"), "-v"], capture_output=True, text=True, check=False
    ).stdout
    compiler = subprocess.run(["cc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout
    return {"wrk": shown.split()[1].rpartition("/")[2], "C compiler": compiler.strip()}


def _run(plan: Plan, only: frozenset[str] | None, *, quick: bool) -> Results:
    with set_stage() as stage, contextlib.ExitStack() as running:
        bench = Bench(stage.mock, stage.loads, patience_seconds=plan.patience_seconds)
        awake, started = [], []
        for gateway in all_gateways(stage.mock.port, only):
            try:
                one, cold_start_seconds = wake(gateway)
            except RuntimeError as error:
                if gateway.name == "freehold":
                    raise
                say(f"left out: {error}")
                continue
            if one.process:
                running.enter_context(one.process)
            started.append(inspect(one, cold_start_seconds, calls=plan.verified_calls))
            say(f"{gateway.title}: up in {cold_start_seconds:.2f} s, {started[-1].verdict}")
            if one.process:
                one.process.pause()
            awake.append(one)
        slots = _measure(bench, awake, plan)
        running.close()
        say("soak")
        (freehold,) = all_gateways(stage.mock.port, frozenset({"freehold"}))
        soak = soak_freehold(freehold, stage.mock, stage.loads, plan)
    return Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        quick=quick,
        plan=plan,
        machine=stage.machine,
        tools=_tool_versions(),
        started=started,
        slots=slots,
        soak=soak,
    )


def main() -> None:
    """Exit with 1 when figures cannot be trusted: a wrong, missing or doubled answer, or a call not kept."""
    arguments = _arguments()
    if arguments.render:
        render(RESULTS)
        return
    only = frozenset({"direct", "freehold", *arguments.only.split(",")}) if arguments.only else None
    begin = time.monotonic()
    results = _run(QUICK if arguments.quick else FULL, only, quick=arguments.quick)
    say(f"measured in {(time.monotonic() - begin) / 60:.1f} minutes")
    results.save(RESULTS.with_stem("quick") if arguments.quick else RESULTS)
    if not (arguments.quick or arguments.no_page or only):
        write_page(results)
    print_report(results)
    figures = headline(results)
    if not (figures.honest and figures.answers_verbatim and figures.ledger_calls_missing == 0):
        raise SystemExit(
            "Some figures cannot be trusted: see `every request counted` and the ledger's count."
        )


if __name__ == "__main__":
    main()
