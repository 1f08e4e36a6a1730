"""The verdicts that stand: the newest that decided something, its age, and whether the models are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.case import Suite
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison
from freehold.compare.verdict import Verdict
from freehold.core.errors import NotFound
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.rollout.independence.weights import DAY_US, OF_SUITES, OF_VERDICTS

_MOST_COMPARISONS = 1_000
_NEWEST_CALLS = 50


class Proven(msgspec.Struct, frozen=True):
    """A verdict, and what it rests on."""

    verdict: Verdict
    comparison: Comparison
    suite: Suite

    def fresh(self, now_us: int) -> float:
        """What is left of it by its age and its suite's, whichever counts less."""
        of_suite = OF_SUITES.weight(now_us - self.suite.made_us)
        return min(OF_VERDICTS.weight(now_us - self.verdict.made_us), of_suite)

    def age_days(self, now_us: int) -> int:
        """Of the verdict, or of its suite where that counts less."""
        of_suite = OF_SUITES.weight(now_us - self.suite.made_us)
        of_verdict = OF_VERDICTS.weight(now_us - self.verdict.made_us)
        oldest = self.suite.made_us if of_suite < of_verdict else self.verdict.made_us
        return max(0, (now_us - oldest) // DAY_US)

    @property
    def turned_round(self) -> bool:
        """Whether the incumbent is not worse than the candidate by the margin either: the interval ends below it."""
        evidence = self.verdict.evidence
        return evidence.n > 0 and evidence.high < self.verdict.margin


class Standings:
    """The verdicts about one route, the newest first."""

    def __init__(self, proven: Sequence[Proven]) -> None:
        self._proven = sorted(proven, key=lambda one: -one.verdict.made_us)

    @property
    def class_suite(self) -> Suite | None:
        """The suite of the newest comparison that knows classes of tasks."""
        return next((one.suite for one in self._proven if one.verdict.task_class), None)

    @property
    def suite(self) -> Suite | None:
        """The suite of the newest comparison."""
        return self._proven[0].suite if self._proven else None

    @property
    def models(self) -> list[str]:
        """Every model that is in a verdict."""
        named = (model for one in self._proven for model in (one.verdict.incumbent, _model_of(one)))
        return list(dict.fromkeys(named))

    def about(self, candidate: str) -> list[Proven]:
        """What the newest comparison with this candidate found, over all classes first."""
        mine = [one for one in self._proven if _model_of(one) == candidate]
        newest = [one for one in mine if one.comparison.id == mine[0].comparison.id]
        return sorted(newest, key=lambda one: one.verdict.task_class)

    def find(self, incumbents: Sequence[str], candidate: str, task_class: str) -> Proven | None:
        """The newest verdict that decides whether `candidate` replaces one of `incumbents`; else the newest undecided.

        A class that has no verdict of its own, or none that decides, goes by the one over all classes.
        """
        among = [
            one for one in self._proven if one.verdict.incumbent in incumbents and _model_of(one) == candidate
        ]
        wanted = (task_class, "") if task_class else ("",)
        for name in wanted:
            for one in among:
                if one.verdict.task_class == name and one.verdict.decision != "undecided":
                    return one
        return next((one for one in among if not one.verdict.task_class), None)

    def turned_round(self, candidate: str, was: str) -> Proven | None:
        """The newest verdict of a comparison in which `was` was to replace `candidate`, and was not better by much."""
        return next(
            (
                one
                for one in self._proven
                if one.verdict.incumbent == candidate
                and _model_of(one) == was
                and not one.verdict.task_class
                and one.comparison.terms.prompt is None
            ),
            None,
        )


def _model_of(one: Proven) -> str:
    """The candidate's model, without the prompt that it was given."""
    return one.comparison.terms.model_of(one.verdict.candidate)


def standings_of(archive: Archive, shelf: SuiteShelf, routes: Sequence[str]) -> Mapping[str, Standings]:
    """By route: a verdict is about one if it was asked for it, or on a suite of its own calls. Raises StoreError."""
    found: dict[str, list[Proven]] = {name: [] for name in routes}
    if archive.database.exists:
        for comparison in archive.newest(_MOST_COMPARISONS):
            try:
                suite = shelf.find(comparison.suite)
            except NotFound:  # it was put away, and nobody can tell what was asked
                continue
            about = {name for name in _routes_of(comparison, suite) if name in found}
            if about:
                proven = [Proven(one, comparison, suite) for one in archive.verdicts(comparison.id)]
                for name in about:
                    found[name] += proven
    return {name: Standings(some) for name, some in found.items()}


def _routes_of(comparison: Comparison, suite: Suite) -> Iterator[str]:
    if comparison.terms.route is not None:
        yield comparison.terms.route
    elif suite.source.kind == "calls":
        yield suite.source.name


class Versions:
    """What models have called themselves of late: another name, and another model may answer in its place."""

    def __init__(self, history: LedgerReader) -> None:
        self._history = history
        self._known: dict[str, list[tuple[int, str]]] = {}

    def changed(self, proven: Proven, models: Sequence[str]) -> str | None:
        """The model of these that calls itself otherwise than when it was compared; None: none is known to."""
        for model in models:
            then = proven.verdict.reported_models.get(model)
            if not then:
                continue
            since = [name for at, name in self._reported(model) if at > proven.verdict.made_us]
            if any(name not in then for name in since):
                return model
        return None

    def _reported(self, model: str) -> list[tuple[int, str]]:
        if model not in self._known:
            chosen = Filter(model=model, outcome="answered")
            calls = self._history.calls(chosen, limit=_NEWEST_CALLS) if self._history.exists else []
            self._known[model] = [
                (one.call.started_us, one.call.reported_model) for one in calls if one.call.reported_model
            ]
        return self._known[model]
