"""What people would say of a comparison that a judge judged: its pairs, corrected with a check of the judge.

The sequential test promises an error rate about the judge's scores. It knows nothing of people, and a judge that leans
to one of the models is wrong about more pairs the more there are. So where a check of this judge can correct it, the
verdict is found in another way: all cases are asked, and at the end, once, the corrected difference and its interval
decide. A test that looked at the corrected difference again and again would keep no promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.compare.judges.checking import JudgeCheck, Judged
from freehold.compare.judges.settings import PAIRWISE
from freehold.compare.stats.correction import (
    LEAST_LABELS,
    Corrected,
    Labelled,
    Seen,
    Uncorrectable,
    error_rates,
    prediction_powered,
    with_error_rates,
)
from freehold.compare.verdict import Decision


class JudgedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of a comparison that counts."""

    case: str
    group: str | None = None
    difference: float
    """As the judge sees it: the candidate's score minus the incumbent's, or its preference."""
    incumbent: float | None = None
    candidate: float | None = None
    """The judge's scores. None: it judged both against each other."""


class _Truth(NamedTuple):
    """A labelled pair of the two models."""

    cluster: str
    case: str
    judge: float
    people: float


def why_not(check: JudgeCheck, *, incumbent: str, candidate: str, suite_hash: str) -> str | None:
    """Why this check cannot correct a comparison of these two models, in a sentence; None: it can. Known before
    anything is asked, as it decides when the comparison may stop.
    """
    if not check.complete:
        return "The check of the judge did not come to its end."
    if check.sample_of == suite_hash:
        labelled = _truths(check, incumbent, candidate)
        if len({one.cluster for one in labelled}) >= LEAST_LABELS:
            return None
    try:
        for one in _rates(check, incumbent, candidate):
            error_rates(one)
    except Uncorrectable as error:
        return _sentence(error)
    return None


def correct(
    pairs: Sequence[JudgedPair],
    check: JudgeCheck,
    *,
    incumbent: str,
    candidate: str,
    suite_hash: str,
    alpha: float,
    seed: int = 0,
) -> Corrected:
    """The difference in the sense of people. Where the labels are a random sample of the suite, prediction-powered;
    else with the judge's error rates about each of the two models. Raises Uncorrectable.
    """
    if not pairs:
        raise Uncorrectable("no pair counts")
    numbers = _Numbers()
    raw = float(np.mean([one.difference for one in pairs]))
    if check.sample_of == suite_hash:
        truths = _truths(check, incumbent, candidate)
        if len({one.cluster for one in truths}) >= LEAST_LABELS:
            labelled = {one.case for one in truths}
            rest = [one for one in pairs if one.case not in labelled]
            return prediction_powered(
                _array(one.difference for one in rest),
                numbers.of(_cluster(one) for one in rest),
                _array(one.judge for one in truths),
                _array(one.people for one in truths),
                numbers.of(one.cluster for one in truths),
                alpha=alpha,
            )
    rates = _rates(check, incumbent, candidate, numbers)
    groups = numbers.of(_cluster(one) for one in pairs)
    if check.kind == PAIRWISE:
        judge = (_array(one.difference for one in pairs) + 1) / 2
        seen = [Seen(judge, groups, rates[0], 2.0)]
        return with_error_rates(seen, constant=-1.0, raw=raw, alpha=alpha, seed=seed)
    if any(one.incumbent is None or one.candidate is None for one in pairs):
        raise Uncorrectable("the judge's scores of single answers are missing")
    scores = [[one.incumbent or 0.0, one.candidate or 0.0] for one in pairs]
    seen = [
        Seen(_array(score[at] for score in scores), groups, rates[at], factor)
        for at, factor in ((0, -1.0), (1, 1.0))
    ]
    return with_error_rates(seen, raw=raw, alpha=alpha, seed=seed)


def decide(corrected: Corrected, *, margin: float, alpha: float) -> tuple[Decision, str]:
    """The verdict of one look at the end, with its reason. Each of the two is wrong in `alpha` of cases at most."""
    found = (
        f"In the sense of people the difference is {corrected.difference:+.3f} "
        f"({corrected.low:+.3f} to {corrected.high:+.3f})"
    )
    if corrected.p_no_better_than(-margin) <= alpha:
        return "replaces", f"{found}: it is not worse by {margin:g} or more."
    if corrected.p_no_worse_than(-margin) <= alpha:
        return "does not replace", f"{found}: it is worse by {margin:g} or more."
    return (
        "undecided",
        f"{found}: it cannot be told whether it is worse by {margin:g} or more. More labels, or more cases, would "
        "make that narrower.",
    )


def describe(corrected: Corrected, check: JudgeCheck) -> str:
    """How an estimate was corrected, in a sentence for the verdict and the report."""
    how = {
        "prediction-powered": "prediction-powered, from labels of a random sample of the suite",
        "error rates": "by its error rates about each model, from labels of other cases",
    }[corrected.method]
    return (
        f"Corrected for the errors of `{check.judge}` with {corrected.labels:,} labels ({how}); the judge alone says "
        f"{corrected.raw:+.3f}. Decided once, at the end."
    )


def _truths(check: JudgeCheck, incumbent: str, candidate: str) -> list[_Truth]:
    """The labelled pairs of both models, with the candidate's advantage as judge and people see it."""
    given = [one for one in check.judged if one.judge is not None]
    if check.kind == PAIRWISE:
        return [
            _Truth(one.cluster, one.case, side * (one.judge or 0.0), side * one.people)
            for one in given
            for side in _sides(one, incumbent, candidate)
        ]
    of_model = {(one.case, one.models[0]): one for one in given}
    truths = []
    for one in given:
        other = of_model.get((one.case, candidate)) if one.models[0] == incumbent else None
        if other is not None:
            judge = (other.judge or 0.0) - (one.judge or 0.0)
            truths.append(_Truth(one.cluster, one.case, judge, other.people - one.people))
    return truths


def _sides(one: Judged, incumbent: str, candidate: str) -> tuple[float, ...]:
    if one.models == (incumbent, candidate):
        return (1.0,)
    return (-1.0,) if one.models == (candidate, incumbent) else ()


def _rates(
    check: JudgeCheck, incumbent: str, candidate: str, numbers: _Numbers | None = None
) -> list[Labelled]:
    """What tells the error rates: of pairs once, of single answers for the incumbent and the candidate."""
    numbers = numbers or _Numbers()
    if check.kind == PAIRWISE:
        truths = _truths(check, incumbent, candidate)
        if not truths:
            raise Uncorrectable(f"no pair of `{incumbent}` and `{candidate}` was labelled")
        return [
            _labelled(
                ((one.cluster, (one.judge + 1) / 2, (one.people + 1) / 2) for one in truths),
                f"`{incumbent}` and `{candidate}`",
                numbers,
            )
        ]
    found = []
    for model in (incumbent, candidate):
        mine = [one for one in check.judged if one.models == (model,) and one.judge is not None]
        if not mine:
            raise Uncorrectable(
                f"no answer of `{model}` was labelled, and a judge errs about each model in its own way"
            )
        rows = ((one.cluster, one.judge or 0.0, one.people) for one in mine)
        found.append(_labelled(rows, f"`{model}`", numbers))
    return found


def _labelled(rows: Iterable[tuple[str, float, float]], of: str, numbers: _Numbers) -> Labelled:
    clusters, judge, people = zip(*rows, strict=True)
    if not set(people) <= {0.0, 1.0}:
        raise Uncorrectable(
            f"people graded answers of {of}, or called some a tie, and error rates take plain labels; labels of a "
            "random sample of the suite would do"
        )
    return Labelled(np.array(judge), np.array(people) > 0, numbers.of(clusters))


class _Numbers:
    """Numbers for groups, the same for the same."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, names: Iterable[str]) -> NDArray[np.int64]:
        return np.array([self._known.setdefault(name, len(self._known)) for name in names], np.int64)


def _cluster(pair: JudgedPair) -> str:
    return pair.case if pair.group is None else f"group {pair.group}"


def _array(values: Iterable[float]) -> NDArray[np.float64]:
    return np.array(list(values), np.float64)


def _sentence(error: Uncorrectable) -> str:
    told = str(error)
    return f"{told[0].upper()}{told[1:]}."
