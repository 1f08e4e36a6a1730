"""Count how often verdicts on real pairs of models are wrong, and how many cases they take."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.compare.charts import draw
from benchmarks.compare.looking import look
from benchmarks.compare.measured import Again, Run, figures_of, refuted, share
from benchmarks.compare.recorded import Pair, pairs_in
from benchmarks.compare.report import tables, write_page
from benchmarks.compare.resampling import Result, examine, wrong_at_margin
from benchmarks.compare.strategies import compare_strategies
from benchmarks.gateway.environments import ROOT, say
from benchmarks.gateway.machine import describe_machine
from freehold.compare.stats.populations import tilted

MARGINS = (0.02, 0.05, 0.10)
_AGAIN, _AGAIN_TIMES = 10, 10
"""So many of the largest counts are counted anew, with so many times the resamples."""
_KEPT = ROOT / ".bench" / "compare" / "statistics.json"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pairs and resamples: under a minute")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of recorded results"
    )
    parser.add_argument(
        "--resamples", type=int, default=2000, help="of each pair and margin (default: %(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=8, help="of each source at most (default: %(default)s)")
    parser.add_argument("--most", type=int, default=20_000, help="cases to look at (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--kept", action="store_true", help="measure nothing: what the last run found")
    parser.add_argument("--write", action="store_true", help="put tables and charts into docs/statistics.md")
    return parser.parse_args()


def _measure(pairs: list[Pair], arguments: argparse.Namespace) -> list[Result]:
    results: list[Result] = []
    for number, pair in enumerate(pairs):
        for place, margin in enumerate(MARGINS):
            generator = np.random.default_rng([arguments.seed, number, place])
            results.append(examine(pair, margin, arguments.resamples, arguments.most, generator))
        say(f"{number + 1} of {len(pairs)}: {pair.source}, {pair.candidate} for {pair.incumbent}")
    return results


def _count_again(pairs: list[Pair], results: list[Result], arguments: argparse.Namespace) -> list[Again]:
    by_name = {(pair.source, pair.incumbent, pair.candidate): pair for pair in pairs}
    largest = sorted(results, key=lambda one: -one.errors.replaces)[:_AGAIN]
    found: list[Again] = []
    for number, one in enumerate(largest):
        pair = by_name[one.source, one.incumbent, one.candidate]
        counts = np.zeros(2, dtype=int)
        for part in range(_AGAIN_TIMES):
            generator = np.random.default_rng([arguments.seed, 1, number, part])
            counts += wrong_at_margin(pair, one.margin, one.errors.horizon, arguments.resamples, generator)
        tries = arguments.resamples * _AGAIN_TIMES
        found.append(
            Again(
                one.candidate,
                one.margin,
                share(one.errors.replaces, one),
                int(counts[0]),
                int(counts[1]),
                tries,
            )
        )
        say(f"{number + 1} of {len(largest)} counted anew")
    return found


def _measure_all(arguments: argparse.Namespace) -> Run:
    begun = time.time()
    pairs, absent = pairs_in(arguments.data, arguments.pairs)
    for name in absent:
        say(f"No recorded results of {name} in the data folder: left out.")
    results = _measure(pairs, arguments)
    run = Run("", absent, results, [], [], None)
    if pairs and not arguments.quick:
        run.again = _count_again(pairs, results, arguments)
        run.strategies = compare_strategies(pairs[::3], 0.05, min(500, arguments.resamples), arguments.seed)
        looked_at = max(pairs, key=lambda pair: (len(pair.differences), pair.candidate))
        run.looked_at = f"{looked_at.candidate} for {looked_at.incumbent} ({looked_at.source}), margin 0.05"
        generator = np.random.default_rng([arguments.seed, 2])
        population = tilted(looked_at.population, -0.05)
        run.looks = look(population, 0.05, arguments.resamples, 5000, generator)
    date, seconds = time.strftime("%Y-%m-%d", time.gmtime(begun)), time.time() - begun
    run.where = f"Run on {date} with seed {arguments.seed}: {describe_machine()}; one core, {seconds:,.0f} s."
    return run


def main() -> int:
    """Print the tables and one JSON object. Returns 1 where an error rate above 5 % is proved."""
    arguments = _arguments()
    if arguments.quick:
        arguments.pairs, arguments.resamples, arguments.most = 2, 300, 5000
    kept = arguments.kept
    run = msgspec.convert(json.loads(_KEPT.read_text()), Run) if kept else _measure_all(arguments)
    if not run.results:
        say("There are no recorded results to resample: name their folder with --data.")
        return 0
    if not (arguments.quick or kept):
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        # Python's own JSON has a word for what is infinite.
        _KEPT.write_text(json.dumps(msgspec.to_builtins(run)))
    print(tables(run))
    wrong = refuted(run)
    for one in wrong:
        say(f"More errors than promised: {one}")
    if arguments.write and not arguments.quick:
        write_page(run)
        draw(run)
    print(json.dumps(figures_of(run)))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
