"""Lose a provider in every way under every policy while calls come in, and count what their clients notice."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.faults.sicknesses import HEALTHY, SCRIPTS
from benchmarks.faults.standing import Provider, process, provider
from benchmarks.gateway.environments import ROOT, say
from benchmarks.gateway.machine import describe_machine

from .asking import DEADLINE, Outcome
from .figures import Cell, cell_of, recorded
from .load import drive
from .policies import DEARER, FAULTS, POLICIES, Policy, configuration, route_of
from .report import table, write_page
from .routers import keep_routers

_FOLDER = ROOT / ".bench" / "drills"
_START_SECONDS = 60.0
_GOAL = 0.999


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drills", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a second for each; writes no page")
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second (default: %(default)g)")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="for each fault and policy (default: %(default)g)"
    )
    parser.add_argument("--faults", help="names, with commas between; default: all")
    parser.add_argument("--policies", help="names, with commas between; default: all there are")
    parser.add_argument("--no-page", action="store_true", help="leave docs/drills.md as it is")
    return parser.parse_args()


class _Endpoint(msgspec.Struct, frozen=True):
    """`freehold up`, running."""

    folder: Path
    port: int
    key: str

    def tell(self, *words: str) -> str:
        """What another command in the same folder says."""
        return _run(self.folder, *words)


def _run(folder: Path, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "freehold", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.strip()


@contextlib.contextmanager
def _endpoint(folder: Path, policies: list[Policy], sick: Provider, healthy: Provider) -> Iterator[_Endpoint]:
    (folder / "freehold.toml").write_text(configuration(policies, sick=sick.port, healthy=healthy.port))
    key = _run(folder, "keys", "create", "bench")
    if any(policy.name == "learned" for policy in policies):
        keep_routers(folder, [route_of(policy, fault) for policy in policies for fault in FAULTS])
    log = folder / "freehold.log"
    with process([sys.executable, "-m", "freehold", "up", "--json"], log, folder=folder) as started:
        started_line = _first_line(started, log)
        yield _Endpoint(folder, int(started_line["url"].rpartition(":")[2]), key)


def _first_line(started: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    end = time.monotonic() + _START_SECONDS
    while True:
        for line in log.read_bytes().splitlines():
            if line.startswith(b'{"') and b'"url"' in line:
                found: dict[str, str] = msgspec.json.decode(line)
                return found
        if started.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"It did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


async def _lose(
    endpoint: _Endpoint,
    sick: Provider,
    healthy: Provider,
    policies: list[Policy],
    faults: list[str],
    *,
    rate: float,
    seconds: float,
) -> list[Outcome]:
    found: list[Outcome] = []
    for fault in faults:
        await asyncio.to_thread(sick.play, SCRIPTS.get(fault, SCRIPTS[HEALTHY]))
        asking: list[asyncio.Task[list[Outcome]]] = []
        for policy in policies:
            if fault == DEARER:
                doubled = configuration(policies, sick=sick.port, healthy=healthy.port, doubled=True)
                draft = endpoint.folder / "freehold.draft"
                draft.write_text(doubled)
                draft.rename(endpoint.folder / "freehold.toml")
            asking += await drive(endpoint.port, endpoint.key, policy, fault, rate, seconds)
        here = [one for some in await asyncio.gather(*asking) for one in some]
        found += here
        missed = [one for one in here if one.verdict != "right"]
        say(f"{fault}: {len(here) - len(missed)} of {len(here)}")
    return found


def _begin_rollouts(endpoint: _Endpoint, policies: list[Policy], faults: list[str]) -> None:
    for policy in policies:
        if policy.rollout is not None:
            for fault in faults:
                route = route_of(policy, fault)
                endpoint.tell(
                    "rollout", "start", route, "--to", f"sick-{route}/tale", "--plan", policy.rollout
                )


def main() -> None:
    """Exit with 1 when a cell is below the goal, a call hung or ended in silence, or a policy broke a tool loop."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda given, _: sys.exit(128 + given))  # leave through the context managers
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each call has a connection of its own
    policies = [
        one
        for one in POLICIES
        if one.is_there and (not arguments.policies or one.name in arguments.policies.split(","))
    ]
    faults = [one for one in FAULTS if not arguments.faults or one in arguments.faults.split(",")]
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    machine = describe_machine()
    seconds = 0.5 if arguments.quick else arguments.seconds
    with provider("sick", _FOLDER) as sick, provider("healthy", _FOLDER) as healthy:
        healthy.play(SCRIPTS[HEALTHY])
        sick.play(SCRIPTS[HEALTHY])
        with _endpoint(_FOLDER, policies, sick, healthy) as endpoint:
            _begin_rollouts(endpoint, policies, faults)
            outcomes = asyncio.run(
                _lose(endpoint, sick, healthy, policies, faults, rate=arguments.rate, seconds=seconds)
            )
    _tell(arguments, outcomes, faults, [one.name for one in policies], str(machine), seconds)


def _tell(  # noqa: PLR0917 - what is said of the run
    arguments: argparse.Namespace,
    outcomes: list[Outcome],
    faults: list[str],
    policies: list[str],
    machine: str,
    seconds: float,
) -> None:
    missed = [one for one in outcomes if one.verdict != "right"]
    (_FOLDER / "missed.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, missed)))
    cells: dict[tuple[str, str], Cell] = {
        (fault, policy): cell_of([one for one in outcomes if (one.fault, one.policy) == (fault, policy)])
        for fault in faults
        for policy in policies
    }
    found = recorded(_FOLDER / ".freehold" / "ledger.db", outcomes)
    lags = sorted(one.lag for one in outcomes)
    late = sum(one.lag > 1.0 for one in missed)
    least = min(cell.survival for cell in cells.values())
    text = (
        table(cells, faults, policies)
        + f"\n\n{len(outcomes):,} calls, {arguments.rate:g} a second for {seconds:g} s "
        f"under each fault and policy, an answer being of use for {DEADLINE:g} s. Two models wrote {found.joined:,} "
        f"answers, of which {found.undeclared} did not declare the seam. Policies decided about {found.loops:,} calls "
        f"in the middle of a tool loop, and gave {found.unsafe_switches} of them to another model. The load itself "
        f"sent a call {1000 * lags[int(0.99 * len(lags))]:.0f} ms late at its p99 and {1000 * lags[-1]:.0f} ms at the "
        f"most. Of {len(missed)} missed calls {late} went out over a second late, and {found.busy} were answered in "
        "time by the endpoint's own clock: they waited for a processor."
    )
    print(text)
    if not (arguments.quick or arguments.no_page or arguments.faults or arguments.policies):
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        load = os.getloadavg()[1]
        priority = os.getpriority(os.PRIO_PROCESS, 0)
        write_page(
            f"Run on {date}: {machine}; load average {load:.1f} at the end, at priority {priority}.\n\n{text}"
        )
    print(json.dumps({"survival_min": round(least, 5), "unsafe_switches": found.unsafe_switches}))
    unheard = {"silent", "hung", "truncated", "duplicated", "wrong"}
    if (
        least < _GOAL
        or found.unsafe_switches
        or found.undeclared
        or any(one.verdict in unheard for one in missed)
    ):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
