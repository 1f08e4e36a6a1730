"""Draws units in their order, with all that is known of them, a portion ahead of what is asked."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.archive import Archive, Known
from freehold.compare.case import Case, request_hash_of
from freehold.compare.running.order import Order
from freehold.compare.scoring import Scored
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison

_PORTION = 32


class DrawnCase(msgspec.Struct, frozen=True):
    """A case, and the answers to it that are there already."""

    case: Case
    request_hash: str
    known: dict[str, Answer]
    """By model."""


class Draw(msgspec.Struct, frozen=True):
    """A unit."""

    place: int
    cases: list[DrawnCase]
    scores: dict[Known, Scored]
    """Those of the answers that are there already; of other units, too."""


class Drawing:
    """All units of a comparison, one after the other. Holds two portions at the most."""

    def __init__(
        self, comparison: Comparison, shelf: SuiteShelf, archive: Archive, units: int, *, goes_on: bool
    ) -> None:
        """`units`: how many are drawn of those that the suite has. `goes_on`: there may be pairs already."""
        terms = comparison.terms
        self._comparison = comparison
        self._models = (terms.incumbent, *terms.candidates)
        self._shelf = shelf
        self._archive = archive
        self._goes_on = goes_on
        self._order = Order(terms.seed, shelf.units(comparison.suite))
        self.units = min(units, self._order.size)
        self._next = 0
        self._ready: deque[Draw] = deque()
        self._reading: asyncio.Task[list[Draw]] | None = None

    async def draw(self) -> Draw | None:
        """The next unit; None: there is none."""
        if not self._ready:
            if self._reading is None:
                self._read_ahead()
            if self._reading is None:
                return None
            self._ready.extend(await self._reading)
            self._reading = None
            self._read_ahead()
        return self._ready.popleft() if self._ready else None

    async def close(self) -> None:
        """Nothing more is drawn."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
            self._reading = None

    def _read_ahead(self) -> None:
        places = range(self._next, min(self._next + _PORTION, self.units))
        self._next = places.stop
        if places:
            self._reading = asyncio.create_task(asyncio.to_thread(self._read, places))

    def _read(self, places: range) -> list[Draw]:
        units = [self._order[place] for place in places]
        of_units = self._shelf.of_units(self._comparison.suite, units)
        hashes = {case.id: request_hash_of(case.request) for cases in of_units.values() for case in cases}
        known = self._known(places, hashes)
        ids = [answer.id for of_case in known.values() for answer in of_case.values()]
        scores = self._archive.known_scores(ids) if ids else {}
        return [
            Draw(
                place,
                [DrawnCase(case, hashes[case.id], known.get(case.id, {})) for case in of_units[unit]],
                scores,
            )
            for place, unit in zip(places, units, strict=True)
        ]

    def _known(self, places: range, hashes: dict[str, str]) -> dict[str, dict[str, Answer]]:
        """Answers that are there, by the case's id and the model: those that were counted before all others."""
        comparison = self._comparison
        found = self._archive.known_answers(list(hashes.values()), self._models, comparison)
        known: dict[str, dict[str, Answer]] = {
            case: {model: found[one, model] for model in self._models if (one, model) in found}
            for case, one in hashes.items()
        }
        if self._goes_on:
            pairs = self._archive.drawn_pairs(comparison.id, places.start, places.stop - 1)
            counted = self._archive.answers(
                [one for pair in pairs for one in (pair.incumbent_answer, pair.candidate_answer)]
            )
            for pair in pairs:
                of_case = known[pair.case_id]
                if pair.incumbent_answer in counted:
                    of_case[comparison.terms.incumbent] = counted[pair.incumbent_answer]
                if pair.candidate_answer in counted:
                    of_case[pair.candidate] = counted[pair.candidate_answer]
        return known
