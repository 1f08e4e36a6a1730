"""Runs a comparison: draws, asks, marks and counts, until every candidate's verdict is sure or nothing is left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from freehold.compare.archive import PairRow
from freehold.compare.evidence import Candidacy
from freehold.compare.halting import Halted
from freehold.compare.judgement import is_hopeless, obstacle, sure_of
from freehold.compare.pair import Pair
from freehold.compare.running.answers import Answers
from freehold.compare.running.drawing import Draw, Drawing, DrawnCase
from freehold.compare.running.keeping import Keeping
from freehold.compare.running.marking import Marker, Scores
from freehold.compare.terms import Terms
from freehold.compare.verdict import Evidence
from freehold.core.figures import counted

T = TypeVar("T")

_AHEAD = 2
"""Units that are under way for each place at a provider: a slow answer must not keep the others waiting."""


class Standing(msgspec.Struct, frozen=True):
    """How a candidate stands."""

    model: str
    evidence: Evidence
    decided: str | None
    """What the test is sure of; None: nothing yet."""
    goes_on: bool


class Progress(msgspec.Struct, frozen=True):
    """How far a comparison is."""

    counted: int
    """Units that were counted."""
    of: int
    """How many there are at the most."""
    asked: int
    reused: int
    spent: Decimal
    unpriced: int
    """Answers whose cost nobody knows."""
    candidates: tuple[Standing, ...]


class Runner:
    """One run of one comparison, in one event loop."""

    def __init__(
        self,
        terms: Terms,
        drawing: Drawing,
        answers: Answers,
        marker: Marker,
        keeping: Keeping,
        *,
        concurrency: int,
        patient: frozenset[str] = frozenset(),
    ) -> None:
        """`patient`: candidates for whom nothing stops early, as they are looked at once, at the end."""
        self.terms = terms
        self.candidacies = [
            Candidacy(model, margin=terms.margin, alpha=terms.alpha, among=len(terms.candidates))
            for model in terms.candidates
        ]
        self.halted: Halted | None = None
        """Why it cannot go on for now."""
        self.stopped: dict[str, str] = {}
        """Why no further case was counted for a candidate, by model, where that is not the end of the suite."""
        self.reported: dict[str, set[str]] = {}
        """By model, what the provider says that answered."""
        self._drawing = drawing
        self._answers = answers
        self._marker = marker
        self._keeping = keeping
        self._window = _AHEAD * concurrency
        self._active = list(terms.candidates)
        self._positions = dict.fromkeys(terms.candidates, 0)
        self._counted = 0
        self._interrupted = False
        self._patient = patient

    @property
    def interrupted(self) -> bool:
        """Whether nothing more is asked."""
        return self._interrupted

    @property
    def is_complete(self) -> bool:
        """Whether every candidate's verdict is sure, or there is nothing left to ask."""
        return self.halted is None and not self._interrupted

    def interrupt(self) -> None:
        """Ask nothing more; what is under way is waited for."""
        self._interrupted = True

    async def run(self) -> None:
        """Until the end. Raises ScorerFailed and StoreError; BadRequest: a case is no request."""
        under_way: deque[asyncio.Task[dict[str, list[Pair]]]] = deque()
        try:
            while self._active and self.halted is None:
                await self._begin(under_way)
                if not under_way:
                    break
                try:
                    pairs = await asyncio.shield(under_way[0])
                except Halted as error:
                    self.halted = error
                    break
                under_way.popleft()
                self._count(pairs)
        except asyncio.CancelledError:
            for task in under_way:
                task.cancel()
            raise
        finally:
            # What was asked beyond the end is paid for, and so it is kept.
            await asyncio.gather(*under_way, return_exceptions=True)
            await self._drawing.close()
        self._say_why()

    def progress(self) -> Progress:
        """How far it is at this moment. Takes a millisecond or two."""
        sure = {
            model: word
            for model, word in sure_of(self.terms, {one.model: one.whole for one in self.candidacies}).items()
            if model not in self._patient
        }
        return Progress(
            counted=self._counted,
            of=self._drawing.units,
            asked=self._answers.asked,
            reused=self._answers.reused,
            spent=self._answers.spent,
            unpriced=self._answers.unpriced,
            candidates=tuple(
                Standing(one.model, one.whole.evidence(), sure.get(one.model), one.model in self._active)
                for one in self.candidacies
            ),
        )

    # Asking

    async def _begin(self, under_way: deque[asyncio.Task[dict[str, list[Pair]]]]) -> None:
        while len(under_way) < self._window and not self._interrupted:
            draw = await self._drawing.draw()
            if draw is None:
                return
            under_way.append(asyncio.create_task(self._go_through(draw, tuple(self._active))))

    async def _go_through(self, draw: Draw, candidates: Sequence[str]) -> dict[str, list[Pair]]:
        """The pairs of a unit, by candidate."""
        of_cases = await _all(
            [self._pairs_of(draw.place, one, candidates, draw.scores) for one in draw.cases]
        )
        return {model: [pairs[at] for pairs in of_cases] for at, model in enumerate(candidates)}

    async def _pairs_of(
        self, place: int, drawn: DrawnCase, candidates: Sequence[str], known: Scores
    ) -> list[Pair]:
        case = drawn.case
        answers = await _all(
            [
                self._answers.answer(one.model, one.request, one.request_hash, one.known)
                for one in (drawn.asked[party] for party in (self.terms.incumbent, *candidates))
            ]
        )
        marks = [await self._marker.mark(case, answer, known) for answer in answers]
        incumbent, *others = zip(answers, marks, strict=True)
        return [await self._marker.pair(place, case, incumbent, other, known) for other in others]

    # Counting

    def _count(self, pairs: dict[str, list[Pair]]) -> None:
        self._counted += 1
        for one in self.candidacies:
            if one.model in self._active:
                one.add(pairs[one.model])
                for pair in pairs[one.model]:
                    self._keep(one.model, pair)
        sure = sure_of(self.terms, {one.model: one.whole for one in self.candidacies})
        for one in self.candidacies:
            if one.model not in self._active:
                continue
            is_sure = one.model in sure and obstacle(self.terms, one.whole, "", "") is None
            is_sure = is_sure and one.model not in self._patient
            if is_sure or is_hopeless(self.terms, one.whole, self._drawing.units):
                self._active.remove(one.model)

    def _keep(self, candidate: str, pair: Pair) -> None:
        self._keeping.keep_pair(
            PairRow(
                candidate=candidate,
                position=self._positions[candidate],
                drawn=pair.drawn,
                case_id=pair.case.id,
                incumbent_answer=pair.incumbent.id,
                candidate_answer=pair.candidate.id,
                difference=pair.difference,
                why=pair.why,
            )
        )
        self._positions[candidate] += 1
        for answer in (pair.incumbent, pair.candidate):
            if answer.reported_model is not None:
                self.reported.setdefault(answer.model, set()).add(answer.reported_model)

    def _say_why(self) -> None:
        for model in self._active:
            if self.halted is not None:
                self.stopped[model] = self.halted.message
            elif self._interrupted:
                self.stopped[model] = "It was interrupted."
            elif self.terms.max_cases is not None and self._drawing.units == self.terms.max_cases:
                self.stopped[model] = f"It was to ask {counted(self.terms.max_cases, 'case')} at the most."


async def _all(work: Sequence[Awaitable[T]]) -> list[T]:
    """The results of all, once all have ended: what is paid for is waited for, whatever becomes of the others."""
    if len(work) == 1:
        return [await work[0]]
    done = await asyncio.gather(*work, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return [one for one in done if not isinstance(one, BaseException)]
