"""From a suite's scorers, as they are written, to scorers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from freehold.compare.case import Case, ScorerSettings
from freehold.compare.scorers.kind import Kind, LookingScorer
from freehold.compare.scorers.recorded import RECORDED
from freehold.compare.scorers.texts import EXACT, NORMALISED
from freehold.compare.scoring import Scorer
from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean, one_of


class OpenScorer(Scorer, Protocol):
    """A scorer that may hold something, processes for one, and can look at a case before it is asked."""

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case's target is not what this scorer takes."""

    async def close(self) -> None:
        """Gives back what it holds. It may be called twice."""


_KINDS: dict[str, Kind[Any, Any]] = {kind.name: kind for kind in (EXACT, NORMALISED, RECORDED)}


def kinds() -> tuple[str, ...]:
    """The kinds of scorers that ask no model."""
    return tuple(_KINDS)


def scorer_of(scorer: ScorerSettings, *, others: Iterable[str] = ()) -> OpenScorer:
    """The scorer, ready to be used. `others` are kinds that somebody else makes: they are proposed as well.

    Raises BadRequest: there is no such kind, or its settings are wrong.
    """
    kind = _KINDS.get(scorer.kind)
    if kind is None:
        known = (*_KINDS, *others)
        hint = did_you_mean(scorer.kind, known) or f"There are {one_of(known)}."
        raise BadRequest(f"There is no scorer `{scorer.kind}`.", hint=hint, param="scorers")
    return LookingScorer(kind, scorer.settings)
