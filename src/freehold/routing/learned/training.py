"""Makes a model of prompts and of how much better or worse than the incumbent each model answered them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from freehold.routing.learned import fitting
from freehold.routing.learned.fitting import Places, Wide
from freehold.routing.learned.model import PARTS, Array, Likeness, Model, Runs, Topics, read, standard

RUN_STRENGTHS = (3.0, 6.0, 12.0, 25.0, 60.0)
SMOOTH_STRENGTHS = (3.0, 10.0, 30.0, 100.0)
"""Ridge strengths; which one is used is chosen by cross-validation among the labels that are trained on."""
_FOLDS = 4
_CROSS_VALIDATED = 3_000
"""Texts at the most that strengths are chosen with."""
_TOPICS = 64
_TOPIC_WORDS = 16_384
_SPREAD = 8.0
"""How far apart topics lie, beside shapes, whose deviation is 1."""
_LANDMARKS = 800
_SHAPE_WIDTH, _MIXED_WIDTH = 0.3, 0.5
"""By the number of dimensions."""


class Trained(NamedTuple):
    """A model, and what its like says of texts that it was not trained on."""

    model: Model
    unseen: Wide
    """By prompt and model: predictions by cross-validation; NaN: none was made."""


class Part(NamedTuple):
    """One of the four predictors, of one model."""

    weights: Wide
    unseen: Wide
    """Its predictions for the texts of the cross-validation, less the mean of their labels."""


class Form(NamedTuple):
    """All prompts in a form that one of the predictors takes."""

    rows: Any
    between: Wide | None = None
    """How close landmarks are among each other; None: the rows are runs, and there are none."""

    def fit(self, which: Places, labels: Wide, strength: float) -> Wide:
        """Weights of what the rows hold, from those prompts alone."""
        if self.between is None:
            return fitting.ridge(self.rows[which], labels, strength)
        return fitting.smooth(self.rows[which], self.between, labels, strength)

    def learn(self, which: Places, labels: Wide, validated: int) -> Part:
        """The predictor at the strength that does best on the first `validated` of these prompts."""
        strengths = RUN_STRENGTHS if self.between is None else SMOOTH_STRENGTHS
        first, known = which[:validated], labels[:validated]
        fold = np.arange(len(first)) % _FOLDS
        best: tuple[float, float, Wide] | None = None
        for strength in strengths:
            unseen = np.zeros(len(first))
            for one in range(min(_FOLDS, len(first))):
                away = fold == one
                if not away.all():
                    weights = self.fit(first[~away], known[~away], strength)
                    unseen[away] = self.rows[first[away]] @ weights
            error = float(((unseen - (known - known.mean())) ** 2).mean())
            if best is None or error < best[0]:
                best = error, strength, unseen
        assert best is not None
        return Part(self.fit(which, labels, best[1]), best[2])


def train(prompts: Sequence[str], differences: Wide, *, seed: int = 0) -> Trained:
    """`differences`: by prompt and model, the model's score minus the incumbent's; NaN: it is not known. Of each model
    at least one has to be. Takes seconds for thousands of prompts.
    """
    texts = Texts(prompts, seed)
    models = differences.shape[1]
    unseen = np.full(differences.shape, np.nan)
    mean, deviation = np.zeros((PARTS, models)), np.ones((PARTS, models))
    slope, intercept = np.zeros(models), np.zeros(models)
    columns: list[list[Wide]] = []
    order = np.random.default_rng(seed).permutation(len(prompts))
    for one in range(models):
        which = order[~np.isnan(differences[order, one])]
        labels = differences[which, one]
        parts = [form.learn(which, labels, _CROSS_VALIDATED) for form in texts.forms]
        columns.append([part.weights for part in parts])
        each = np.stack([part.unseen for part in parts])
        mean[:, one], deviation[:, one] = each.mean(axis=1), np.maximum(each.std(axis=1), 1e-6)
        together = ((each - mean[:, one : one + 1]) / deviation[:, one : one + 1]).mean(axis=0)
        known = labels[: len(together)]
        slope[one] = _slope(together, known)
        intercept[one] = known.mean() - slope[one] * together.mean()
        unseen[which[: len(together)], one] = together * slope[one] + intercept[one]
    weights = [np.stack([column[part] for column in columns], axis=1) for part in range(PARTS)]
    return Trained(texts.model(weights, mean, deviation, slope, intercept), unseen)


def _slope(predicted: Wide, known: Wide) -> float:
    """What a deviation predicted is worth. A little above 0 where it is worth nothing, so that texts keep an order."""
    spread = float(predicted.var())
    worth = float(((predicted - predicted.mean()) * known).mean()) / spread if spread else 0.0
    return max(worth, 1e-3)


class Texts:
    """All prompts in the four forms, and what it takes to bring another one into them. No label is looked at."""

    def __init__(self, prompts: Sequence[str], seed: int) -> None:
        reads = [read(prompt) for prompt in prompts]
        words = fitting.matrix_of([one.words for one in reads])
        letters = fitting.matrix_of([one.letters for one in reads])
        self._words_idf, self._letters_idf = fitting.idf_of(words), fitting.idf_of(letters)
        words = fitting.in_units(words, self._words_idf)
        self._topics = _topics_of(words, seed)
        shapes = np.stack([one.shape for one in reads])
        self._mean = shapes.mean(axis=0)
        self._deviation = np.maximum(shapes.std(axis=0), 1e-3)
        shapes = standard(shapes, self._mean, self._deviation)
        mixed = np.hstack([words[:, self._topics.places] @ self._topics.table, shapes]).astype(np.float32)
        chosen = np.random.default_rng(seed + 1).permutation(len(reads))[:_LANDMARKS]
        self._shapes, self._mixed = shapes[chosen], mixed[chosen]
        self.forms = (
            Form(words),
            Form(fitting.in_units(letters, self._letters_idf)),
            _smooth_form(shapes, self._shapes, _SHAPE_WIDTH),
            _smooth_form(mixed, self._mixed, _MIXED_WIDTH),
        )

    def model(self, weights: list[Wide], mean: Wide, deviation: Wide, slope: Wide, intercept: Wide) -> Model:
        """The model that reads texts into these forms. `weights`: by part, then by what it holds and model."""
        by_words, by_letters, by_shape, by_both = (one.astype(np.float32) for one in weights)
        return Model(
            words=Runs(self._words_idf, by_words),
            letters=Runs(self._letters_idf, by_letters),
            topics=self._topics,
            shape_mean=self._mean,
            shape_deviation=self._deviation,
            shape=_likeness(self._shapes, by_shape, _SHAPE_WIDTH),
            mixed=_likeness(self._mixed, by_both, _MIXED_WIDTH),
            mean=mean.astype(np.float32),
            deviation=deviation.astype(np.float32),
            slope=slope.astype(np.float32),
            intercept=intercept.astype(np.float32),
        )


def _topics_of(words: Any, seed: int) -> Topics:
    """Of the words that stand in most texts, but not in one alone."""
    seen = np.bincount(words.indices, minlength=words.shape[1])
    places = np.sort(np.argsort(-seen, kind="stable")[:_TOPIC_WORDS])
    places = places[seen[places] >= 2]
    if not len(places):
        return Topics(np.zeros(1, np.uint32), np.zeros((1, _TOPICS), np.float32))
    rows = words[:, places]
    table = fitting.directions(rows, _TOPICS, seed)
    table = np.pad(table, ((0, 0), (0, _TOPICS - table.shape[1])))
    length = float(np.sqrt(((rows @ table) ** 2).sum(axis=1).mean()))
    return Topics(places.astype(np.uint32), (table * (_SPREAD / max(length, 1e-9))).astype(np.float32))


def _smooth_form(points: Array, landmarks: Array, width: float) -> Form:
    width /= points.shape[1]
    return Form(fitting.likeness(points, landmarks, width), fitting.likeness(landmarks, landmarks, width))


def _likeness(landmarks: Array, weights: Array, width: float) -> Likeness:
    return Likeness(landmarks, (landmarks**2).sum(axis=1), weights, width / landmarks.shape[1])
