"""A function call whose arguments come piece by piece, as Vertex AI streams them when asked to."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.gemini.fields import encode

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]")
_DEEPEST = 100
_WIDEST_GAP = 100


class PartialCall:
    """Puts the pieces together, each of which says at which JSON path it belongs."""

    def __init__(self, index: int) -> None:
        self.index = index
        """Of the part."""
        self.signature: str | None = None
        self._root: dict[str, Any] = {}
        self._growing: str | None = None
        """The path of a string that is to be continued."""

    def put(self, fields: dict[str, msgspec.Raw]) -> None:
        """Arguments that came whole beside the pieces."""
        self._root.update({name: msgspec.json.decode(raw) for name, raw in fields.items()})

    def add(self, piece: dict[str, Any]) -> None:
        """One piece. Raises NotAnAnswer where its path leads nowhere."""
        path = piece.get("jsonPath", piece.get("json_path"))
        if not isinstance(path, str):
            raise NotAnAnswer("a piece of a function call has no path")
        value: Any = None
        for name in ("stringValue", "numberValue", "boolValue", "string_value", "number_value", "bool_value"):
            if name in piece:
                value = piece[name]
        steps = _steps(path)
        if not steps:
            if isinstance(value, dict):
                self._root.update(value)
            return
        place, last = self._place(steps)
        if isinstance(value, str) and self._growing == path and isinstance(before := _at(place, last), str):
            value = before + value
        _set(place, last, value)
        self._growing = path if piece.get("willContinue", piece.get("will_continue")) else None

    def arguments(self) -> str:
        """What there is so far, as JSON."""
        return encode(self._root).decode()

    def _place(self, steps: list[str | int]) -> tuple[Any, str | int]:
        place: Any = self._root
        for step, after in pairwise(steps):
            inner = _at(place, step)
            if not isinstance(inner, dict | list):
                inner = [] if isinstance(after, int) else {}
                _set(place, step, inner)
            place = inner
        return place, steps[-1]


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    if at == 0:
        path = "." + path
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= _DEEPEST:
            raise NotAnAnswer("a piece of a function call has a path that is not understood")
        name, number, quoted, double = found.groups()
        if number is not None:
            steps.append(int(number[:9]))
        else:
            steps.append(next(word for word in (name, quoted, double) if word is not None))
        at = found.end()
    return steps


def _at(place: Any, step: str | int) -> Any:
    if isinstance(place, dict):
        return place.get(str(step))
    return place[step] if isinstance(step, int) and step < len(place) else None


def _set(place: Any, step: str | int, value: Any) -> None:
    if isinstance(place, dict):
        place[str(step)] = value
        return
    if not isinstance(step, int) or step > len(place) + _WIDEST_GAP:
        raise NotAnAnswer("a piece of a function call has a path that fits no list")
    while len(place) <= step:
        place.append(None)
    place[step] = value
