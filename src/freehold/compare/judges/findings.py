"""What a check says about a judge."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.compare.judges.checking import JudgeCheck, Judged
from freehold.compare.judges.settings import PAIRWISE
from freehold.compare.stats.agreement import Measured, kappa, resampled, share

HALF = 0.5
"""From here on an answer passes; with two answers, from here on one of them is better."""


class OfModel(msgspec.Struct, frozen=True, kw_only=True):
    """How the judge judges one model's answers."""

    model: str
    n: int
    sensitivity: Measured | None
    """How many of the answers that people call good (of two: better) the judge calls so, too."""
    specificity: Measured | None
    """How many of the others it does not call so."""
    lean: Measured | None
    """The judge's score minus people's, on average; of two answers half of it. Above 0: it favours this model."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is measured. None: it could not be."""

    n: int
    no_verdict: Measured
    agreement: Measured | None
    """How often judge and people say the same: good or bad; of two answers which is better, or neither."""
    kappa: Measured | None
    """Agreement beyond chance: 0 is chance, 1 is perfect."""
    models: tuple[OfModel, ...]
    consistency: Measured | None
    """Of two answers: how often the verdict is the same in both orders."""
    first_preferred: Measured | None
    """Where it is not: how often the answer that came first won. A half is no leaning."""
    self_preference: Measured | None
    """How much more it leans to models of its own provider than to others."""
    repeat_variance: float | None
    """Mean variance of repeated verdicts about the same."""


def findings_of(check: JudgeCheck, *, alpha: float = 0.05) -> Findings:
    """Measured from what was judged, with intervals at `1 - alpha`."""
    given = [one for one in check.judged if one.judge is not None]
    silent = len(check.judged) - len(given)
    pairs = check.kind == PAIRWISE
    none = share(silent, len(check.judged), alpha=alpha)
    spreads = [one.variance for one in given if one.variance is not None]
    return Findings(
        n=len(check.judged),
        no_verdict=none or Measured(0.0, 0.0, 1.0, 0),
        agreement=_agreement(given, pairs=pairs, alpha=alpha),
        kappa=_kappa(given, pairs=pairs, alpha=alpha),
        models=tuple(
            _of_model(model, given, pairs=pairs, alpha=alpha)
            for model in sorted({model for one in check.judged for model in one.models})
        ),
        consistency=_consistency(given, alpha),
        first_preferred=_first_preferred(given, alpha),
        self_preference=_self_preference(given, check.judge, pairs=pairs, alpha=alpha),
        repeat_variance=sum(spreads) / len(spreads) if spreads else None,
    )


def _word(value: float, *, pairs: bool) -> int:
    if pairs:
        return int(value >= HALF) - int(value <= -HALF)
    return int(value >= HALF)


def _agreement(given: Sequence[Judged], *, pairs: bool, alpha: float) -> Measured | None:
    same = [_word(_judge(one), pairs=pairs) == _word(one.people, pairs=pairs) for one in given]
    return share(sum(same), len(same), alpha=alpha)


def _kappa(given: Sequence[Judged], *, pairs: bool, alpha: float) -> Measured | None:
    judge = np.array([_judge(one) for one in given])
    people = np.array([one.people for one in given])
    if pairs or set(people.tolist()) <= {0.0, 1.0}:
        judge = np.array([float(_word(one, pairs=pairs)) for one in judge])

    def figure(rows: NDArray[np.int64]) -> float | None:
        return kappa(judge[rows], people[rows])

    return resampled(figure, _clusters(given), alpha=alpha)


def _of_model(model: str, given: Sequence[Judged], *, pairs: bool, alpha: float) -> OfModel:
    mine = [one for one in given if model in one.models]
    hits, well, right, bad = 0, 0, 0, 0
    for one in mine:
        says = _word(_for(model, one, _judge(one)), pairs=pairs) > 0
        wanted = _word(_for(model, one, one.people), pairs=pairs)
        if wanted > 0:
            well, hits = well + 1, hits + says
        elif wanted < 0 or not pairs:
            bad, right = bad + 1, right + (not says)
    return OfModel(
        model=model,
        n=len(mine),
        sensitivity=share(hits, well, alpha=alpha),
        specificity=share(right, bad, alpha=alpha),
        lean=_mean([_leaning(model, one, pairs=pairs) for one in mine], mine, alpha),
    )


def _consistency(given: Sequence[Judged], alpha: float) -> Measured | None:
    looks = [look for one in given for look in one.looks if None not in look]
    return share(sum(first == second for first, second in looks), len(looks), alpha=alpha)


def _first_preferred(given: Sequence[Judged], alpha: float) -> Measured | None:
    """Looks say 1 for the second model: with its answer behind, -1 is for what came first; with it before, 1 is."""
    unlike = [
        (first, second)
        for one in given
        for first, second in one.looks
        if first is not None and second is not None and first != second
    ]
    return share(sum(first < second for first, second in unlike), len(unlike), alpha=alpha)


def _self_preference(given: Sequence[Judged], judge: str, *, pairs: bool, alpha: float) -> Measured | None:
    own = [[_is_near(model, judge) for model in one.models] for one in given]
    if pairs:
        mixed = [one for one, near in zip(given, own, strict=True) if any(near) and not all(near)]
        leanings = [
            _leaning(next(model for model in one.models if _is_near(model, judge)), one, pairs=True)
            for one in mixed
        ]
        return _mean(leanings, mixed, alpha)
    near_ones = np.array([near[0] for near in own], bool)
    leaning = np.array([_leaning(one.models[0], one, pairs=False) for one in given])
    if not near_ones.any() or near_ones.all():
        return None

    def figure(rows: NDArray[np.int64]) -> float | None:
        near = near_ones[rows]
        if not near.any() or near.all():
            return None
        return float(leaning[rows][near].mean() - leaning[rows][~near].mean())

    return resampled(figure, _clusters(given), alpha=alpha)


def _mean(values: Sequence[float], of: Sequence[Judged], alpha: float) -> Measured | None:
    numbers = np.array(values)
    return resampled(lambda rows: float(numbers[rows].mean()), _clusters(of), alpha=alpha)


def _clusters(of: Sequence[Judged]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(one.cluster, len(numbers)) for one in of], np.int64)


def _leaning(model: str, one: Judged, *, pairs: bool) -> float:
    leaning = _for(model, one, _judge(one)) - _for(model, one, one.people)
    return leaning / 2 if pairs else leaning


def _for(model: str, one: Judged, value: float) -> float:
    """A figure in the sense of one of the models."""
    return -value if len(one.models) == 2 and one.models[0] == model else value


def _is_near(model: str, judge: str) -> bool:
    return model.partition("/")[0] == judge.partition("/")[0]


def _judge(one: Judged) -> float:
    assert one.judge is not None
    return one.judge
