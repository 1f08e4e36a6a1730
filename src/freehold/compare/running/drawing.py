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


class Asked(msgspec.Struct, frozen=True):
    """What one party is asked."""

    model: str
    request: msgspec.Raw
    request_hash: str
    known: Answer | None
    """The answer that is there already."""


class DrawnCase(msgspec.Struct, frozen=True):
    """A case, and the answers to it that are there already."""

    case: Case
    asked: dict[str, Asked]
    """By party."""


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
        cases = [case for unit in units for case in of_units[unit]]
        asked = {case.id: self._asked(case) for case in cases}
        self._look_up(places, asked)
        ids = [
            one.known.id for of_case in asked.values() for one in of_case.values() if one.known is not None
        ]
        scores = self._archive.known_scores(ids) if ids else {}
        return [
            Draw(place, [DrawnCase(case, asked[case.id]) for case in of_units[unit]], scores)
            for place, unit in zip(places, units, strict=True)
        ]

    def _asked(self, case: Case) -> dict[str, Asked]:
        terms = self._comparison.terms
        found = {}
        own = request_hash_of(case.request)
        for party in terms.parties:
            request = terms.request_for(party, case.request)
            hashed = own if request is case.request else request_hash_of(request)
            found[party] = Asked(terms.model_of(party), request, hashed, None)
        return found

    def _look_up(self, places: range, asked: dict[str, dict[str, Asked]]) -> None:
        """Put in the answers that are there: those that were counted before all others."""
        comparison, archive = self._comparison, self._archive
        models = {one.model for of_case in asked.values() for one in of_case.values()}
        hashes = {one.request_hash for of_case in asked.values() for one in of_case.values()}
        known = archive.known_answers(sorted(hashes), sorted(models), comparison)
        if known:
            for of_case in asked.values():
                for party, one in of_case.items():
                    answer = known.get((one.request_hash, one.model))
                    of_case[party] = msgspec.structs.replace(one, known=answer)
        if not self._goes_on:
            return
        pairs = archive.drawn_pairs(comparison.id, places.start, places.stop - 1)
        counted = archive.answers(
            [one for pair in pairs for one in (pair.incumbent_answer, pair.candidate_answer) if one]
        )
        for pair in pairs:
            of_case = asked[pair.case_id]
            for party, answer_id in (
                (comparison.terms.incumbent, pair.incumbent_answer),
                (pair.candidate, pair.candidate_answer),
            ):
                if answer_id in counted:
                    of_case[party] = msgspec.structs.replace(of_case[party], known=counted[answer_id])
