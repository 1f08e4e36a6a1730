"""What goes by while the pairs of a comparison are read: sums and distributions, and little of each pair."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from freehold.compare.answer import Answer
from freehold.compare.archive import Known, PairRow
from freehold.compare.pair import NOT_RECORDED
from freehold.compare.report.money import BothPaid, Sums
from freehold.compare.report.report import Course, Latency, Lost
from freehold.compare.report.telling import Choice
from freehold.compare.scoring import Scored
from freehold.compare.stats.course import course_of
from freehold.compare.terms import Terms
from freehold.compare.verdict import Verdict

_SHARES = 61


class Party:
    """One of those who are compared: each of its answers counts once, however many pairs it is in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sums = Sums()
        self.answers = 0
        self._latencies = array("d")
        self._losses: Counter[str] = Counter()
        self._marks: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])

    def see(self, answer: Answer, marks: Mapping[str, Scored]) -> None:
        """One answer, and by the hash of the scorer what was said of it."""
        if answer.failure == NOT_RECORDED:
            return
        self.answers += 1
        self.sums.add(answer.cost)
        self._losses.update(set(answer.losses))
        if answer.failure is None and answer.latency_s is not None:
            self._latencies.append(answer.latency_s)
        for scorer, scored in marks.items():
            if scored.value is not None:
                held = self._marks[scorer]
                held[0] += scored.value
                held[1] += 1

    def mean_of(self, scorer: str) -> float | None:
        """The mean score by one scorer; None: it gave none."""
        held = self._marks.get(scorer)
        return held[0] / held[1] if held and held[1] else None

    def latency(self) -> Latency | None:
        """None: nobody measured it."""
        if not self._latencies:
            return None
        values = np.array(self._latencies)
        shares = np.linspace(0.0, 1.0, min(_SHARES, max(2, len(values))))
        median, p90, p99 = (float(one) for one in np.quantile(values, (0.5, 0.9, 0.99)))
        return Latency(
            model=self.name,
            n=len(values),
            median_s=median,
            p90_s=p90,
            p99_s=p99,
            shares=tuple(
                (float(seconds), float(share))
                for seconds, share in zip(np.quantile(values, shares), shares, strict=True)
            ),
        )

    def losses(self) -> list[Lost]:
        """The most frequent first."""
        return [
            Lost(model=self.name, loss=loss, answers=many, of=self.answers)
            for loss, many in sorted(self._losses.items(), key=lambda one: (-one[1], one[0]))
        ]


class Reckoning:
    """All that is found while the pairs go by, the pairs of one candidate after the other."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.parties = {name: Party(name) for name in terms.parties}
        self.both = {name: BothPaid() for name in terms.candidates}
        self.choice = Choice()
        self.calls: dict[str, None] = {}
        self._units: dict[str, array[float]] = {name: array("d") for name in terms.candidates}
        self._drawn: tuple[str, int] | None = None
        self._of_unit: list[float] = []
        self._seen: set[str] = set()

    def see(
        self,
        rows: Sequence[PairRow],
        answers: Mapping[str, Answer],
        scores: Mapping[Known, Scored],
        classes: Mapping[str, str],
    ) -> None:
        """Some pairs. `classes`: the class of tasks by case."""
        marks: dict[str, dict[str, Scored]] = defaultdict(dict)
        for known, scored in scores.items():
            if not known.against:
                marks[known.answer][known.scorer] = scored
            self._note(*scored.call_ids)
        for row in rows:
            self._count(row)
            self.choice.see(row, classes.get(row.case_id, ""))
            old, new = answers.get(row.incumbent_answer), answers.get(row.candidate_answer)
            if old is not None and old.id not in self._seen:
                self._seen.add(old.id)
                self._meet(self.terms.incumbent, old, marks[old.id])
            if new is not None:
                self._meet(row.candidate, new, marks[new.id])
            if old is not None and new is not None:
                self.both[row.candidate].add(old.cost, new.cost)

    def end(self) -> None:
        """There are no more."""
        self._close_unit()

    def course(self, candidate: str, verdict: Verdict | None) -> Course:
        """How the interval tightened."""
        terms = self.terms
        return Course(
            candidate=candidate,
            steps=tuple(course_of(self._units[candidate], margin=terms.margin, alpha=terms.alpha)),
            decision="undecided" if verdict is None else verdict.decision,
            by_people=verdict is not None and bool(verdict.evidence.correction),
        )

    def _meet(self, party: str, answer: Answer, marks: Mapping[str, Scored]) -> None:
        self.parties[party].see(answer, marks)
        if answer.call_id is not None:
            self._note(answer.call_id)

    def _note(self, *calls: str) -> None:
        self.calls.update(dict.fromkeys(calls))

    def _count(self, row: PairRow) -> None:
        if self._drawn != (row.candidate, row.drawn):
            self._close_unit()
            self._drawn = (row.candidate, row.drawn)
        if row.difference is not None:
            self._of_unit.append(row.difference)

    def _close_unit(self) -> None:
        if self._drawn is not None and self._of_unit:
            self._units[self._drawn[0]].append(sum(self._of_unit) / len(self._of_unit))
        self._of_unit = []
