"""From a suite's scorers, as they are written, to scorers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from freehold.compare.case import Case, ScorerSettings
from freehold.compare.scorers import python_tests
from freehold.compare.scorers.choices import CHOICE
from freehold.compare.scorers.instructions.following import INSTRUCTIONS
from freehold.compare.scorers.kind import Kind, LookingScorer
from freehold.compare.scorers.numeric import NUMERIC
from freehold.compare.scorers.patterns import REGEX
from freehold.compare.scorers.python_tests import PythonTestsScorer, PythonTestsSettings
from freehold.compare.scorers.recorded import RECORDED
from freehold.compare.scorers.schemas import JSON_SCHEMA
from freehold.compare.scorers.similarity import CHRF, ROUGE_L, TOKEN_F1
from freehold.compare.scorers.texts import EXACT, NORMALISED
from freehold.compare.scorers.tools import TOOL_CALL
from freehold.compare.scoring import Scorer
from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean, one_of


class OpenScorer(Scorer, Protocol):
    """A scorer that may hold something, processes for one, and can look at a case before it is asked."""

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case's target is not what this scorer takes."""

    async def close(self) -> None:
        """Gives back what it holds. It may be called twice."""


_KINDS: dict[str, Kind[Any, Any]] = {
    kind.name: kind
    for kind in (
        EXACT,
        NORMALISED,
        NUMERIC,
        CHOICE,
        REGEX,
        JSON_SCHEMA,
        TOOL_CALL,
        INSTRUCTIONS,
        CHRF,
        ROUGE_L,
        TOKEN_F1,
        RECORDED,
    )
}
"""Kinds that need nothing but the answer."""
_OTHERS: dict[str, Callable[[msgspec.Raw], OpenScorer]] = {python_tests.NAME: PythonTestsScorer}


def kinds() -> tuple[str, ...]:
    """The kinds of scorers that ask no model."""
    return (*_KINDS, *_OTHERS)


def settings_of_kind(name: str) -> type[msgspec.Struct]:
    """How a kind can be set. Raises KeyError."""
    return PythonTestsSettings if name == python_tests.NAME else _KINDS[name].settings


def scorer_of(scorer: ScorerSettings, *, others: Iterable[str] = ()) -> OpenScorer:
    """The scorer, ready to be used. `others` are kinds that somebody else makes: they are proposed as well.

    Raises BadRequest: there is no such kind, or its settings are wrong.
    """
    if scorer.kind in _OTHERS:
        return _OTHERS[scorer.kind](scorer.settings)
    kind = _KINDS.get(scorer.kind)
    if kind is None:
        known = (*kinds(), *others)
        hint = did_you_mean(scorer.kind, known) or f"There are {one_of(known)}."
        raise BadRequest(f"There is no scorer `{scorer.kind}`.", hint=hint, param="scorers")
    return LookingScorer(kind, scorer.settings)
