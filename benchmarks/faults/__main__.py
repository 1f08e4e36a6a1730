"""Make a provider sick in every way while calls come in, and count what their clients notice."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import resource
import shutil
import signal
import sys
import time

import msgspec

from benchmarks.gateway.environments import ROOT, say
from benchmarks.gateway.machine import describe_machine

from .asking import DEADLINE, Outcome, ask
from .figures import Run, row_of, rows_of, spent_on
from .report import table, write_page
from .sicknesses import HEALTHY, SCRIPTS, Phase, phases
from .standing import Gateway, Provider, freehold, litellm, provider

_LEAST_RATE = 4.0
_TRIAL_SECONDS = 3.0
_SWIFT = 2.0
"""Seconds for a healthy answer, which takes 0.2 s, by somebody who is not overloaded."""
_FOLDER = ROOT / ".bench" / "faults"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="short phases, under two minutes; writes no page"
    )
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second (default: %(default)g)")
    parser.add_argument(
        "--litellm-rate",
        type=float,
        default=5.0,
        help="for LiteLLM, which bears less (default: %(default)g)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the random sequence (default: %(default)d)")
    parser.add_argument(
        "--only", help="names of faults, with commas between: these alone, without the random sequence"
    )
    parser.add_argument(
        "--gateways", default="freehold,litellm", help="which are measured (default: %(default)s)"
    )
    parser.add_argument("--no-page", action="store_true", help="leave docs/resilience.md as it is")
    return parser.parse_args()


async def _drive(
    gateway: Gateway, sick: Provider, planned: list[Phase], rate: float
) -> tuple[list[Outcome], list[tuple[float, Phase]]]:
    """Calls at an even pace, whatever becomes of them, half streamed and half whole, through all phases."""
    asking: list[asyncio.Task[Outcome]] = []
    begun: list[tuple[float, Phase]] = []
    number, due = 0, time.monotonic()
    for phase in planned:
        await asyncio.to_thread(sick.play, SCRIPTS[phase.fault])
        begun.append((time.time(), phase))
        due = max(due, time.monotonic() - 0.1)
        end = time.monotonic() + phase.seconds
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            call = ask(
                gateway.port,
                gateway.key,
                phase.route,
                f"Question {number} of {phase.group}?",
                streamed=number % 2 == 0,
                fault=phase.fault,
                group=phase.group,
            )
            asking.append(asyncio.create_task(call))
            number += 1
            due += 1.0 / rate
    return await asyncio.gather(*asking), begun


def _bearable(gateway: Gateway, sick: Provider, rate: float) -> float:
    """`rate`, or as many calls a second as it answers while nobody is sick: what is measured is not its speed."""
    asyncio.run(_drive(gateway, sick, [Phase(HEALTHY, 1.5, "warm")], min(rate, 10.0)))
    wanted = rate
    while rate > _LEAST_RATE:
        outcomes, _ = asyncio.run(_drive(gateway, sick, [Phase(HEALTHY, _TRIAL_SECONDS, "warm")], rate))
        if all(one.verdict == "right" and one.seconds < _SWIFT for one in outcomes):
            break
        rate = max(_LEAST_RATE, rate / 2)
    if rate < wanted:  # at its limit, trouble with the provider would show as overload
        rate /= 2
    say(f"{gateway.title}: {rate:g} calls a second")
    return rate


def _run(
    gateway: Gateway, sick: Provider, healthy: Provider, planned: list[Phase], rate: float
) -> tuple[Run, list[Outcome]]:
    rate = _bearable(gateway, sick, rate)
    for one in (sick, healthy):
        one.forget()
    outcomes, begun = asyncio.run(_drive(gateway, sick, planned, rate))
    sick.play(SCRIPTS[HEALTHY])
    asked = sick.requests()
    run = Run(
        gateway.title,
        rate,
        rows_of(outcomes, begun, asked),
        row_of("all", outcomes),
        spent_on(outcomes, asked + healthy.requests()),
        gateway.changes(),
    )
    return run, outcomes


def _keep(name: str, outcomes: list[Outcome]) -> None:
    """Every call that was not answered rightly, for whoever looks for the reason."""
    bad = [one for one in outcomes if one.verdict != "right"]
    (_FOLDER / f"{name}-missed.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, bad)))


def main() -> None:
    """Exit with 1 when a call through Freehold hung, was answered twice, or ended too early without a word."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda given, _: sys.exit(128 + given))  # leave through the context managers
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each call has a connection of its own
    planned = (
        phases(sick=1.6, well=0.4, mixed=5.0, seed=arguments.seed)
        if arguments.quick
        else phases(sick=4.0, well=4.0, mixed=40.0, seed=arguments.seed)
    )
    if arguments.only:
        planned = [phase for phase in planned if phase.group in arguments.only.split(",")]
    shutil.rmtree(_FOLDER, ignore_errors=True)
    (_FOLDER / "freehold").mkdir(parents=True)
    (_FOLDER / "litellm").mkdir()
    machine = describe_machine()
    runs: dict[str, Run] = {}
    with provider("sick", _FOLDER) as sick, provider("healthy", _FOLDER) as healthy:
        healthy.play(SCRIPTS[HEALTHY])
        for start, rate in ((freehold, arguments.rate), (litellm, arguments.litellm_rate)):
            name = start.__name__
            if name not in arguments.gateways.split(","):
                continue
            sick.play(SCRIPTS[HEALTHY])
            with start(_FOLDER / name, sick.port, healthy.port) as gateway:
                run, outcomes = _run(gateway, sick, healthy, planned, rate)
            _keep(name, outcomes)
            runs[name] = run
    text = table([*runs.values()])
    print(text)
    if not (arguments.quick or arguments.no_page or arguments.only or len(runs) < 2):
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        load = os.getloadavg()[1]
        write_page(
            f"Run on {date}: {machine}; load average {load:.1f} at the end. "
            f"An answer is of use for {DEADLINE:g} s.\n\n{text}"
        )
    own, beside = (None if name not in runs else runs[name].total for name in ("freehold", "litellm"))
    figures = {
        "survival": None if own is None else round(own.survival, 5),
        "hangs": None if own is None else own.verdicts.get("hung", 0),
        "duplicates": None if own is None else own.verdicts.get("duplicated", 0),
        "truncations": None if own is None else own.verdicts.get("truncated", 0),
        "litellm_survival": None if beside is None else round(beside.survival, 5),
    }
    print(json.dumps(figures))
    if figures["hangs"] or figures["duplicates"] or figures["truncations"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
