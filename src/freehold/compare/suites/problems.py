"""What is wrong with a file of cases: all of it up to a bound, and each with its line and field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.figures import counted

MOST = 20
"""Mistakes that are told of one file; whoever made more made the same one again."""


class LineProblem(Exception):
    """One mistake in one line."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        once: str | None = None,
        others: Sequence[LineProblem] = (),
    ) -> None:
        """`once`: a name of what many lines have in common; it is told of the first of them. `others`: of this line."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.once = once
        self.others = tuple(others)


class Enough(Exception):
    """There are as many mistakes as are told: no need to read on."""


class Problems:
    """The mistakes of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[tuple[int, LineProblem]] = []
        self._alike: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, line: int, problem: LineProblem) -> None:
        """Raises Enough with the last one that is told."""
        for one in (problem, *problem.others):
            if one.once is not None:
                self._alike[one.once] += 1
                if self._alike[one.once] > 1:
                    continue
            self._found.append((line, one))
            if len(self._found) >= MOST:
                raise Enough

    def check(self) -> None:
        """Raises BadRequest when there are any: it tells them all."""
        if not self._found:
            return
        told = [self._tell(line, problem) for line, problem in self._found]
        if len(told) == 1:
            raise BadRequest(told[0])
        many = f"{MOST} mistakes or more" if len(told) >= MOST else counted(len(told), "mistake")
        raise BadRequest("\n".join([f"`{self._path}` has {many}:", *told]))

    def _tell(self, line: int, problem: LineProblem) -> str:
        field = f", field `{problem.field}`" if problem.field else ""
        more = self._alike[problem.once] - 1 if problem.once is not None else 0
        lines = f"line {line}" + (f" and {counted(more, 'line')} more" if more else "")
        return f"{self._path.name}, {lines}{field}: {problem.message}"


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
