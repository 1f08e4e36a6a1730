"""What people would say: verdicts of a judge, corrected with what was found when the judge was checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.case import ScorerSettings, Suite
from freehold.compare.judges.checking import JudgeCheck
from freehold.compare.judges.checks import Checks
from freehold.compare.judges.correcting import correct, decides
from freehold.compare.judges.deciding import (
    decide,
    decide_classes,
    describe,
    describe_too_few,
    describe_unchecked,
    why_withdrawn,
)
from freehold.compare.judges.registry import check_neutrality, judge_hash
from freehold.compare.judges.settings import KINDS, PAIRWISE, read_settings
from freehold.compare.running.judged import JudgedRow, Material
from freehold.compare.stats.correction import Corrected, Uncorrectable
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.compare.verdict import Adjusted, InPeoplesSense, Verdict

STOPPED_EARLY = (
    "It had stopped before these labels were known, when the judge was sure, so they do not decide. The same command "
    "compares anew: it asks the cases that are left, and they will."
)


class _Amending(NamedTuple):
    """A verdict that is not decided yet."""

    verdict: Verdict
    corrected: Corrected | None
    told: str
    """Why it could not be corrected."""


class People:
    """What is known of the judge of one comparison. Its methods wait for the database."""

    def __init__(self, comparison: Comparison, suite: Suite, archive: Archive, shelf: SuiteShelf) -> None:
        self._comparison = comparison
        self._suite = suite
        self._shelf = shelf
        self._material = Material(comparison.id, suite.id, archive, shelf)
        self._judges = tuple(one for one in suite.scorers if one.kind in KINDS)
        self._check: JudgeCheck | None = None
        self._classes: dict[str, str] | None = None
        """Of labelled cases."""
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

    def amended(
        self, verdicts: Sequence[Verdict], classes: int, obstructed: Collection[tuple[str, str]]
    ) -> list[Verdict]:
        """The verdicts with what has to be known of their judges, corrected where that can be.

        `classes`: how many classes of tasks the suite has. `obstructed`: by candidate and class, those about which
        nothing can be decided, whatever a test says.
        """
        if not self._judges:
            return list(verdicts)
        of_candidates: dict[str, list[Verdict]] = {}
        for one in verdicts:
            of_candidates.setdefault(one.candidate, []).append(one)
        amended = []
        for candidate, some in of_candidates.items():
            rows = list(self._material.rows(candidate))
            whole, *named = [self._corrected(one, rows) for one in some]
            if self._check is not None and _is_of_sample(whole.corrected) and not self._stopped_early(rows):
                amended.append(self._decided(whole, self._check, obstructed))
                amended += self._decided_classes(named, self._check, classes, obstructed)
            else:
                amended += [self._beside(one) for one in (whole, *named)]
        return amended

    def _corrected(self, verdict: Verdict, rows: Sequence[JudgedRow]) -> _Amending:
        """A verdict, with what people would say beside what the judge does; `rows` are all of its candidate's."""
        terms, check, within = self._comparison.terms, self._check, None
        notes = check_neutrality(
            self._suite.scorers, (terms.incumbent, verdict.candidate), terms.judges_allowed
        )
        verdict = msgspec.structs.replace(verdict, notes=(*verdict.notes, *notes))
        if verdict.task_class:
            rows = [one for one in rows if one.task_class == verdict.task_class]
            within = self._labelled(verdict.task_class)
        else:
            verdict = self._with_length(verdict, rows)
        if check is None:
            return _Amending(verdict, None, "")
        try:
            found = correct(
                self._material.judged(rows, judge_hash(self._judges[0])),
                check,
                incumbent=terms.incumbent,
                candidate=verdict.candidate,
                suite_hash=self._suite.hash,
                alpha=terms.alpha,
                seed=terms.seed,
                within=within,
            )
        except Uncorrectable as error:
            return _Amending(verdict, None, f"It could not be corrected with `{check.id}`: {error}.")
        people = InPeoplesSense(
            check=check.id,
            method=found.method,
            difference=found.difference,
            low=found.low,
            high=found.high,
            judge_alone=found.raw,
            labels=found.labels,
            weight=found.weight,
        )
        evidence = msgspec.structs.replace(verdict.evidence, people=people)
        return _Amending(msgspec.structs.replace(verdict, evidence=evidence), found, "")

    def _decided(self, one: _Amending, check: JudgeCheck, obstructed: Collection[tuple[str, str]]) -> Verdict:
        """By people's labels, once, at the end."""
        terms, found = self._comparison.terms, one.corrected
        assert found is not None
        shared = len(terms.candidates)
        verdict = _with_people(one.verdict, found, check, "bonferroni" if shared > 1 else "")
        if (verdict.candidate, "") in obstructed:
            return verdict
        decision, reason = decide(found, margin=terms.margin, alpha=terms.alpha / shared)
        return msgspec.structs.replace(verdict, decision=decision, reason=reason)

    def _decided_classes(
        self,
        named: Sequence[_Amending],
        check: JudgeCheck,
        classes: int,
        obstructed: Collection[tuple[str, str]],
    ) -> list[Verdict]:
        """By the labels of each class, once, at the end. Where those are too few, nobody decides: what is said over
        everything is people's, and the judge was checked because it is not to be believed unseen.
        """
        terms = self._comparison.terms
        of_sample = {
            one.verdict.task_class: one.corrected
            for one in named
            if one.corrected is not None and _is_of_sample(one.corrected)
        }
        found = decide_classes(of_sample, classes, margin=terms.margin, alpha=terms.alpha)
        verdicts = []
        for one in named:
            name, verdict = one.verdict.task_class, one.verdict
            corrected = of_sample.get(name)
            if corrected is not None:
                verdict = _with_people(verdict, corrected, check, "holm")
                decision, reason = found[name]
            else:
                told = one.told
                if one.corrected is not None:
                    told = describe(one.corrected, check, of_class=True)
                verdict = msgspec.structs.replace(verdict, adjusted="holm", notes=(*verdict.notes, told))
                decision, reason = "undecided", describe_too_few(check.judge)
            if (verdict.candidate, name) not in obstructed:
                verdict = msgspec.structs.replace(verdict, decision=decision, reason=reason)
            verdicts.append(verdict)
        return verdicts

    def _beside(self, one: _Amending) -> Verdict:
        """By the judge, beside what people would say where that is known."""
        terms, check, verdict, found = self._comparison.terms, self._check, one.verdict, one.corrected
        if check is None or found is None:
            notes = [*verdict.notes, *map(_unchecked, self._judges)]
            return msgspec.structs.replace(verdict, notes=(*notes, *filter(None, [one.told])))
        notes = [*verdict.notes, describe(found, check, of_class=bool(verdict.task_class))]
        decision, reason = verdict.decision, verdict.reason
        if _is_of_sample(found):
            notes.append(STOPPED_EARLY)
        withdrawn = why_withdrawn(decision, found, margin=terms.margin, alpha=terms.alpha)
        if withdrawn is not None:
            decision, reason = "undecided", withdrawn
        return msgspec.structs.replace(verdict, decision=decision, reason=reason, notes=tuple(notes))

    def _labelled(self, task_class: str) -> frozenset[str]:
        """The labelled cases that are of a class of tasks, where the labels are of this suite's cases."""
        if self._check is None or self._check.sample_of != self._suite.hash:
            return frozenset()
        if self._classes is None:
            self._classes = self._material.classes_of({one.case for one in self._check.judged})
        return frozenset(name for name, of in self._classes.items() if of == task_class)

    def _with_length(self, verdict: Verdict, rows: Sequence[JudgedRow]) -> Verdict:
        if not any(one.kind == PAIRWISE for one in self._judges):
            return verdict
        controlled = self._material.length_controlled(rows, verdict.alpha)
        evidence = msgspec.structs.replace(verdict.evidence, length_controlled=controlled)
        return msgspec.structs.replace(verdict, evidence=evidence)

    def _stopped_early(self, rows: Sequence[JudgedRow]) -> bool:
        """Whether the sequential test ended it, so that one look at the end is none."""
        if self._comparison.state != "done":
            return False  # what else stopped it does not know how it stood
        most = self._comparison.terms.max_cases
        units = self._shelf.units(self._suite.id)
        return max((one.row.drawn for one in rows), default=-1) + 1 < min(
            units, units if most is None else most
        )


def _is_of_sample(found: Corrected | None) -> bool:
    """Whether labels of a random sample of what it is about corrected it."""
    return found is not None and found.method == "prediction-powered"


def _with_people(verdict: Verdict, found: Corrected, check: JudgeCheck, adjusted: Adjusted) -> Verdict:
    evidence = msgspec.structs.replace(
        verdict.evidence,
        difference=found.difference,
        low=found.low,
        high=found.high,
        correction=describe(found, check, of_class=bool(verdict.task_class)),
    )
    return msgspec.structs.replace(verdict, evidence=evidence, adjusted=adjusted)


def _unchecked(judge: ScorerSettings) -> str:
    return describe_unchecked(read_settings(judge).model)
