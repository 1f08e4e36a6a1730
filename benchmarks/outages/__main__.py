"""`python -m benchmarks.outages`: PostgreSQL and Valkey fail in every way, under load, one after the other."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import date

import msgspec

from benchmarks.gateway.machine import describe_machine
from benchmarks.outages.playing import Outcome, play
from benchmarks.outages.report import table, write
from benchmarks.outages.stage import stage
from benchmarks.outages.troubles import TROUBLES


def main() -> int:
    """Returns 1 when a call was lost, written twice, not answered, or somebody did not get well again."""
    parser = argparse.ArgumentParser(prog="benchmarks.outages", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each trouble lasts")
    parser.add_argument("--only", help="only troubles in whose words this is")
    parser.add_argument("--write", action="store_true", help="put the table into docs/resilience.md")
    chosen = parser.parse_args()
    outcomes: list[Outcome] = []
    with stage(len(TROUBLES)) as found:
        for number, trouble in enumerate(TROUBLES):
            if chosen.only is not None and chosen.only not in f"{trouble.server} {trouble.what}":
                continue
            if "full disk" in trouble.what and not found.disk.small:
                print("No disk may be mounted here: none is filled.", file=sys.stderr)
                continue
            outcome = asyncio.run(play(found, trouble, number, chosen.seconds))
            outcomes.append(outcome)
            print(msgspec.json.encode(outcome).decode(), flush=True)
    print(table(outcomes))
    if chosen.write:
        load = os.getloadavg()[0]
        where = f"Run on {date.today()}: {describe_machine()}; load average {load:.1f} at the end."  # noqa: DTZ011
        write(outcomes, where, chosen.seconds)
    bad = (one.lost or one.doubled or one.well < one.calls or one.catch_up_s is None for one in outcomes)
    return 1 if any(bad) else 0


if __name__ == "__main__":
    sys.exit(main())
