"""How often a certificate is wrong, over random splits into labels that certify and labels that test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.gateway.environments import say
from benchmarks.routing.data import Field, Wide
from freehold.routing.learned.binomial import fewest_labels
from freehold.routing.learned.certifying import Certified, certify, choose_design, without_router
from freehold.routing.learned.designs import Design, Labels
from freehold.routing.learned.promise import Promise
from freehold.routing.learned.training import train

RISKS = (0.02, 0.05, 0.10)
DOUBT = 0.05
TRAININGS = 10
"""Trainings among which the splits are shared out: each on a third of the prompts."""


class Kept(NamedTuple):
    """What came of one risk on one set of prompts."""

    name: str
    incumbent: str
    risk: float
    splits: int
    certified: int
    """In how many splits anything was."""
    violated: int
    """In how many the tested answers were worse than promised, as counted."""
    labels: int
    saving: float
    """The mean over all splits, 0 where nothing was certified."""
    single: float
    drawn: float
    too_few: int
    """Splits in which one label fewer than the fewest certified anything."""


def hold(field: Field, splits: int, trainings: int = TRAININGS) -> list[Kept]:
    """All risks. The labels that certify are as many as those that test, and neither were trained on."""
    found = {risk: _Count() for risk in RISKS}
    third = len(field.prompts) // 3
    for seed in range(trainings):
        order = np.random.default_rng(seed).permutation(len(field.prompts))
        trained, held = order[:third], order[third:]
        worse = field.differences < -1e-9
        model = train([field.prompts[one] for one in trained], worse[trained].astype(float), seed=seed)
        known = ~np.isnan(model.unseen).any(axis=1)
        seen = Labels(model.unseen[known], worse[trained][known])
        predicted = np.array([model.model.predict(field.prompts[one]) for one in held], np.float64)
        rest = Labels(predicted, worse[held])
        for risk in RISKS:
            promise = Promise(risk, 1.0 - DOUBT)
            design = choose_design(seen, field.savings, promise)
            many = splits // trainings
            _resample(found[risk], design, rest, field.savings, promise=promise, seed=seed, splits=many)
        say(f"{field.name}: {(seed + 1) * (splits // trainings)} splits")
    labels = (len(field.prompts) - third) // 2
    return [one.kept(field, risk, labels) for risk, one in found.items()]


class _Count:
    def __init__(self) -> None:
        self.splits = self.certified = self.violated = self.too_few = 0
        self.saving = self.single = self.drawn = 0.0

    def kept(self, field: Field, risk: float, labels: int) -> Kept:
        return Kept(
            name=field.name,
            incumbent=field.incumbent,
            risk=risk,
            splits=self.splits,
            certified=self.certified,
            violated=self.violated,
            labels=labels,
            saving=self.saving / self.splits,
            single=self.single / self.splits,
            drawn=self.drawn / self.splits,
            too_few=self.too_few,
        )


def _resample(
    count: _Count, design: Design, rest: Labels, savings: Wide, *, promise: Promise, seed: int, splits: int
) -> None:
    random = np.random.default_rng(10_000 + seed)
    half = len(rest.worse) // 2
    fewest = fewest_labels(promise.risk, promise.doubt)
    for _ in range(splits):
        order = random.permutation(len(rest.worse))
        labels, test = rest.some(order[:half]), rest.some(order[half : 2 * half])
        count.splits += 1
        certified = certify(design, labels, savings, promise)
        if certified is not None:
            count.certified += 1
            count.saving += certified.saving
            count.violated += _worse(design, certified, test, random) > promise.risk
        single, drawn = without_router(labels, savings, promise)
        count.single += _saving(single)
        count.drawn += _saving(drawn)
        count.too_few += certify(design, labels.some(np.arange(fewest - 1)), savings, promise) is not None


def _worse(design: Design, certified: Certified, test: Labels, random: np.random.Generator) -> float:
    """The share of the tested answers that are worse, with a lot for each where lots are drawn."""
    if certified.threshold is None:
        drawn = random.random(len(test.worse)) < certified.share
        return float((drawn & test.worse[:, certified.models[0]]).mean())
    chosen = design.choose(test.predicted, certified.threshold)
    return float(((chosen >= 0) & test.worse[np.arange(len(chosen)), chosen]).mean())


def _saving(certified: Certified | None) -> float:
    return 0.0 if certified is None else certified.saving
