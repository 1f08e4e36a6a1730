"""Certificates are true, and nothing is certified without enough labels."""

from __future__ import annotations

import numpy as np
import pytest
from routers import held, labels_of, trained

from freehold.routing.learned.binomial import fewest_labels
from freehold.routing.learned.certifying import certify, choose_design, without_router
from freehold.routing.learned.designs import Design, Labels, by_lot, by_prediction
from freehold.routing.learned.promise import Promise

SAVING = np.array([0.9])


def seen() -> Labels:
    """What it is trained on, with predictions made without each."""
    return Labels(trained().unseen, labels_of(300)[1] > 0)


def simulated(random: np.random.Generator, labels: int, models: int = 2) -> Labels:
    """Predictions that are right on average, of models that fail at a tenth and a quarter of the questions."""
    chance = random.beta(0.5, (4.5, 1.5)[:models], size=(labels, models))
    predicted = np.clip(chance + random.normal(0, 0.1, chance.shape), 0, 1)
    return Labels(predicted, random.random(chance.shape) < chance)


def worse_share(design: Design, threshold: float, labels: Labels) -> float:
    chosen = design.choose(labels.predicted, threshold)
    return float(((chosen >= 0) & labels.worse[np.arange(len(chosen)), chosen]).mean())


@pytest.mark.parametrize("risk", [0.02, 0.05, 0.10])
def test_the_risk_is_above_the_certified_one_as_seldom_as_promised(risk: float) -> None:
    """By prediction with two models, in 1,000 tries; what is true is known from a million questions."""
    random = np.random.default_rng(11)
    design = by_prediction((0, 1), simulated(random, 2000).predicted)
    truth = simulated(random, 1_000_000)
    thresholds = np.array(design.thresholds)
    true_risks = np.array([worse_share(design, one, truth) for one in thresholds[::5]])
    wrong = certified = 0
    for _ in range(1000):
        found = certify(design, simulated(random, 400), np.array([0.9, 0.8]), Promise(risk))
        if found is not None:
            certified += 1
            assert found.threshold is not None
            wrong += np.interp(found.threshold, thresholds[::5], true_risks) > risk
    assert certified > 100
    assert wrong <= 50


@pytest.mark.parametrize("risk", [0.02, 0.05, 0.10])
def test_more_than_promised_is_counted_as_seldom_as_promised(risk: float) -> None:
    """Among as many other answers, in 1,000 tries: 50 in the mean, and 70 once in 300 such tests."""
    random = np.random.default_rng(12)
    design = by_prediction((0,), simulated(random, 2000, 1).predicted)
    wrong = 0
    for _ in range(1000):
        found = certify(design, simulated(random, 400, 1), SAVING, Promise(risk))
        if found is not None:
            assert found.threshold is not None
            wrong += worse_share(design, found.threshold, simulated(random, 400, 1)) > risk
    assert wrong <= 70


@pytest.mark.parametrize("risk", [0.02, 0.05, 0.10])
def test_with_too_few_labels_nothing_is_certified(risk: float) -> None:
    """Not even of a model that is never worse."""
    fewest = fewest_labels(risk, 0.05)
    for design in (Design((0,), (0.5, 1.0)), by_lot(0)):
        for labels in range(fewest):
            never = Labels(np.zeros((labels, 1)), np.zeros((labels, 1), np.bool_))
            assert certify(design, never, SAVING, Promise(risk)) is None
        never = Labels(np.zeros((fewest, 1)), np.zeros((fewest, 1), np.bool_))
        assert certify(design, never, SAVING, Promise(risk)) is not None


def test_what_was_learned_saves_more_than_any_single_model() -> None:
    promise = Promise(0.1)
    design = choose_design(seen(), SAVING, promise)
    labels = held(400, first=1000)
    found = certify(design, labels, SAVING, promise)
    single, drawn = without_router(labels, SAVING, promise)
    assert found is not None and found.threshold is not None and drawn is not None
    assert single is None
    assert found.share == pytest.approx(2 / 3, abs=0.1)
    assert found.saving > drawn.saving + 0.2


def test_where_nothing_can_be_learned_it_is_left_to_chance() -> None:
    random = np.random.default_rng(3)
    predicted, worse = random.random((600, 1)), random.random((600, 1)) < 0.3
    design = choose_design(Labels(predicted, worse), SAVING, Promise(0.1))
    assert not design.thresholds
    found = certify(design, Labels(predicted, worse), SAVING, Promise(0.1))
    assert found is not None and found.threshold is None
    assert 0.15 < found.share < 0.1 / 0.3


def test_the_cheapest_model_that_is_good_enough_is_taken() -> None:
    design = Design((0, 1), (0.2,))
    predicted = np.array([[0.1, 0.0], [0.3, 0.2], [0.3, 0.3]])
    assert design.choose(predicted, 0.2).tolist() == [0, 1, -1]


def test_a_model_that_is_as_good_may_have_all_calls() -> None:
    same = Labels(np.zeros((500, 1)), np.zeros((500, 1), np.bool_))
    single, drawn = without_router(same, SAVING, Promise(0.05))
    assert single is not None and single.share == 1.0 and single.saving == pytest.approx(0.9)
    assert drawn == single
