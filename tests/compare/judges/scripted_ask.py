"""A judge that says what it is told to, in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case

Say = str | Answer | Callable[[dict[str, Any]], str]


class ScriptedAsk:
    """An `Ask`. Each question takes the next saying; the last one stays. A function is given the request."""

    def __init__(self, *sayings: Say) -> None:
        self._sayings = sayings
        self.requests: list[dict[str, Any]] = []

    async def __call__(self, model: str, request: msgspec.Raw, /) -> Answer:
        body = msgspec.json.decode(request)
        self.requests.append(body)
        say = self._sayings[min(len(self.requests), len(self._sayings)) - 1]
        number = f"call_{len(self.requests)}"
        if isinstance(say, Answer):
            return msgspec.structs.replace(say, call_id=number)
        return Answer(id="a", model=model, text=say if isinstance(say, str) else say(body), call_id=number)


def case_of(question: str, target: str | None = None) -> Case:
    """A case with one question."""
    asked = msgspec.json.encode({"messages": [{"role": "user", "content": question}]})
    known = msgspec.Raw() if target is None else msgspec.Raw(msgspec.json.encode(target))
    return Case(id="c1", request=msgspec.Raw(asked), target=known)


def answer_of(text: str, model: str = "some/model") -> Answer:
    """An answer that says so."""
    return Answer(id="a", model=model, text=text)
