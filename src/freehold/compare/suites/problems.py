"""What is wrong with a file of cases: all of it up to a bound, and each with its line and field."""

from __future__ import annotations

from pathlib import Path

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.figures import counted

MOST = 20
"""Mistakes that are told of one file; whoever made more made the same one again."""


class LineProblem(Exception):
    """One mistake in one line."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Enough(Exception):
    """There are as many mistakes as are told: no need to read on."""


class Problems:
    """The mistakes of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, line: int, problem: LineProblem) -> None:
        """Raises Enough with the last one that is told."""
        field = f", field `{problem.field}`" if problem.field else ""
        self._found.append(f"{self._path.name}, line {line}{field}: {problem.message}")
        if len(self._found) >= MOST:
            raise Enough

    def check(self) -> None:
        """Raises BadRequest when there are any: it tells them all."""
        if not self._found:
            return
        if len(self._found) == 1:
            raise BadRequest(self._found[0])
        many = len(self._found)
        told = f"the first {many} mistakes" if many >= MOST else counted(many, "mistake")
        raise BadRequest("\n".join([f"`{self._path}` has {told}:", *self._found]))


def shown(value: object) -> str:
    """What is there, in backticks and short enough for a message."""
    raw = bytes(value) if isinstance(value, bytes | msgspec.Raw) else msgspec.json.encode(value)
    text = raw.decode(errors="replace")
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"


def kind_of(raw: bytes | msgspec.Raw) -> str:
    """What a JSON value is, in words."""
    first = bytes(raw).lstrip()[:1]
    words = {b"{": "an object", b"[": "a list", b'"': "text", b"t": "a truth value", b"f": "a truth value"}
    return words.get(first, "null" if first == b"n" else "a number")
