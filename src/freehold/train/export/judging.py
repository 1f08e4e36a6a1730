"""From what the forms said to findings: numbers in, findings out.

A form may be worse than the trained model by the margin, in three ways that are each told in shares: the score of the
task, the likelihood of a token of the right answer, and the tokens at which it would write something else although the
trained model is sure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from freehold.compare.stats.fixed import estimate
from freehold.compare.stats.planning import cases_ahead
from freehold.compare.stats.sequential import PairedTest
from freehold.core.figures import counted
from freehold.train.export.proof import Finding, FormName
from freehold.train.export.told import Probe, Told, agreement_of, perplexity_of

_ROUNDING = 1e-3
"""How far the merged form may be from the trained one, in nats a token: adding an adapter in other order rounds."""


def check_merged(trained: Sequence[Told], merged: Sequence[Told]) -> Finding:
    """Whether the merged model is the trained one. Nothing was made coarser yet, so there is no margin."""
    apart = [
        abs(mine - yours)
        for one, other in zip(trained, merged, strict=True)
        for mine, yours in zip(one.logs, other.logs, strict=True)
    ]
    mean = sum(apart) / len(apart) if apart else math.nan
    if mean <= _ROUNDING:
        return Finding(
            check="merged",
            holds=True,
            told=f"The merged model is the trained one ({mean:.1e} nats a token apart).",
        )
    return Finding(
        check="merged",
        holds=False,
        told="The merged model is not the trained one: its adapter was not merged, or not into its own base.",
        evidence=(f"the likelihood of a token differs by {mean:.3g} nats in the mean",),
    )


def check_perplexity(
    probes: Sequence[Probe], trained: Sequence[Told], served: Sequence[Told], *, margin: float, alpha: float
) -> Finding:
    """Whether the served form takes the right answers for as likely as the trained one did."""
    check = "perplexity"
    tokens = sum(len(one.answer) for one in probes)
    groups = [one.group for one in probes]
    if len(set(groups)) < 2:
        return Finding(
            check=check, holds=None, told="There are fewer than two answers to measure perplexity on."
        )
    if not all(math.isfinite(one.log) for one in (*trained, *served)):
        return Finding(
            check=check,
            holds=False,
            told="A token of a right answer is taken for impossible, or for no number.",
        )
    lost = np.array([mine.log - yours.log for mine, yours in zip(trained, served, strict=True)])
    found = estimate(lost * len(lost) / tokens, margin, alpha=alpha, groups=groups)
    bound = math.log1p(margin)
    low, high = found.difference - _reach(found.error, alpha), found.difference + _reach(found.error, alpha)
    figures = (
        f"{perplexity_of(served):.4g} served against {perplexity_of(trained):.4g} trained, "
        f"{_rise(found.difference)} [{_rise(low)} to {_rise(high)}]"
    )
    if high <= bound:
        return Finding(check=check, holds=True, told=f"Perplexity of the right answers: {figures}.")
    if low > bound:
        return Finding(
            check=check,
            holds=False,
            told=f"Right answers are less likely than allowed. Perplexity: {figures}; allowed {_rise(bound)}.",
        )
    return Finding(
        check=check,
        holds=None,
        told=f"Too little evidence that perplexity rises by no more than {_rise(bound)}: {figures}.",
    )


def check_agreement(trained: Sequence[Told], served: Sequence[Told], *, margin: float) -> Finding:
    """Whether the served form writes the same tokens wherever the trained one is sure."""
    check = "agreement"
    every, sure = agreement_of(trained, served), agreement_of(trained, served, where_sure=True)
    if every is None:
        return Finding(check=check, holds=None, told="There are no tokens to compare.")
    told = f"{every:.2%} of tokens would be the same"
    if sure is None:
        return Finding(check=check, holds=True, told=f"{told}; the trained model is never sure.")
    told += f", and {sure:.2%} of those at which the trained model is sure"
    if 1.0 - sure <= margin:
        return Finding(check=check, holds=True, told=f"{told}.")
    return Finding(check=check, holds=False, told=f"It writes other tokens than the margin allows: {told}.")


def check_score(test: PairedTest, *, units: int) -> Finding:
    """Whether the served form does the task as well as the trained one. `units`: that were there to be asked."""
    check = "score"
    if not test.n:
        return Finding(check=check, holds=None, told="There is no question whose answers could be scored.")
    low, high = test.interval()
    figures = f"{test.difference:+.3f} [{low:+.3f} to {high:+.3f}] over {counted(test.n, 'question')}"
    if test.decision == "replaces":
        return Finding(check=check, holds=True, told=f"Its score is not worse by {test.margin:g}: {figures}.")
    if test.decision == "does not replace":
        return Finding(
            check=check, holds=False, told=f"Its score is worse by more than {test.margin:g}: {figures}."
        )
    half = cases_ahead(test).half
    more = "no number would be enough" if half is None else f"about {half:,} more are needed"
    return Finding(
        check=check,
        holds=None,
        told=f"Too little evidence that its score is not worse by {test.margin:g}: {figures}.",
        evidence=(f"{counted(units, 'question')} were there; {more}",),
    )


def check_ends(trained: float, served: float, *, margin: float) -> Finding:
    """Whether answers end by themselves as often. Shares of answers."""
    told = f"{served:.1%} of answers end by themselves, {trained:.1%} of the trained model's"
    if trained - served <= margin:
        return Finding(check="ends", holds=True, told=f"{told}.")
    return Finding(check="ends", holds=False, told=f"Answers do not end: {told}.")


def where_it_went_wrong(
    trained: Sequence[Told], forms: Sequence[tuple[FormName, Sequence[Told]]], *, margin: float
) -> str | None:
    """The first form after which a difference beyond the margin is there, in a sentence; None: there is none."""
    for name, told in forms:
        many = min(len(trained), len(told))
        ours, theirs = trained[:many], told[:many]
        mine, yours = perplexity_of(ours), perplexity_of(theirs)
        if mine is None or yours is None:
            continue
        if not yours <= mine * (1.0 + margin):
            return f"{_WHERE[name]} Perplexity of the same {many} answers: {yours:.4g} against {mine:.4g} trained."
    return None


_WHERE: dict[FormName, str] = {
    "trained": "",
    "merged": "It was lost in merging.",
    "exported": "It was lost in the file: its numbers, read back, are already worse.",
    "served": "It was lost in serving: its numbers are right, and the runtime reads them or the prompt otherwise.",
}


def _rise(log: float) -> str:
    return f"{math.expm1(min(log, 50.0)):+.2%}"


def _reach(error: float, alpha: float) -> float:
    from statistics import NormalDist  # noqa: PLC0415 - here alone

    return NormalDist().inv_cdf(1.0 - alpha) * error
