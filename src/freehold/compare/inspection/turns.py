"""What is asked for one sample, and what it is answered.

What a solver asks first is the case's request; any model is asked that outside, as in every suite. Its answer is put in
here, and the solver goes on from it: it may call tools and ask further, and each further question is asked through the
engine as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, NoReturn

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import plain_json
from freehold.compare.inspection.form import output_of, request_of
from freehold.core.errors import BadRequest

Ask = Callable[[str, msgspec.Raw], Awaitable[Answer]]

_MOST_TURNS = 100
"""Questions of one sample to one model; whoever asks more has lost the thread."""


class StepFailed(Exception):
    """A question after the first was not answered; the argument is the answer's failure."""


class Turns:
    """What is asked for one sample."""

    def __init__(
        self, expected: msgspec.Raw | None = None, first: Answer | None = None, ask: Ask | None = None
    ) -> None:
        """With nothing, it stops at the first question, which is its result."""
        self._expected = expected
        self._first = first
        self._ask = ask
        self.halted: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self.calls: list[str] = []
        """The ids of the calls after the first."""
        self.asked = 0
        self.is_scoring = False

    async def answer(self, model: str | None, request: msgspec.Raw) -> Answer:
        """What a model answers; None: the one that is looked at. It does not come back where there is an end to it."""
        number, self.asked = self.asked, self.asked + 1
        try:
            return await self._answer(model, request, number)
        except Exception as error:  # noqa: BLE001 - handed on past Inspect AI, which would try again or wrap it
            if not self.halted.done():
                self.halted.set_exception(error)
        return await _never()

    async def _answer(self, model: str | None, request: msgspec.Raw, number: int) -> Answer:
        if model is None and self.is_scoring:
            raise BadRequest(
                "The task's scorer asks a model, and a model does not judge itself.",
                hint="Say which one judges: `--grader PROVIDER/NAME`.",
            )
        if self._first is None or self._ask is None:
            if model is not None:
                raise BadRequest(f"The task asks `{model}` before it asks the model that is looked at.")
            if not self.halted.done():
                self.halted.set_result(request)
            return await _never()
        if number == 0 and model is None:
            if self._expected is None or plain_json(request) != plain_json(self._expected):
                raise BadRequest(
                    "The task does not ask the same each time.",
                    hint="Have it draw at random with a fixed seed.",
                )
            return self._first
        if number >= _MOST_TURNS:
            raise BadRequest(f"The task asked {_MOST_TURNS} times for one sample.")
        answer = await self._ask(model or self._first.model, request)
        if answer.call_id is not None:
            self.calls.append(answer.call_id)
        if answer.failure is not None:
            raise StepFailed(answer.failure)
        return answer


async def _never() -> NoReturn:
    """Until it is cancelled."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


under_way: ContextVar[Turns] = ContextVar("turns")
"""Whose solvers and scorers are at work in this context."""


async def asked_for(model: str | None, messages: Any, tools: Any, tool_choice: Any, config: Any) -> Any:
    """What Inspect AI's model is answered."""
    turns = under_way.get(None)
    if turns is None:
        raise BadRequest("A model of Freehold is asked outside of a comparison.")
    request = await request_of(messages, tools, tool_choice, config)
    number = turns.asked
    return output_of(await turns.answer(model, request), number)
