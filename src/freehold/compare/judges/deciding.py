"""Verdicts from differences that were corrected in the sense of people, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.compare.judges.checking import JudgeCheck
from freehold.compare.stats.correction import LEAST_LABELS, Corrected
from freehold.compare.stats.multiplicity import holm
from freehold.compare.verdict import Decision


def decide(corrected: Corrected, *, margin: float, alpha: float) -> tuple[Decision, str]:
    """The verdict of one look at the end, with its reason; for what is prediction-powered. Each of the two is wrong in
    `alpha` of cases at most.
    """
    ps = corrected.p_no_better_than(-margin), corrected.p_no_worse_than(-margin)
    return _decided(corrected, *ps, margin=margin, alpha=alpha)


def decide_classes(
    corrected: Mapping[str, Corrected], classes: int, *, margin: float, alpha: float
) -> dict[str, tuple[Decision, str]]:
    """As `decide` does, for single classes of tasks of one candidate: Holm's procedure over all `classes` of the suite,
    those that cannot be corrected among them. That any `replaces` is wrong has a chance of `alpha` at most, as has that
    any `does not replace` is.
    """
    rest = [1.0] * (classes - len(corrected))
    better = holm([one.p_no_better_than(-margin) for one in corrected.values()] + rest)
    worse = holm([one.p_no_worse_than(-margin) for one in corrected.values()] + rest)
    return {
        name: _decided(one, better[place], worse[place], margin=margin, alpha=alpha)
        for place, (name, one) in enumerate(corrected.items())
    }


def _decided(
    corrected: Corrected, better: float, worse: float, *, margin: float, alpha: float
) -> tuple[Decision, str]:
    """`better`, `worse`: the p-values against "worse by the margin or more", and against "not worse by it"."""
    found = _found(corrected)
    if better <= alpha:
        return "replaces", f"{found}: it is not worse by {margin:g} or more."
    if worse <= alpha:
        return "does not replace", f"{found}: it is worse by {margin:g} or more."
    return (
        "undecided",
        f"{found}: it cannot be told whether it is worse by {margin:g} or more. More labels, or more cases, would "
        "make that narrower.",
    )


def why_withdrawn(decision: Decision, corrected: Corrected, *, margin: float, alpha: float) -> str | None:
    """Why the judge's verdict cannot stand beside what labels from elsewhere say; None: it can."""
    against = {
        "replaces": corrected.p_no_worse_than(-margin),
        "does not replace": corrected.p_no_better_than(-margin),
        "undecided": 1.0,
    }[decision]
    if against > alpha:
        return None
    return (
        f"The judge's scores say that it {decision}, and what is known of the judge's errors speaks against that. "
        f"{_found(corrected)}."
    )


def _found(corrected: Corrected) -> str:
    return (
        f"In the sense of people the difference is {corrected.difference:+.3f} "
        f"({corrected.low:+.3f} to {corrected.high:+.3f})"
    )


def describe(corrected: Corrected, check: JudgeCheck, *, of_class: bool = False) -> str:
    """How an estimate was corrected, in a sentence or two for the verdict and the report.

    `of_class`: it is about one class of tasks.
    """
    suite = "the class" if of_class else "the suite"
    elsewhere = "all classes" if of_class and check.sample_of else "other cases"
    found = (
        f"{_found(corrected)}: corrected for the errors of `{check.judge}`, which alone says {corrected.raw:+.3f}, "
        f"with {corrected.labels:,} labels"
    )
    if corrected.method == "prediction-powered":
        return f"{found} of a random sample of {suite} (prediction-powered, for one look at the end)."
    return (
        f"{found} of {elsewhere}, by its error rates about each model. That holds if it errs here as there, so it "
        "decides nothing; the verdict is about the judge."
    )


def describe_too_few(judge: str) -> str:
    """Why nothing is decided about a class of tasks where people decide over everything."""
    return (
        f"People decide here, and fewer than {LEAST_LABELS} of the cases that they labelled are of this class. What "
        f"`{judge}` says of it decides nothing."
    )


def describe_unchecked(judge: str) -> str:
    """What a verdict is about whose judge nobody has checked, or cannot be corrected."""
    return f"This is about the verdicts of `{judge}`, and promises nothing about people."
