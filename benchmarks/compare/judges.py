"""Count how far judges are from people, raw and corrected, and how often the corrected intervals hold the truth."""

from __future__ import annotations

import numpy as np

from benchmarks.compare.judged import Judged, judged_in, repeats_in
from benchmarks.compare.judges_page import figures_of, over_all, tables, write_page
from benchmarks.compare.judges_results import Elsewhere, Repeats, Result, Run
from benchmarks.compare.part import Occasion, Part, Wanted
from benchmarks.gateway.environments import say
from freehold.compare.stats.correction import Corrected, Numbers, Uncorrectable, prediction_powered
from freehold.compare.stats.error_rates import Labelled, Seen, with_error_rates

ALPHA = 0.05
_LEAST, _MOST = 0.93, 0.97
"""Shares of the intervals at 95 % that may hold the truth."""
_RESAMPLES = 1000
_PAIRS, _LABELS = 500, 200
"""That only the judge sees; that people see, too."""


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


def measure_judges(wanted: Wanted) -> Run | None:
    """None: there is nothing recorded."""
    resamples, occasion = 100 if wanted.quick else _RESAMPLES, Occasion()
    population, absent = judged_in(wanted.data)
    for name in absent:
        say(f"No recorded verdicts of {name} in the data folder: left out.")
    if not population:
        say("There are no recorded verdicts of judges to resample: name their folder with --data.")
        return None
    results, elsewhere = [], []
    for number, judged in enumerate(population):
        chance = np.random.default_rng([wanted.seed, number])
        results.append(examine(judged, resamples, _PAIRS, _LABELS, chance))
        if 0 < judged.elsewhere.sum() < len(judged.elsewhere):
            elsewhere.append(examine_elsewhere(judged, resamples, _PAIRS, _LABELS, chance))
    say(f"{len(results)} judges resampled")
    return Run(
        where=f"{occasion} Seed {wanted.seed}.",
        absent=absent,
        resamples=resamples,
        pairs=_PAIRS,
        labels=_LABELS,
        results=results,
        elsewhere=elsewhere,
        repeats=_repeats(repeats_in(wanted.data)),
    )


def broken_promises(run: Run) -> list[str]:
    """Corrected estimates that are not nearer to people than raw ones, and intervals that hold the truth too seldom or
    too often (by more than two points, which quick runs cannot tell).
    """
    figures = over_all(run)
    raw, corrected = figures["error_raw"], figures["error_corrected"]
    found = [] if corrected < raw else [f"corrected judges are off by {corrected:.3f}, raw ones by {raw:.3f}"]
    enough = run.resamples >= _RESAMPLES
    return found + [
        f"the corrected interval of {one.source}: {one.judge} holds the truth in {one.powered_coverage:.1%}"
        for one in run.results
        if enough and not _LEAST <= one.powered_coverage <= _MOST
    ]


JUDGES = Part(
    "judges", Run, measure_judges, tables, write_page, figures_of, broken_promises, lambda run: not run.absent
)
