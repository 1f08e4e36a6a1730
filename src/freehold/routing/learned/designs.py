"""Ways to send some calls to cheaper models, each from safest to cheapest: by what is predicted, or by lot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from freehold.routing.learned.binomial import is_sure, largest_part, most_allowed

Wide = npt.NDArray[np.float64]
Choice = npt.NDArray[np.int64]
_STEPS = 200


class Labels(NamedTuple):
    """What is known of some prompts, by prompt and candidate."""

    predicted: Wide
    """The chance that the candidate's answer is worse than the incumbent's."""
    worse: npt.NDArray[np.bool_]
    """Whether its answer was worse than the incumbent's, by more than is tolerated."""

    def some(self, which: Choice) -> Labels:
        """Those of some of the prompts."""
        return Labels(self.predicted[which], self.worse[which])


class Design(NamedTuple):
    """A way to choose, up to how far it goes. It is laid down before anybody looks at the labels that certify it."""

    models: tuple[int, ...]
    """The candidates that it may choose, cheapest first."""
    thresholds: tuple[float, ...] = ()
    """From safest to cheapest: the cheapest model is taken whose answer is worse with this chance at the most. Empty:
    one model is drawn by lot, whatever is asked."""

    def choose(self, predicted: Wide, threshold: float) -> Choice:
        """By prompt the candidate that is asked; -1: the incumbent."""
        chosen = np.full(len(predicted), -1)
        for model in reversed(self.models):
            chosen[predicted[:, model] <= threshold] = model
        return chosen


class Reached(NamedTuple):
    """How far a design may go."""

    threshold: float | None
    """Up to which a predicted chance is good enough; None: by lot."""
    share: float
    """Of the prompts that cheaper models get."""
    shares: dict[int, float]
    """The same by candidate."""
    worse: int
    """How many of the labels' prompts are answered worse; by lot: would be, if the model got all of them."""


def by_prediction(models: tuple[int, ...], predicted: Wide) -> Design:
    """The design whose steps send about equally many more of these prompts each."""
    safest = predicted[:, list(models)].min(axis=1)
    steps = np.quantile(safest, np.arange(1, _STEPS + 1) / _STEPS)
    return Design(models, tuple(float(one) for one in np.unique(steps)))


def by_lot(model: int) -> Design:
    """The design that draws: what risk a share of the calls has is known, as soon as the model's own is."""
    return Design((model,))


def reach(design: Design, labels: Labels, risk: float, doubt: float) -> Reached | None:
    """The last step, from the safest on, up to which every one is sure to have a smaller risk; None: not even the
    first is. Learn-then-Test with a fixed sequence: the chance that the step has a greater risk is at most `doubt`.
    So is the chance that more than this share is counted among as many other answers as there are labels.

    Source: Angelopoulos and others, Learn then Test, arXiv 2110.01052.
    """
    if not len(labels.worse):
        return None
    return (
        _by_lot(design, labels, risk, doubt) if not design.thresholds else _walk(design, labels, risk, doubt)
    )


def _by_lot(design: Design, labels: Labels, risk: float, doubt: float) -> Reached | None:
    (model,) = design.models
    total = len(labels.worse)
    worse = int(labels.worse[:, model].sum())
    if not is_sure(0, total, risk, doubt, total):
        return None
    share = largest_part(worse, total, risk, doubt, total)
    return Reached(None, share, {model: share}, worse)


def _walk(design: Design, labels: Labels, risk: float, doubt: float) -> Reached | None:
    total = len(labels.worse)
    allowed = most_allowed(total, risk, doubt, total)
    rows = np.arange(total)
    reached = None
    for threshold in design.thresholds:
        chosen = design.choose(labels.predicted, threshold)
        worse = int(((chosen >= 0) & labels.worse[rows, chosen]).sum())
        if worse > allowed:
            break
        shares = {model: float((chosen == model).mean()) for model in design.models}
        reached = Reached(threshold, float((chosen >= 0).mean()), shares, worse)
    return reached if reached is not None and reached.share else None
