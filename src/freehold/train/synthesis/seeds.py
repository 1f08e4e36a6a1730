"""Seeds: which cell of the grid each attempt is about, and the numbers that are drawn for it."""

from __future__ import annotations

import itertools
import random
from functools import lru_cache

import msgspec

from freehold.train.synthesis.outline import AXES, Outline, Seeds


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt is about."""

    attempt: int
    """Its number, from 0."""
    cell: int
    """Of the grid, from 0."""
    values: dict[str, str]
    """What stands in the places of prompts: `topic`, `difficulty`, `persona`, `format`."""
    numbers: dict[str, int] = {}
    """What was drawn for a template."""


class Sower:
    """Gives each attempt its seed: the same for the same outline and number, in whichever order they are asked."""

    def __init__(self, outline: Outline, seed: int) -> None:
        self._cells = cells_of(outline.seeds)
        self._numbers = outline.question.numbers
        self._seed = seed
        self._order = lru_cache(maxsize=2)(self._shuffled)

    @property
    def cells(self) -> int:
        """How many cells the grid has."""
        return len(self._cells)

    def seed_of(self, attempt: int) -> Seed:
        """Every cell comes once before one comes twice."""
        round_, place = divmod(attempt, self.cells)
        cell = self._order(round_)[place]
        drawn = random.Random(f"{self._seed}/numbers/{attempt}")
        numbers = {name: drawn.randint(low, high) for name, (low, high) in self._numbers.items()}
        return Seed(attempt=attempt, cell=cell, values=self._cells[cell], numbers=numbers)

    def _shuffled(self, round_: int) -> list[int]:
        order = list(range(self.cells))
        random.Random(f"{self._seed}/order/{round_}").shuffle(order)
        return order


def cells_of(seeds: Seeds) -> list[dict[str, str]]:
    """All cells, in the order of the file."""
    axes = seeds.topics, seeds.difficulties, seeds.personas, seeds.formats
    return [dict(zip(AXES, one, strict=True)) for one in itertools.product(*axes)]
