"""Count how far judges are from people, raw and corrected, and how often the corrected intervals hold the truth."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.compare.judged import Judged, judged_in, repeats_in
from benchmarks.compare.judges_page import figures_of, tables, write_page
from benchmarks.compare.judges_results import Elsewhere, Repeats, Result, Run
from benchmarks.gateway.environments import ROOT
from benchmarks.gateway.machine import describe_machine
from freehold.compare.stats.correction import Corrected, Numbers, Uncorrectable, prediction_powered
from freehold.compare.stats.error_rates import Labelled, Seen, with_error_rates

ALPHA = 0.05
_DATA = ROOT.parent / "shared" / "data"
_KEPT = ROOT / ".bench" / "compare" / "judges.json"


def examine(judged: Judged, resamples: int, pairs: int, labels: int, chance: np.random.Generator) -> Result:
    """Draw `pairs` that only the judge has seen and `labels` that people have seen, too, again and again. All that was
    recorded is the population, so what people say of it is known.
    """
    truth, size = judged.truth, len(judged.people)
    groups = np.arange(pairs + labels)
    unseen, seen = groups[:pairs], groups[pairs:]
    raw, alone, powered, rated = [], [], _Score(truth), _Score(truth)
    for number in range(resamples):
        some = chance.integers(size, size=pairs)
        known = chance.integers(size, size=labels)
        judge, people = judged.judged[known], judged.people[known]
        raw.append(abs(float(judged.judged[some].mean()) - truth))
        alone.append(abs(float(people.mean()) - truth))
        powered.add(prediction_powered(judged.judged[some], unseen, judge, people, seen, alpha=ALPHA))
        rated.add(_by_rates(judged.judged[some], judge, people, number))
    return Result(
        source=judged.source,
        judge=judged.judge,
        candidate=judged.candidate,
        pairs=size,
        truth=truth,
        judge_says=float(judged.judged.mean()),
        consistency=judged.agree_in_both_orders,
        raw_error=float(np.mean(raw)),
        labels_error=float(np.mean(alone)),
        powered_error=powered.error,
        powered_coverage=powered.coverage,
        powered_width=powered.width,
        weight=float(np.mean(powered.weights)),
        rates_error=rated.error if rated.held else None,
        rates_coverage=rated.coverage if rated.held else None,
        rates_refused=rated.refused / resamples,
    )


def examine_elsewhere(
    judged: Judged, resamples: int, pairs: int, labels: int, chance: np.random.Generator
) -> Elsewhere:
    """Labels of other pairs than those that are compared, for error rates: what becomes of their promise."""
    here, there = np.flatnonzero(~judged.elsewhere), np.flatnonzero(judged.elsewhere)
    truth = float(judged.people[here].mean())
    raw, rated = [], _Score(truth)
    for number in range(resamples):
        some, known = chance.choice(here, pairs), chance.choice(there, labels)
        raw.append(abs(float(judged.judged[some].mean()) - truth))
        judge, people = judged.judged[known], judged.people[known]
        rated.add(_by_rates(judged.judged[some], judge, people, number))
    return Elsewhere(
        judge=judged.judge,
        truth=truth,
        raw_error=float(np.mean(raw)),
        rates_error=rated.error if rated.held else None,
        rates_coverage=rated.coverage if rated.held else None,
        rates_refused=rated.refused / resamples,
    )


class _Score:
    """Of corrected estimates."""

    def __init__(self, truth: float) -> None:
        self._truth = truth
        self.held: list[bool] = []
        self.errors: list[float] = []
        self.widths: list[float] = []
        self.weights: list[float] = []
        self.refused = 0

    def add(self, corrected: Corrected | None) -> None:
        if corrected is None:
            self.refused += 1
            return
        self.held.append(corrected.low <= self._truth <= corrected.high)
        self.errors.append(abs(corrected.difference - self._truth))
        self.widths.append(corrected.high - corrected.low)
        self.weights.append(corrected.weight or 0.0)

    @property
    def coverage(self) -> float:
        return float(np.mean(self.held))

    @property
    def error(self) -> float:
        return float(np.mean(self.errors))

    @property
    def width(self) -> float:
        return float(np.mean(self.widths))


def _by_rates(unseen: Numbers, judge: Numbers, people: Numbers, seed: int) -> Corrected | None:
    if (people == 0).any():
        return None  # ties are no plain labels
    groups = np.arange(len(unseen) + len(judge))
    labelled = Labelled((judge + 1) / 2, people > 0, groups[len(unseen) :])
    seen = [Seen((unseen + 1) / 2, groups[: len(unseen)], labelled, 2.0)]
    try:
        return with_error_rates(seen, constant=-1.0, raw=float(unseen.mean()), alpha=ALPHA, seed=seed)
    except Uncorrectable:
        return None


def _repeats(scores: Numbers | None) -> Repeats | None:
    if scores is None:
        return None
    spread = float(scores.var(axis=1, ddof=1).mean())
    return Repeats(
        answers=len(scores),
        all_the_same=float((scores.max(axis=1) == scores.min(axis=1)).mean()),
        within=spread,
        between=float(scores.mean(axis=1).var(ddof=1)) - spread / 3,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare.judges", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few resamples: seconds")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of recorded verdicts"
    )
    parser.add_argument("--resamples", type=int, default=1000, help="of each judge (default: %(default)s)")
    parser.add_argument(
        "--pairs", type=int, default=500, help="that only the judge sees (default: %(default)s)"
    )
    parser.add_argument("--labels", type=int, default=200, help="that people see, too (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--kept", action="store_true", help="measure nothing: what the last run found")
    parser.add_argument("--write", action="store_true", help="put tables and the chart into docs/judges.md")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> Run:
    if arguments.kept:
        return msgspec.json.decode(_KEPT.read_bytes(), type=Run)
    resamples = 100 if arguments.quick else arguments.resamples
    begun = time.time()
    population, absent = judged_in(arguments.data)
    for name in absent:
        print(f"There is no `{name}` in the data folder: left out.", file=sys.stderr)
    results, elsewhere = [], []
    for number, judged in enumerate(population):
        chance = np.random.default_rng([arguments.seed, number])
        results.append(examine(judged, resamples, arguments.pairs, arguments.labels, chance))
        if 0 < judged.elsewhere.sum() < len(judged.elsewhere):
            elsewhere.append(examine_elsewhere(judged, resamples, arguments.pairs, arguments.labels, chance))
    date = time.strftime("%Y-%m-%d", time.gmtime(begun))
    where = f"Run on {date} with seed {arguments.seed}: {describe_machine()}; one core, {time.time() - begun:,.0f} s."
    run = Run(
        where=where,
        absent=absent,
        resamples=resamples,
        pairs=arguments.pairs,
        labels=arguments.labels,
        results=results,
        elsewhere=elsewhere,
        repeats=_repeats(repeats_in(arguments.data)),
    )
    if results and not arguments.quick:
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        _KEPT.write_bytes(msgspec.json.encode(run))
    return run


def main() -> int:
    """Print the tables and one JSON object. Returns 1 where corrected estimates are not nearer to people than raw ones,
    or their intervals hold the truth in less than 93 % or more than 97 % of resamples.
    """
    arguments = _arguments()
    run = _run(arguments)
    if not run.results:
        print("There is nothing recorded to resample: name its folder with --data.", file=sys.stderr)
        return 0
    print(tables(run))
    if arguments.write:
        write_page(run)
    figures = figures_of(run)
    print(json.dumps(figures))
    held = 0.93 <= figures["coverage"] <= 0.97
    return 0 if held and figures["error_corrected"] < figures["error_raw"] else 1


if __name__ == "__main__":
    os.nice(5)
    raise SystemExit(main())
