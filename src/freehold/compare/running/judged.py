"""What a judge said of the pairs of a comparison, gathered from where it is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from freehold.compare.archive import Archive, Known, PairRow
from freehold.compare.judges.correcting import JudgedPair
from freehold.compare.judges.material import said_in
from freehold.compare.stats.length import length_controlled
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.verdict import LengthControlled

T = TypeVar("T")

_MOST_PORTION = 500


class JudgedRow(NamedTuple):
    """A pair, and what its case is."""

    row: PairRow
    group: str | None
    task_class: str


class Material:
    """Of one comparison. Its methods wait for the database."""

    def __init__(self, comparison: str, suite: str, archive: Archive, shelf: SuiteShelf) -> None:
        self._comparison = comparison
        self._suite = suite
        self._archive = archive
        self._shelf = shelf

    def rows(self, candidate: str) -> Iterator[JudgedRow]:
        """All pairs of a candidate, in their order."""
        for rows in self._archive.pairs(self._comparison, candidate):
            for some in _portions(rows):
                cases = self._shelf.by_id(self._suite, [row.case_id for row in some])
                for row in some:
                    case = cases[row.case_id]
                    yield JudgedRow(row, case.group, case.task_class)

    def judged(self, rows: Sequence[JudgedRow], scorer: str) -> list[JudgedPair]:
        """Those that count, with the scores of the judge whose hash is `scorer`."""
        given = [one for one in rows if one.row.difference is not None]
        found = []
        for some in _portions(given):
            answers = self._archive.answers([one.row.candidate_answer for one in some])
            ids = [one for row, _, _ in some for one in (row.incumbent_answer, row.candidate_answer)]
            scores = self._archive.known_scores(ids)
            for row, group, _ in some:
                old = scores.get(Known(row.incumbent_answer, "", scorer))
                new = scores.get(Known(row.candidate_answer, "", scorer))
                assert row.difference is not None
                found.append(
                    JudgedPair(
                        case=row.case_id,
                        group=group,
                        difference=row.difference,
                        incumbent=None if old is None else old.value,
                        candidate=None if new is None else new.value,
                        failed=answers[row.candidate_answer].failure is not None,
                    )
                )
        return found

    def length_controlled(self, rows: Sequence[JudgedRow], alpha: float) -> LengthControlled | None:
        """Pairwise judges favour long answers: how often the candidate's would win if they were as long as the
        incumbent's. None: there are too few pairs.
        """
        given = [one.row for one in rows if one.row.difference is not None]
        lengths: dict[str, int] = {}
        for some in _portions(given):
            ids = [one for row in some for one in (row.incumbent_answer, row.candidate_answer)]
            answers = self._archive.answers(ids)
            lengths |= {
                one: len(said_in(answer)) for one, answer in answers.items() if answer.failure is None
            }
        given = [row for row in given if row.candidate_answer in lengths]
        found = length_controlled(
            np.array([row.difference for row in given], float),
            np.array([lengths[row.candidate_answer] for row in given], float),
            np.array([lengths[row.incumbent_answer] for row in given], float),
            np.array([row.drawn for row in given]),
            alpha=alpha,
        )
        if found is None:
            return None
        return LengthControlled(
            raw=found.raw,
            controlled=found.controlled,
            low=found.low,
            high=found.high,
            length_effect=found.length_effect,
        )

    def classes_of(self, cases: Collection[str]) -> dict[str, str]:
        """The classes of tasks of some cases, by their ids."""
        found = [self._shelf.by_id(self._suite, some) for some in _portions(sorted(cases))]
        return {name: case.task_class for some in found for name, case in some.items()}


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(items), _MOST_PORTION):
        yield items[at : at + _MOST_PORTION]
