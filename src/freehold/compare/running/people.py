"""What people would say: verdicts of a judge, corrected with what was found when the judge was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from freehold.compare.archive import Archive, Known, PairRow
from freehold.compare.case import ScorerSettings, Suite
from freehold.compare.judges.checking import JudgeCheck
from freehold.compare.judges.checks import Checks
from freehold.compare.judges.correcting import (
    JudgedPair,
    correct,
    decide,
    decides,
    describe,
    describe_unchecked,
    why_withdrawn,
)
from freehold.compare.judges.material import said_in
from freehold.compare.judges.registry import check_neutrality, judge_hash
from freehold.compare.judges.settings import KINDS, PAIRWISE, read_settings
from freehold.compare.stats.correction import Corrected, Uncorrectable
from freehold.compare.stats.length import length_controlled
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.compare.verdict import InPeoplesSense, LengthControlled, Verdict

T = TypeVar("T")

STOPPED_EARLY = (
    "It had stopped before these labels were known, when the judge was sure, so they do not decide. The same command "
    "compares anew: it asks the cases that are left, and they will."
)
_MOST_PORTION = 500
_Row = tuple[PairRow, str | None]
"""A pair, and the group of its case."""


class People:
    """What is known of the judge of one comparison. Its methods wait for the database."""

    def __init__(self, comparison: Comparison, suite: Suite, archive: Archive, shelf: SuiteShelf) -> None:
        self._comparison = comparison
        self._suite = suite
        self._archive = archive
        self._shelf = shelf
        self._judges = tuple(one for one in suite.scorers if one.kind in KINDS)
        self._check: JudgeCheck | None = None
        if len(self._judges) == 1 and len(suite.scorers) == 1:
            self._check = Checks(archive.database).newest_of(judge_hash(self._judges[0]))

    def patient(self) -> frozenset[str]:
        """The candidates for whom nothing stops early: it is wanted so, or people's labels decide at the end."""
        check, terms = self._check, self._comparison.terms
        if terms.to_the_end:
            return frozenset(terms.candidates)
        if check is None:
            return frozenset()
        return frozenset(
            one
            for one in terms.candidates
            if decides(check, incumbent=terms.incumbent, candidate=one, suite_hash=self._suite.hash)
        )

    def amended(self, verdicts: Sequence[Verdict], obstructed: frozenset[str]) -> list[Verdict]:
        """The verdicts with what has to be known of their judges; those over everything corrected, where that can be.

        `obstructed`: candidates about whom nothing can be decided, whatever a test says.
        """
        if not self._judges:
            return list(verdicts)
        return [self._amended(one, obstructed=one.candidate in obstructed) for one in verdicts]

    def _amended(self, verdict: Verdict, *, obstructed: bool) -> Verdict:
        terms = self._comparison.terms
        notes = check_neutrality(
            self._suite.scorers, (terms.incumbent, verdict.candidate), terms.judges_allowed
        )
        if verdict.task_class:
            unchecked = tuple(map(_unchecked, self._judges))
            return msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes, *unchecked))
        rows = list(self._pairs(verdict.candidate))
        verdict = self._with_length(verdict, rows)
        check = self._check
        if check is None:
            more = tuple(map(_unchecked, self._judges))
            return msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes, *more))
        try:
            found = correct(
                self._judged(rows),
                check,
                incumbent=terms.incumbent,
                candidate=verdict.candidate,
                suite_hash=self._suite.hash,
                alpha=terms.alpha,
                seed=terms.seed,
            )
        except Uncorrectable as error:
            told = f"It could not be corrected with `{check.id}`: {error}."
            more = (_unchecked(self._judges[0]), told)
            return msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes, *more))
        evidence = msgspec.structs.replace(
            verdict.evidence,
            people=InPeoplesSense(
                check=check.id,
                method=found.method,
                difference=found.difference,
                low=found.low,
                high=found.high,
                judge_alone=found.raw,
                labels=found.labels,
                weight=found.weight,
            ),
        )
        verdict = msgspec.structs.replace(verdict, evidence=evidence, notes=(*verdict.notes, *notes))
        if found.method == "prediction-powered" and not self._stopped_early(rows):
            return self._decided(verdict, found, check, obstructed=obstructed)
        return self._beside(verdict, found, check)

    def _decided(self, verdict: Verdict, found: Corrected, check: JudgeCheck, *, obstructed: bool) -> Verdict:
        """By people's labels, once, at the end."""
        terms = self._comparison.terms
        evidence = msgspec.structs.replace(
            verdict.evidence,
            difference=found.difference,
            low=found.low,
            high=found.high,
            correction=describe(found, check),
        )
        decision, reason = verdict.decision, verdict.reason
        if not obstructed:
            # Bonferroni's share of alpha for each candidate.
            decision, reason = decide(found, margin=terms.margin, alpha=terms.alpha / len(terms.candidates))
        return msgspec.structs.replace(verdict, decision=decision, reason=reason, evidence=evidence)

    def _beside(self, verdict: Verdict, found: Corrected, check: JudgeCheck) -> Verdict:
        """By the judge, beside what people would say."""
        terms = self._comparison.terms
        notes = [*verdict.notes, describe(found, check)]
        decision, reason = verdict.decision, verdict.reason
        if found.method == "prediction-powered":
            notes.append(STOPPED_EARLY)
        withdrawn = why_withdrawn(decision, found, margin=terms.margin, alpha=terms.alpha)
        if withdrawn is not None:
            decision, reason = "undecided", withdrawn
        return msgspec.structs.replace(verdict, decision=decision, reason=reason, notes=tuple(notes))

    def _stopped_early(self, rows: Sequence[_Row]) -> bool:
        """Whether the sequential test ended it, so that one look at the end is none."""
        if self._comparison.state != "done":
            return False  # what else stopped it does not know how it stood
        most = self._comparison.terms.max_cases
        units = self._shelf.units(self._suite.id)
        return max((row.drawn for row, _ in rows), default=-1) + 1 < min(
            units, units if most is None else most
        )

    def _with_length(self, verdict: Verdict, rows: Sequence[_Row]) -> Verdict:
        """Pairwise judges favour long answers: how often the candidate's would win if they were as long."""
        if not any(one.kind == PAIRWISE for one in self._judges):
            return verdict
        given = [(row, group) for row, group in rows if row.difference is not None]
        lengths: dict[str, int] = {}
        for some in _portions([row for row, _ in given]):
            ids = [one for row in some for one in (row.incumbent_answer, row.candidate_answer)]
            answers = self._archive.answers(ids)
            lengths |= {
                one: len(said_in(answer)) for one, answer in answers.items() if answer.failure is None
            }
        given = [(row, group) for row, group in given if row.candidate_answer in lengths]
        found = length_controlled(
            np.array([row.difference for row, _ in given], float),
            np.array([lengths[row.candidate_answer] for row, _ in given], float),
            np.array([lengths[row.incumbent_answer] for row, _ in given], float),
            np.array([row.drawn for row, _ in given]),
            alpha=verdict.alpha,
        )
        if found is None:
            return verdict
        controlled = LengthControlled(
            raw=found.raw,
            controlled=found.controlled,
            low=found.low,
            high=found.high,
            length_effect=found.length_effect,
        )
        evidence = msgspec.structs.replace(verdict.evidence, length_controlled=controlled)
        return msgspec.structs.replace(verdict, evidence=evidence)

    def _pairs(self, candidate: str) -> Iterator[_Row]:
        for rows in self._archive.pairs(self._comparison.id, candidate):
            for some in _portions(rows):
                cases = self._shelf.by_id(self._suite.id, [row.case_id for row in some])
                for row in some:
                    yield row, cases[row.case_id].group

    def _judged(self, rows: Sequence[_Row]) -> list[JudgedPair]:
        """Those that count."""
        given = [(row, group) for row, group in rows if row.difference is not None]
        hashed = judge_hash(self._judges[0])
        found = []
        for some in _portions(given):
            answers = self._archive.answers([row.candidate_answer for row, _ in some])
            ids = [one for row, _ in some for one in (row.incumbent_answer, row.candidate_answer)]
            scores = self._archive.known_scores(ids)
            for row, group in some:
                old = scores.get(Known(row.incumbent_answer, "", hashed))
                new = scores.get(Known(row.candidate_answer, "", hashed))
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


def _unchecked(judge: ScorerSettings) -> str:
    return describe_unchecked(read_settings(judge).model)


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(items), _MOST_PORTION):
        yield items[at : at + _MOST_PORTION]
