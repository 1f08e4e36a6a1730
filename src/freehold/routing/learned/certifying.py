"""Certifies how far a router may go: the share of answers worse than the incumbent's stays below a risk."""

from __future__ import annotations

import msgspec

from freehold.routing.learned.designs import Design, Labels, Reached, Wide, by_lot, by_prediction, reach
from freehold.routing.learned.promise import Promise


class Certified(msgspec.Struct, frozen=True):
    """A way to choose, and what was found of it among the labels that it was certified with."""

    models: tuple[int, ...]
    """The candidates that are asked in the incumbent's place, cheapest first."""
    share: float
    """Of the calls that they get."""
    saving: float
    """Of what the incumbent alone would cost."""
    threshold: float | None = None
    """The predicted chance of a worse answer up to which a model is taken; None: who gets a call is drawn by lot."""
    worse: int = 0
    """Answers worse than the incumbent's; by lot: there would be, if the model got all calls."""
    labels: int = 0
    """Of how many."""


def choose_design(labels: Labels, savings: Wide, promise: Promise) -> Design:
    """The design that saves most on labels that certify nothing: those that were trained on, with predictions that were
    made for each without it. Candidates come to it one by one, as long as each saves more.
    """
    best: Design | None = None
    most = 0.0

    def saves(design: Design) -> float:
        reached = reach(design, labels, promise.risk, promise.doubt)
        return saving_of(reached, savings) if reached is not None else 0.0

    models: tuple[int, ...] = ()
    while len(models) < len(savings):
        tried = [tuple(sorted((*models, one))) for one in range(len(savings)) if one not in models]
        found = max(
            ((saves(one), one) for one in (by_prediction(some, labels.predicted) for some in tried)),
            key=_first,
        )
        if found[0] <= most and best is not None:
            break
        most, best = found
        models = best.models
    assert best is not None
    drawn = max(((saves(one), one) for one in map(by_lot, range(len(savings)))), key=_first)
    return drawn[1] if drawn[0] > most else best


def certify(design: Design, labels: Labels, savings: Wide, promise: Promise) -> Certified | None:
    """How far the design may go by these labels, which nobody has looked at before; None: nowhere."""
    reached = reach(design, labels, promise.risk, promise.doubt)
    if reached is None:
        return None
    return Certified(
        design.models,
        reached.share,
        saving_of(reached, savings),
        reached.threshold,
        reached.worse,
        len(labels.worse),
    )


def without_router(
    labels: Labels, savings: Wide, promise: Promise
) -> tuple[Certified | None, Certified | None]:
    """What single models save: the best of those that may have all calls, and the best point on their hull, where one
    of them and the incumbent share the calls by lot. The doubt is shared among all that are looked at.
    """
    shared = msgspec.structs.replace(promise, confidence=1.0 - promise.doubt / len(savings))
    found = [certify(by_lot(one), labels, savings, shared) for one in range(len(savings))]
    saving = [one for one in found if one is not None and one.saving > 0.0]
    whole = [one for one in saving if one.share >= 1.0]
    return max(whole, key=_saving, default=None), max(saving, key=_saving, default=None)


def saving_of(reached: Reached, savings: Wide) -> float:
    """Of what the incumbent alone would cost, if every prompt costs as much as any other."""
    return float(sum(share * savings[model] for model, share in reached.shares.items()))


def _saving(certified: Certified) -> float:
    return certified.saving


def _first(pair: tuple[float, Design]) -> float:
    return pair[0]
