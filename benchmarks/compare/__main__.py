"""Hold comparisons to what they promise: how often verdicts on real models are wrong and how many cases they take, how
near corrected judges are to people, and how many cases a second are scored beside Inspect AI's own runner.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from benchmarks.compare.judges import JUDGES
from benchmarks.compare.part import Figures, Part, Wanted, keep, kept
from benchmarks.compare.throughput import THROUGHPUT
from benchmarks.compare.verdicts import VERDICTS
from benchmarks.gateway.environments import ROOT, say

PARTS: dict[str, Part[Any]] = {part.name: part for part in (VERDICTS, JUDGES, THROUGHPUT)}
_KEPT = ROOT / ".bench" / "compare"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a little of everything, in two minutes; writes no page"
    )
    parser.add_argument("--only", metavar="A,B", help=f"of {', '.join(PARTS)}")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT.parent / "shared" / "data",
        help="folder of recorded results; what it lacks is left out",
    )
    parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--no-page", action="store_true", help="leave the documentation as it is")
    parser.add_argument(
        "--render", action="store_true", help="measure nothing: what the last full runs found"
    )
    arguments = parser.parse_args()
    arguments.parts = arguments.only.split(",") if arguments.only else list(PARTS)
    for name in arguments.parts:
        if name not in PARTS:
            parser.error(f"there is no part `{name}`: {', '.join(PARTS)}")
    return arguments


def main() -> int:
    """Print tables and, as the last line, one JSON object. Returns 1 where a promise is refuted."""
    arguments = _arguments()
    wanted = Wanted(arguments.data, arguments.seed, arguments.quick)
    figures: Figures = {}
    refuted: list[str] = []
    for name, part in PARTS.items():
        run = None
        if name in arguments.parts:
            run = kept(part, _KEPT) if arguments.render else part.measure(wanted)
        figures |= part.figures(run)
        if run is None:
            continue
        if not (arguments.quick or arguments.render):
            keep(part, run, _KEPT)
        print(f"{part.tables(run)}\n", flush=True)
        if not (arguments.quick or arguments.no_page):
            if part.whole(run):
                part.write_page(run)
            else:
                say(f"The page about {name} is left as it is, as not everything could be measured.")
        refuted += part.broken(run)
    for promise in refuted:
        say(f"Promised and not kept: {promise}")
    print(json.dumps(figures), flush=True)
    return 1 if refuted else 0


if __name__ == "__main__":
    os.nice(5)
    raise SystemExit(main())
