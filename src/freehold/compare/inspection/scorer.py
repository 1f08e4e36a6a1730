"""The scorer of a suite that was made of a task: the task's own solvers and scorers, at work on our answers."""

from __future__ import annotations

import asyncio
import hashlib
import math
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case, ScorerSettings
from freehold.compare.inspection.tasks import load
from freehold.compare.inspection.turns import Ask, StepFailed, Turns
from freehold.compare.inspection.working import first_request, scores_of
from freehold.compare.scoring import Scored
from freehold.compare.task_settings import KIND, read_settings
from freehold.core.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from inspect_ai.scorer import Score

_VERSION = 1


class InspectScorer:
    """Of one suite. The task's dataset is held in memory."""

    def __init__(self, scorer: ScorerSettings, ask: Ask) -> None:
        """Raises NotFound and BadRequest: the task is not what it was, or cannot be used here."""
        import inspect_ai  # noqa: PLC0415 - takes seconds; the task needs it

        self._settings = read_settings(scorer)
        self._ask = ask
        self._loaded = load(self._settings.task, self._settings.args)
        if self._loaded.digest != self._settings.digest:
            raise BadRequest(
                f"`{self._settings.task}` was changed since the suite was made of it.",
                hint="Make a suite of what it is now: `freehold suite add`.",
            )
        told = (_VERSION, inspect_ai.__version__, msgspec.to_builtins(self._settings))
        self._hash = hashlib.sha256(msgspec.json.encode((KIND, *told), order="deterministic")).hexdigest()

    @property
    def hash(self) -> str:
        """With Inspect AI's version in it: its scorers change."""
        return self._hash

    def check(self, case: Case) -> None:
        """Raises NotFound: the task has no such sample any more."""
        if case.id not in self._loaded.samples:
            raise NotFound(f"`{self._settings.task}` has no sample `{case.id}` any more.")

    async def score(self, case: Case, answer: Answer) -> Scored:
        """The mean of what the task's scorers say. What they ask, and what its solvers ask further, is in the ledger.

        No verdict where a further question is not answered. Raises BadRequest, Halted, and what the task raises.
        """
        self.check(case)
        turns = Turns(case.request, answer, self._ask)
        try:
            found = await scores_of(self._loaded, case.id, turns, self._settings.grader)
        except StepFailed as failed:
            why = f"a later question was not answered: {failed}"
            return Scored(None, why, tuple(turns.calls))
        values = {name: _value_of(name, one) for name, one in found.items()}
        certain = [one for one in values.values() if one is not None]
        is_sure = len(certain) == len(values) and bool(values)
        mean = sum(certain) / len(certain) if is_sure else None
        return Scored(mean, _told(values, found), tuple(turns.calls))

    async def close(self) -> None:
        """Nothing is held."""


def first_requests(loaded: Any, ids: list[str]) -> list[msgspec.Raw]:
    """What is asked first of some samples. Waits. Raises BadRequest: it is not the same each time, or nothing."""

    async def all_of_them() -> list[msgspec.Raw]:
        found = []
        for number, one in enumerate(ids):
            request = await first_request(loaded, one)
            if number < _TWICE and bytes(request) != bytes(await first_request(loaded, one)):
                raise BadRequest(
                    f"`{loaded.reference}` does not ask the same each time.",
                    hint="Have it draw at random with a fixed seed.",
                )
            found.append(request)
        return found

    return asyncio.run(all_of_them())


_TWICE = 20
"""So many samples are tried twice; later ones are seen through when they are scored."""


def _value_of(name: str, score: Score | None) -> float | None:
    from inspect_ai.scorer import value_to_float  # noqa: PLC0415 - takes seconds; the task needs it

    if score is None:
        return None
    if isinstance(score.value, (dict, list)):
        raise BadRequest(
            f"The scorer `{name}` gives several values at once.",
            hint="Have the task give one value from 0 to 1.",
        )
    value = float(value_to_float()(score.value))
    if math.isnan(value):
        return None
    if not 0 <= value <= 1:
        raise BadRequest(f"The scorer `{name}` says {value:g}, which is not from 0 to 1.")
    return value


def _told(values: dict[str, float | None], found: dict[str, Any]) -> str:
    told = []
    for name, value in values.items():
        why = getattr(found[name], "explanation", None)
        told.append(f"{name}: {'no verdict' if value is None else f'{value:g}'}{f' ({why})' if why else ''}")
    return "; ".join(told)[:2000]
