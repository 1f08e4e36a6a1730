"""From pairs to evidence: what is counted, in the order in which it was drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from freehold.compare.pair import NOT_RECORDED, Pair
from freehold.compare.stats.planning import Ahead, cases_ahead
from freehold.compare.stats.sequential import PairedTest
from freehold.compare.verdict import Evidence

_LONGEST_REASON = 60
"""Characters of why an answer failed, which may come from a file of recorded answers."""
_MOST_REASONS = 50
_NOBODY_FAILED = (None, NOT_RECORDED)

Sure = Literal["replaces", "does not replace"]


class Tally:
    """The pairs of one candidate, in one class of tasks or in all of them. Takes next to no memory for each."""

    def __init__(self, *, margin: float, alpha: float, among: int = 1) -> None:
        """`among`: how many candidates share alpha; what is foreseen reckons with that."""
        self._alpha = alpha
        self._test = PairedTest(margin=margin, alpha=alpha / among)
        self.drawn = 0
        """Units, those that do not count among them."""
        self.units = 0
        """Units that counted. The pairs of one are not independent of each other, so together they are one."""
        self.n = self.wins = self.losses = self.ties = 0
        self.pairs = 0
        """Pairs, those that do not count among them."""
        self.uncounted: Counter[str] = Counter()
        self.failures = {"incumbent": 0, "candidate": 0}
        """Answers that failed."""
        self.reasons: dict[str, Counter[str]] = {"incumbent": Counter(), "candidate": Counter()}
        """Why, as codes of errors; of many different ones the first."""
        self._scores = [0.0, 0.0]
        self._scored = 0
        self.most_replaces = self.most_worse = 0.0
        """The highest that the logarithms of the two e-values have been."""

    def add(self, pairs: Sequence[Pair]) -> None:
        """The pairs of one unit, all of them."""
        self.drawn += 1
        differences = [one.difference for one in pairs if self._count(one) and one.difference is not None]
        if differences:
            self.units += 1
            self._test.add(sum(differences) / len(differences))
            self.most_replaces = max(self.most_replaces, self._test.log_e_replaces)
            self.most_worse = max(self.most_worse, self._test.log_e_worse)

    def _count(self, pair: Pair) -> bool:
        self.pairs += 1
        for who, answer in (("incumbent", pair.incumbent), ("candidate", pair.candidate)):
            if answer.failure not in _NOBODY_FAILED:
                self.failures[who] += 1
                self._count_reason(self.reasons[who], str(answer.failure)[:_LONGEST_REASON])
        if pair.difference is None:
            self.uncounted[pair.why or "no verdict"] += 1
            return False
        self.n += 1
        self.wins += pair.difference > 0
        self.losses += pair.difference < 0
        self.ties += pair.difference == 0
        if pair.incumbent_score is not None and pair.candidate_score is not None:
            self._scored += 1
            self._scores[0] += pair.incumbent_score
            self._scores[1] += pair.candidate_score
        return True

    def _count_reason(self, reasons: Counter[str], reason: str) -> None:
        if reason in reasons or len(reasons) < _MOST_REASONS:
            reasons[reason] += 1

    @property
    def difference(self) -> float | None:
        """The mean difference of the units that count, which is what the test and its interval are about; None: none
        does.
        """
        return self._test.difference

    @property
    def log_e_replaces(self) -> float:
        """Natural logarithm of the e-value against "worse by the margin or more", as it is now."""
        return self._test.log_e_replaces

    @property
    def log_e_worse(self) -> float:
        """The same against "not worse by the margin"."""
        return self._test.log_e_worse

    def ahead(self) -> Ahead:
        """How many more units it may take."""
        return cases_ahead(self._test)

    def most_failed(self) -> tuple[Literal["incumbent", "candidate"], int]:
        """Whose answers failed more often, and how many of them."""
        if self.failures["incumbent"] > self.failures["candidate"]:
            return "incumbent", self.failures["incumbent"]
        return "candidate", self.failures["candidate"]

    def evidence(self) -> Evidence:
        """What it amounts to at this moment. The interval takes a while: a few microseconds for each unit."""
        scored = self._scored == self.n and self.n > 0
        low, high = self._test.interval(self._alpha) if self.units else (-1.0, 1.0)
        return Evidence(
            n=self.n,
            units=self.units,
            wins=self.wins,
            losses=self.losses,
            ties=self.ties,
            uncounted=dict(self.uncounted),
            failures=dict(self.failures),
            incumbent_mean=self._scores[0] / self.n if scored else None,
            candidate_mean=self._scores[1] / self.n if scored else None,
            difference=self.difference,
            low=low,
            high=high,
            log_e_replaces=self.log_e_replaces,
            log_e_worse=self.log_e_worse,
        )


class Candidacy:
    """One candidate: its tally over everything, and one for each class of tasks."""

    def __init__(self, model: str, *, margin: float, alpha: float, among: int = 1) -> None:
        """`among`: how many candidates there are."""
        self.model = model
        self.whole = Tally(margin=margin, alpha=alpha, among=among)
        self.classes: dict[str, Tally] = {}
        self._margin, self._alpha = margin, alpha

    def add(self, pairs: Sequence[Pair]) -> None:
        """The pairs of one unit, all of them."""
        self.whole.add(pairs)
        for name in dict.fromkeys(one.case.task_class for one in pairs if one.case.task_class):
            if name not in self.classes:
                self.classes[name] = Tally(margin=self._margin, alpha=self._alpha)
            self.classes[name].add([one for one in pairs if one.case.task_class == name])
