"""Whether answers are right, by the very scorers that comparisons use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case, ScorerSettings
from freehold.compare.scorers.registry import kinds, scorer_of
from freehold.core.errors import BadRequest
from freehold.train.data.row import Row
from freehold.train.data.shelf import Manifest


class Checker:
    """Scores answers to a dataset's rows by its scorers. It may hold processes until it is left."""

    def __init__(self, scorers: Sequence[ScorerSettings]) -> None:
        """Raises BadRequest: there is none, or one asks a model, or its settings are wrong."""
        if not scorers:
            raise BadRequest(
                "The dataset has no scorer, so nobody can say which answers are right.",
                hint="Make it from a suite that has some, or with `--scorer numeric`.",
            )
        strange = [one.kind for one in scorers if one.kind not in kinds()]
        if strange:
            raise BadRequest(
                f"The scorer `{strange[0]}` cannot be learned from: it asks a model for every answer.",
                hint="Learn from scorers that check: `numeric`, `exact`, `json-schema`, `python-tests` …",
            )
        self._scorers = [scorer_of(one) for one in scorers]
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Checker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._scorers:
            self._loop.run_until_complete(one.close())
        self._loop.close()

    def check(self, row: Row) -> None:
        """Raises BadRequest: what the row says is right is not what a scorer takes."""
        case = _case(row)
        for one in self._scorers:
            one.check(case)

    def scores(self, rows: Sequence[Row], answers: Sequence[str]) -> list[float]:
        """From 0 to 1 how right each answer is: the mean of what the scorers say. One that cannot say says 0."""
        return self._loop.run_until_complete(self._scores(rows, answers))

    async def _scores(self, rows: Sequence[Row], answers: Sequence[str]) -> list[float]:
        pairs = zip(rows, answers, strict=True)
        return list(await asyncio.gather(*(self._score(row, answer) for row, answer in pairs)))

    async def _score(self, row: Row, answer: str) -> float:
        case, said = _case(row), Answer(id="", model="", text=answer)
        values = [(await one.score(case, said)).value or 0.0 for one in self._scorers]
        return sum(values) / len(values)


def checker_of(manifest: Manifest) -> Checker:
    """The checker of a dataset. Raises BadRequest as `Checker` does."""
    return Checker(msgspec.json.decode(manifest.scorers, type=list[ScorerSettings]))


def _case(row: Row) -> Case:
    return Case(id=row.id, request=row.request, target=row.target, task_class=row.task_class)
