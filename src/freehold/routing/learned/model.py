"""What was learned of a route's models: how much better or worse than the incumbent each would answer a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from freehold.routing.learned.hashing import Codes, Counted, Floats, letters_in, tokens_of, words_in
from freehold.routing.learned.shape import shape_of

PARTS = 4
"""How many predictions are averaged: by words, by letters, by shape, and by topics and shape together."""

Array = npt.NDArray[np.float32]


class Read(NamedTuple):
    """A text as the model reads it."""

    words: Counted
    letters: Counted
    shape: Array


def read(text: str) -> Read:
    """What of a text matters. Takes time in proportion to the text, and no more than `READ` characters of it."""
    tokens = tokens_of(text)
    return Read(words_in(tokens), letters_in(text), shape_of(text, tokens))


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
    """A linear model over runs of words or letters."""

    idf: Floats
    """By place: the rarer a run was in training, the more it weighs. 0: it was not there."""
    weights: Array
    """By place and model."""

    def unit(self, counted: Counted) -> Counted:
        """The text as a vector of length 1."""
        places, weights = counted
        weights = weights * self.idf[places]
        length = float(np.sqrt(weights @ weights))
        return places, weights / length if length else weights

    def predict(self, unit: Counted) -> Array:
        """One number a model."""
        places, weights = unit
        predicted: Array = weights @ self.weights[places]
        return predicted


@dataclass(frozen=True, eq=False, slots=True)
class Topics:
    """Directions in which the words of texts differ most."""

    places: Codes
    """Of the words that count, ascending."""
    table: Array
    """By word and direction."""

    def of(self, unit: Counted) -> Array:
        """Where a text lies."""
        places, weights = unit
        found = np.minimum(np.searchsorted(self.places, places), len(self.places) - 1)
        known = self.places[found] == places
        # Not `@`: at this size its library would start threads, which an endpoint needs for other calls.
        direction: Array = np.einsum("i,ij->j", weights[known], self.table[found[known]])
        return direction


@dataclass(frozen=True, eq=False, slots=True)
class Likeness:
    """A smooth model: a text is predicted to do as those landmarks did that it is close to."""

    landmarks: Array
    squares: Array
    """The squared length of each landmark."""
    weights: Array
    """By landmark and model."""
    width: float

    def predict(self, point: Array) -> Array:
        """One number a model."""
        # Not `@`, as above.
        apart = self.squares - 2.0 * np.einsum("ij,j->i", self.landmarks, point) + point @ point
        predicted: Array = np.exp(apart * -self.width) @ self.weights
        return predicted


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """See the module. Its numbers are made by `training`, and kept by `file`."""

    words: Runs
    letters: Runs
    topics: Topics
    shape_mean: Array
    shape_deviation: Array
    shape: Likeness
    mixed: Likeness
    mean: Array
    """By part and model: of its predictions for texts that it had not seen."""
    deviation: Array
    slope: Array
    """By model: what a deviation of the mean part is worth in score."""
    intercept: Array

    def predict(self, text: str) -> Array:
        """For each model the score that it is expected to have more than the incumbent; below 0: less."""
        return self.combine(self.parts(read(text)))

    def parts(self, read: Read) -> Array:
        """By part and model."""
        words = self.words.unit(read.words)
        shape = standard(read.shape, self.shape_mean, self.shape_deviation)
        point = np.concatenate([self.topics.of(words), shape])
        return np.stack(
            [
                self.words.predict(words),
                self.letters.predict(self.letters.unit(read.letters)),
                self.shape.predict(shape),
                self.mixed.predict(point),
            ]
        )

    def combine(self, parts: Array) -> Array:
        """The parts' mean, each by its own deviation, as a difference of scores."""
        together: Array = ((parts - self.mean) / self.deviation).mean(axis=-2)
        return together * self.slope + self.intercept


def standard(shape: Array, mean: Array, deviation: Array) -> Array:
    """A shape in deviations; what lies far out counts as lying four of them out."""
    moved: Array = np.clip((shape - mean) / deviation, -4.0, 4.0)
    return moved
