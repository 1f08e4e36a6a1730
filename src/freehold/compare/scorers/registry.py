"""From a suite's scorers, as they are written, to scorers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case, ScorerSettings
from freehold.compare.scoring import Scored, Scorer
from freehold.core.errors import BadRequest


class OpenScorer(Scorer, Protocol):
    """A scorer that may hold something, processes for one, and can look at a case before it is asked."""

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case's target is not what this scorer takes."""

    async def close(self) -> None:
        """Gives back what it holds. It may be called twice."""


def scorer_of(scorer: ScorerSettings, *, others: Iterable[str] = ()) -> OpenScorer:
    """The scorer, ready to be used. Raises BadRequest: there is no such kind, or its settings are wrong."""
    if scorer.kind != "exact":
        raise BadRequest(f"There is no scorer `{scorer.kind}`.", hint="There is `exact`.", param="scorers")
    return _Exact()


class _Exact:
    hash = hashlib.sha256(b"exact 1").hexdigest()

    def check(self, case: Case) -> None:
        self._target(case)

    async def score(self, case: Case, answer: Answer) -> Scored:
        return Scored(float(answer.text.strip() in self._target(case)))

    async def close(self) -> None:
        pass

    def _target(self, case: Case) -> list[str]:
        try:
            target = msgspec.json.decode(case.target, type=str | list[str])
        except msgspec.DecodeError as error:
            raise BadRequest(f"The target of case `{case.id}`: {error}.", param="target") from None
        return [target] if isinstance(target, str) else target
