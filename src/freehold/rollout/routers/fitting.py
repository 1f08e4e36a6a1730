"""Makes a router of labels and certifies it, or says what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from freehold.core.errors import BadRequest
from freehold.rollout.routers.evidence import Label
from freehold.routing.learned.binomial import fewest_labels, most_allowed
from freehold.routing.learned.certifying import Certified, certify, choose_design, without_router
from freehold.routing.learned.designs import Design, Labels, Wide
from freehold.routing.learned.hashing import READ
from freehold.routing.learned.model import Model
from freehold.routing.learned.promise import Promise
from freehold.routing.learned.router import MAX_MODELS, About, Alternative, Certificate, Seen
from freehold.routing.learned.training import Trained, train

MOST_LABELS = 20_000
"""That a router is made of; of more, as many are drawn."""
MOST_CHARACTERS = 8_000_000
"""Of all prompts that are learned from: what is made of them has to fit into memory."""
FEWEST_TRAINED = 50
"""Labels that something can be learned from."""
_BINS = 10
_MOST_MISSING = 1_000_000


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no router: the evidence is not enough."""

    labels: int
    """That there are, questions that hang together counted once."""
    missing: int | None
    """How many more it takes, about; None: no number of labels would do, as the models are not good enough."""
    trained: int
    certified: int


class Fitted(msgspec.Struct, frozen=True):
    """A router that was certified."""

    about: About
    model: Model


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a router is wanted for."""

    route: str
    incumbent: str
    promise: Promise
    source: str
    made_us: int
    seed: int = 0


def fit(labels: Sequence[Label], costs: Mapping[str, float], wanted: Wanted) -> Fitted | Missing:
    """Train on a half of the labels, certify on the other. `costs`: of an answer, by model, the incumbent among them.

    Raises BadRequest: no candidate is cheaper than the incumbent.
    """
    models = candidates_of(labels, costs, wanted.incumbent)
    known = [one for one in labels if models and all(model in one.differences for model in models)]
    rows = _drawn(known, wanted.seed)
    units = list(dict.fromkeys(one.unit for one in rows))
    apart = set(units[: len(units) // 2])
    trained = _readable([one for one in rows if one.unit in apart])
    certifying = list({one.unit: one for one in rows if one.unit not in apart}.values())
    least = fewest_labels(wanted.promise.risk, wanted.promise.doubt)
    if len(certifying) < least or len(trained) < FEWEST_TRAINED:
        missing = 2 * max(least, FEWEST_TRAINED) - len(units)
        return _missing(max(1, missing), units, trained, certifying)
    savings = np.array([1.0 - costs[model] / costs[wanted.incumbent] for model in models])
    worse = _worse(trained, models, wanted.promise)
    learned = train([one.prompt for one in trained], worse.astype(np.float64), seed=wanted.seed)
    design = choose_design(_unseen(learned, worse), savings, wanted.promise)
    predicted = np.array([learned.model.predict(one.prompt) for one in certifying], np.float64)
    held = Labels(predicted, _worse(certifying, models, wanted.promise))
    certified = certify(design, held, savings, wanted.promise)
    if certified is None or certified.saving <= 0.0:
        return _missing(_more(design, held, wanted.promise), units, trained, certifying)
    single, drawn = without_router(held, savings, wanted.promise)
    about = About(
        route=wanted.route,
        incumbent=wanted.incumbent,
        models=models,
        chosen=tuple(models[one] for one in certified.models),
        threshold=certified.threshold,
        certificate=Certificate(
            risk=wanted.promise.risk,
            confidence=wanted.promise.confidence,
            tolerance=wanted.promise.tolerance,
            trained=len(trained),
            certified=len(certifying),
            worse=certified.worse,
            share=certified.share,
            saving=certified.saving,
            best_single=_alternative(single, models),
            best_drawn=_alternative(drawn, models),
        ),
        seen=_seen(predicted, certified),
        source=wanted.source,
        made_us=wanted.made_us,
    )
    return Fitted(about, learned.model)


def candidates_of(labels: Sequence[Label], costs: Mapping[str, float], incumbent: str) -> tuple[str, ...]:
    """The models that are cheaper than the incumbent and have half as many labels as any, cheapest first. Raises
    BadRequest.
    """
    counts: dict[str, int] = {}
    for label in labels:
        for model in label.differences:
            counts[model] = counts.get(model, 0) + 1
    most = max(counts.values(), default=0)
    found = [model for model, many in counts.items() if 2 * many >= most]
    if not found:
        return ()
    unknown = sorted(model for model in (incumbent, *found) if model not in costs)
    if unknown:
        told = " and ".join(f"`{one}`" for one in unknown)
        raise BadRequest(
            f"Nobody knows what {told} costs, so that nobody knows what is cheaper.",
            hint=f'Give it a price in freehold.toml: `[models."{unknown[0]}"]` with `input` and `output`.',
        )
    cheaper = sorted(
        (one for one in found if costs[one] < costs[incumbent]), key=lambda one: (costs[one], one)
    )
    if not cheaper:
        raise BadRequest(
            f"None of the models that were compared with `{incumbent}` is cheaper.",
            hint="Compare it with a cheaper one: `freehold compare ROUTE --with MODEL --suite SUITE --to-the-end`.",
        )
    return tuple(cheaper[:MAX_MODELS])


def _drawn(labels: list[Label], seed: int) -> list[Label]:
    """In an order that has nothing to do with what they say. Units with an equal prompt become one, lest a text that
    was learned certifies itself.
    """
    order = np.random.default_rng(seed).permutation(len(labels))[:MOST_LABELS]
    leads: dict[str, str] = {}

    def leader(unit: str) -> str:
        while (above := leads.setdefault(unit, unit)) != unit:
            leads[unit] = unit = leads.setdefault(above, above)
        return unit

    for one in order:
        leads[leader(f"prompt\0{labels[one].prompt}")] = leader(f"unit\0{labels[one].unit}")
    return [msgspec.structs.replace(labels[one], unit=leader(f"unit\0{labels[one].unit}")) for one in order]


def _readable(labels: list[Label]) -> list[Label]:
    """As many of them as may be learned from."""
    ends = np.cumsum([min(len(one.prompt), READ) for one in labels])
    return labels[: int(np.searchsorted(ends, MOST_CHARACTERS, side="right"))]


def _worse(labels: Sequence[Label], models: Sequence[str], promise: Promise) -> np.typing.NDArray[np.bool_]:
    differences = np.array([[one.differences[model] for model in models] for one in labels])
    return np.asarray(differences < -promise.tolerance - 1e-9)


def _unseen(learned: Trained, worse: np.typing.NDArray[np.bool_]) -> Labels:
    known = ~np.isnan(learned.unseen).any(axis=1)
    return Labels(learned.unseen[known], worse[known])


def _seen(predicted: Wide, certified: Certified) -> Seen:
    """The least predicted chance of each label's models: what decides whether the incumbent is asked."""
    least = predicted[:, list(certified.models)].min(axis=1)
    edges = np.unique(np.quantile(least, np.arange(1, _BINS) / _BINS))
    counts = np.bincount(np.searchsorted(edges, least, side="left"), minlength=len(edges) + 1)
    return Seen(tuple(map(float, edges)), tuple(map(int, counts)))


def _alternative(certified: Certified | None, models: Sequence[str]) -> Alternative | None:
    if certified is None:
        return None
    return Alternative(models[certified.models[0]], certified.share, certified.saving)


def _missing(
    missing: int | None, units: Sequence[str], trained: Sequence[Label], held: Sequence[Label]
) -> Missing:
    return Missing(labels=len(units), missing=missing, trained=len(trained), certified=len(held))


def _more(design: Design, held: Labels, promise: Promise) -> int | None:
    """How many more labels would certify the first step, if its risk is what was counted."""
    if not design.thresholds:
        return None
    chosen = design.choose(held.predicted, design.thresholds[0])
    rate = float(((chosen >= 0) & held.worse[np.arange(len(chosen)), chosen]).mean())
    total = len(chosen)
    while total < _MOST_MISSING and rate < promise.risk:
        total = math.ceil(total * 1.25)
        if most_allowed(total, promise.risk, promise.doubt, total) >= rate * total:
            return 2 * (total - len(chosen))
    return None
