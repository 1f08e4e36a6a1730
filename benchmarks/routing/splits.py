"""Random halves: trained on one, measured on the other."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np

from benchmarks.gateway.environments import say
from benchmarks.routing.data import Duel, Wide
from benchmarks.routing.metrics import Figures, figures_of
from benchmarks.routing.plain import predict_plainly
from freehold.routing.learned.fitting import Places
from freehold.routing.learned.training import train

FIRST_SEED = 0
"""The design was chosen with seeds from 1000 on; those that are reported begin here."""


class Spread(NamedTuple):
    """A figure over the splits."""

    mean: float
    low: float
    high: float
    """Between `low` and `high` lie 95 % of the splits."""


class Row(NamedTuple):
    """A router over all splits."""

    router: str
    apgr: Spread
    cpt50: Spread
    cpt80: Spread


class Measured(NamedTuple):
    """One set of prompts."""

    name: str
    prompts: int
    labels: int
    """That were trained on."""
    splits: int
    rows: list[Row]
    train_s: float
    """The median of a training."""


def halves(prompts: int, splits: int) -> Iterator[tuple[int, Places, Places]]:
    """By seed: the places that are trained on, and those that are measured."""
    for seed in range(FIRST_SEED, FIRST_SEED + splits):
        order = np.random.default_rng(seed).permutation(prompts)
        yield seed, order[: prompts // 2], order[prompts // 2 :]


def measure(duel: Duel, splits: int, labels: int | None = None) -> Measured:
    """`labels`: how many of a half are trained on; None: all."""
    lead = duel.strong - duel.weak
    found: dict[str, list[Figures]] = {"freehold": [], "TF-IDF and ridge": []}
    took = []
    for seed, trained, tested in halves(len(duel.prompts), splits):
        some = trained[:labels]
        prompts, others = ([duel.prompts[one] for one in which] for which in (some, tested))
        began = perf_counter()
        model = train(prompts, lead[some][:, None], seed=seed).model
        took.append(perf_counter() - began)
        ours = np.array([float(model.predict(one)[0]) for one in others])
        plain = predict_plainly(prompts, lead[some], others)
        for name, wanted in zip(found, (ours, plain), strict=True):
            found[name].append(figures_of(wanted, duel.weak[tested], duel.strong[tested]))
        say(f"{duel.name}, {len(some)} labels, split {seed}: {found['freehold'][-1].apgr:.3f}")
    rows = [_row(name, one) for name, one in found.items()]
    return Measured(duel.name, len(duel.prompts), len(some), splits, rows, float(np.median(took)))


def _row(name: str, figures: list[Figures]) -> Row:
    columns = (np.array([getattr(one, field) for one in figures]) for field in Figures._fields)
    return Row(name, *(_spread(one) for one in columns))


def _spread(values: Wide) -> Spread:
    low, high = np.quantile(values, (0.025, 0.975))
    return Spread(float(values.mean()), float(low), float(high))
