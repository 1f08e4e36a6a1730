"""Hold learned routing to published routers on public data, and its certificates to what they promise."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.gateway.environments import ROOT, say

_FEW = 500


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few splits of everything, in minutes")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/routing.md")
    parser.add_argument("--halves", type=int, default=20, help="random halves; default: %(default)s")
    parser.add_argument(
        "--splits", type=int, default=5000, help="splits that certificates are held to; default: %(default)s"
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the public data"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.halves, arguments.splits = 2, 100
        if arguments.write:
            parser.error("figures of a short run are not written")
    return arguments


def main() -> int:
    """Print tables and, as the last line, one JSON object. Returns 1 where a promise is not kept."""
    arguments = _arguments()
    # Read when numpy starts: a decision is to take one core, and trainings share the machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from benchmarks.compare.part import between  # noqa: PLC0415
    from benchmarks.gateway.machine import describe_machine  # noqa: PLC0415
    from benchmarks.routing import report  # noqa: PLC0415
    from benchmarks.routing.chart import draw  # noqa: PLC0415
    from benchmarks.routing.data import as_field, published, read_duel, read_field  # noqa: PLC0415
    from benchmarks.routing.guarantee import TRAININGS, hold  # noqa: PLC0415
    from benchmarks.routing.pace import pace_of  # noqa: PLC0415
    from benchmarks.routing.splits import measure  # noqa: PLC0415

    folder = arguments.data
    arguments.trainings = 2 if arguments.quick else TRAININGS
    if not (folder / "routellm").is_dir() or not (folder / "llmrouter").is_dir():
        say(
            f"`{folder}` has no `routellm` and `llmrouter`: name the folder of the public data with `--data`."
        )
        return 1
    gsm8k, mmlu = read_duel(folder, "gsm8k"), read_duel(folder, "mmlu")
    fields = [as_field(mmlu, folder), as_field(gsm8k, folder), read_field(folder)]
    run = report.Run(
        where=str(describe_machine()),
        pace=pace_of(fields[0]),
        gsm8k=measure(gsm8k, arguments.halves),
        few=measure(mmlu, arguments.halves, _FEW),
        mmlu=measure(mmlu, arguments.halves),
        kept=[one for field in fields for one in hold(field, arguments.splits, arguments.trainings)],
        published=published(folder),
    )
    print(f"{report.tables(run)}\n", flush=True)
    if arguments.write:
        between(report.PAGE, report.BEGIN, report.END, report.tables(run))
        draw(run.kept)
    broken = [] if arguments.quick else report.broken(run)
    for promise in broken:
        say(f"Promised and not kept: {promise}")
    print(json.dumps(report.figures_of(run)), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    os.nice(5)
    raise SystemExit(main())
