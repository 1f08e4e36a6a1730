"""Ids of tool calls. Gemini's are optional: a call without one is paired with its result by name and order."""

from __future__ import annotations

import hashlib

_MADE = "call_gm"
_DIGITS = 20


def made_id(seed: str, position: int, name: str) -> str:
    """An id for a call that came without one: always the same for the same place."""
    digest = hashlib.sha256(f"{seed}\n{position}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()
    return _MADE + digest[:_DIGITS]


def is_made(call_id: str) -> bool:
    """Whether `made_id` made it; such an id is not sent to Gemini, which did not give it."""
    return call_id.startswith(_MADE) and len(call_id) == len(_MADE) + _DIGITS


class Calls:
    """Names the calls of one conversation or answer, and finds the call that a result belongs to."""

    def __init__(self, seed: str = "") -> None:
        """`seed` tells answers apart: their first calls of the same name must not get the same id."""
        self._seed = seed
        self._made = 0
        self._waiting: dict[str, list[str]] = {}

    def call(self, given: str | None, name: str) -> str:
        """The id of a call."""
        call_id = given or self._make(name)
        self._waiting.setdefault(name, []).append(call_id)
        return call_id

    def result(self, given: str | None, name: str) -> str:
        """The id of the call that a result is for."""
        waiting = self._waiting.get(name, [])
        if given:
            if given in waiting:
                waiting.remove(given)
            return given
        return waiting.pop(0) if waiting else self._make(name)

    def _make(self, name: str) -> str:
        self._made += 1
        return made_id(self._seed, self._made, name)
