"""What people would say of a comparison that a judge judged: its pairs, corrected with a check of the judge.

The sequential test promises an error rate about the judge's scores. It knows nothing of people, and a judge that leans
to one of the models is only surer of its error the more pairs there are. What a check makes of that depends on its
labels:

- *Labels of a random sample of the suite* decide. All cases are asked, and at the end, once, the prediction-powered
  difference and its interval are the verdict, which is then about people. A test that looked at it again and again
  would keep no promise.
- *Labels from elsewhere* correct the estimate by the judge's error rates and can withdraw a verdict, but make none:
  judges err differently about other questions, and no number tells how differently. The sequential test decides, about
  the judge; where the corrected interval speaks against its verdict, it is undecided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.compare.judges.checking import JudgeCheck, Judged
from freehold.compare.judges.settings import PAIRWISE
from freehold.compare.stats.correction import (
    LEAST_LABELS,
    Corrected,
    Uncorrectable,
    beside_known,
    prediction_powered,
)
from freehold.compare.stats.error_rates import Labelled, Seen, with_error_rates


class JudgedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of a comparison that counts."""

    case: str
    group: str | None = None
    difference: float
    """As the judge sees it: the candidate's score minus the incumbent's, or its preference."""
    incumbent: float | None = None
    candidate: float | None = None
    """The judge's scores. None: it judged both against each other."""
    failed: bool = False
    """The candidate did not answer, so no judge is needed to tell who is better."""


class _Truth(NamedTuple):
    """A labelled pair of the two models."""

    cluster: str
    case: str
    judge: float
    people: float


def decides(check: JudgeCheck, *, incumbent: str, candidate: str, suite_hash: str) -> bool:
    """Whether people decide about these two models: enough answers of both, of a random sample of the suite, were
    labelled. Then nothing stops early. Known before anything is asked.
    """
    return (
        check.complete and check.sample_of == suite_hash and _are_enough(_truths(check, incumbent, candidate))
    )


def _are_enough(truths: Sequence[_Truth]) -> bool:
    return len({one.cluster for one in truths}) >= LEAST_LABELS


def correct(
    pairs: Sequence[JudgedPair],
    check: JudgeCheck,
    *,
    incumbent: str,
    candidate: str,
    suite_hash: str,
    alpha: float,
    seed: int = 0,
    within: Collection[str] | None = None,
) -> Corrected:
    """The difference in the sense of people. Where the labels are a random sample of the suite, prediction-powered;
    else with the judge's error rates about each of the two models. Raises Uncorrectable.

    `within`: the labelled cases that are of the same class of tasks as the pairs. Those of a random sample of the suite
    are a random sample of the class. Error rates are taken from all labels, as if the judge erred alike in all classes.
    """
    if not check.complete:
        raise Uncorrectable("the check of the judge did not come to its end")
    if not pairs:
        raise Uncorrectable("no pair counts")
    answered = [one for one in pairs if not one.failed]
    if not answered:
        raise Uncorrectable("the candidate answered nothing")
    known = _array(one.difference for one in pairs if one.failed)
    truths = _truths(check, incumbent, candidate) if check.sample_of == suite_hash else []
    if within is not None:
        truths = [one for one in truths if one.case in within]
    found = _correct(answered, check, incumbent, candidate, truths=truths, alpha=alpha, seed=seed)
    return beside_known(found, known, len(answered), seed=seed)


def _correct(
    pairs: Sequence[JudgedPair],
    check: JudgeCheck,
    incumbent: str,
    candidate: str,
    *,
    truths: Sequence[_Truth],
    alpha: float,
    seed: int,
) -> Corrected:
    """`truths`: those of a random sample of what the pairs are of."""
    numbers = _Numbers()
    raw = float(np.mean([one.difference for one in pairs]))
    if _are_enough(truths):
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
