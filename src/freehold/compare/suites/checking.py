"""Whether the scorers of a suite exist, are set as they can be, and take its targets: before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.compare.case import Case, ScorerSettings
from freehold.compare.judges.settings import KINDS, read_settings
from freehold.compare.scorers.registry import OpenScorer, scorer_of
from freehold.compare.suites.problems import LineProblem
from freehold.core.errors import BadRequest


class Checks:
    """The scorers of a suite, to look at its cases with."""

    def __init__(self, scorers: Sequence[ScorerSettings]) -> None:
        """Raises BadRequest: there is no such scorer, or it cannot be set so."""
        kinds = [scorer.kind for scorer in scorers]
        self._scorers: list[OpenScorer] = []
        for scorer in scorers:
            if scorer.kind in KINDS:
                read_settings(scorer)
            else:
                self._scorers.append(scorer_of(scorer, others=KINDS))
        twice = next((kind for kind in kinds if kinds.count(kind) > 1 and _same(scorers, kind)), None)
        if twice is not None:
            raise BadRequest(f"The scorer `{twice}` is there twice, set in the same way.")

    def check(self, case: Case) -> None:
        """Raises LineProblem: the case's target is not what a scorer takes."""
        for scorer in self._scorers:
            try:
                scorer.check(case)
            except BadRequest as error:
                raise LineProblem(error.message, field="target") from None


def _same(scorers: Sequence[ScorerSettings], kind: str) -> bool:
    settings = [bytes(scorer.settings) for scorer in scorers if scorer.kind == kind]
    return len(set(settings)) < len(settings)
