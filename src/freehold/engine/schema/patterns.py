"""Regular expressions of strangers, matched in time that grows with the text and never faster.

Python's own matcher tries one way after the other; a pattern of ten characters can keep it busy for years. Here all
ways are followed at once. What cannot be done so (looking around, references back) is not supported.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

MOST_CHARACTERS = 1000
"""Of a pattern."""
_MOST_INSTRUCTIONS = 1000
_MOST_NODES = 5000
_NEW_LINES = frozenset(map(ord, "\n\r\u2028\u2029"))
_UNICODE_ALONE = 32
"""The parser's flags when the pattern sets none."""


class Unsupported(ValueError):
    """The pattern is not valid, too large, or of a kind that takes unbounded time."""


Fits = Callable[[int], bool]
_Instruction = tuple[str, Any, int]
"""What it does, with what, and where to go on: `take` a character that fits, `either` of two places, `at` a border,
`end`."""


class Pattern:
    """A pattern ready to be searched for."""

    __slots__ = ("_program",)

    def __init__(self, text: str) -> None:
        """Raises Unsupported."""
        if len(text) > MOST_CHARACTERS:
            raise Unsupported("too long")
        parser: Any = importlib.import_module("re._parser")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = parser.parse(
                    text.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
                )
        except (
            ValueError,
            OverflowError,
            RecursionError,
        ) as error:  # re.error is none of the first two before 3.13
            raise Unsupported(str(error)) from None
        except parser.error as error:
            raise Unsupported(str(error)) from None
        if tree.state.flags != _UNICODE_ALONE:
            raise Unsupported("flags")
        self._program = _Compiler().compile(tree)

    def is_in(self, text: str, spend: Callable[[int], None]) -> bool:
        """Whether the pattern is found anywhere. `spend` is told of the work and may raise."""
        program = self._program
        current: list[int] = []
        for at in range(len(text) + 1):
            ways = self._closed([*current, 0], text, at, spend)
            if any(program[way][0] == "end" for way in ways):
                return True
            if at == len(text):
                return False
            code = ord(text[at])
            current = [program[way][2] for way in ways if program[way][0] == "take" and program[way][1](code)]
        return False

    def _closed(self, ways: list[int], text: str, at: int, spend: Callable[[int], None]) -> list[int]:
        """All places that are reached from `ways` without taking a character, each once."""
        program = self._program
        seen = set(ways)
        left = list(seen)
        closed = []
        while left:
            place = left.pop()
            kind, what, after = program[place]
            if kind == "either":
                following = [what, after]
            elif kind == "at":
                following = [after] if what(text, at) else []
            else:
                closed.append(place)
                continue
            for one in following:
                if one not in seen:
                    seen.add(one)
                    left.append(one)
        spend(len(seen))
        return closed


@lru_cache(maxsize=256)
def pattern(text: str) -> Pattern | None:
    """The pattern, or None where it is not supported."""
    try:
        return Pattern(text)
    except Unsupported:
        return None


class _Compiler:
    def __init__(self) -> None:
        self._program: list[_Instruction] = []
        self._nodes = 0

    def compile(self, tree: Any) -> list[_Instruction]:
        try:
            self._sequence(tree)
        except RecursionError:
            raise Unsupported("too deep") from None
        self._emit("end", None, 0)
        return self._program

    def _emit(self, kind: str, what: Any, after: int | None = None) -> int:
        if len(self._program) >= _MOST_INSTRUCTIONS:
            raise Unsupported("too large")
        self._program.append((kind, what, len(self._program) + 1 if after is None else after))
        return len(self._program) - 1

    def _mend(self, place: int, what: Any, after: int) -> None:
        self._program[place] = (self._program[place][0], what, after)

    @property
    def _here(self) -> int:
        return len(self._program)

    def _sequence(self, nodes: Any) -> None:
        for operation, what in nodes:
            self._nodes += 1
            if self._nodes > _MOST_NODES:
                raise Unsupported("too large")
            self._node(str(operation), what)

    def _node(self, name: str, what: Any) -> None:
        if name in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            self._emit("take", _fitting(name, what))
        elif name == "BRANCH":
            self._branch(what[1])
        elif name == "SUBPATTERN" and not what[1] and not what[2]:
            self._sequence(what[3])
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):  # greedy or not: what is found is the same
            self._repeat(*what)
        elif name == "AT" and str(what) in _BORDERS:
            self._emit("at", _BORDERS[str(what)])
        else:
            raise Unsupported(name)

    def _branch(self, branches: list[Any]) -> None:
        ends = []
        for branch in branches[:-1]:
            fork = self._emit("either", None)
            self._sequence(branch)
            ends.append(self._emit("either", None))
            self._mend(fork, fork + 1, self._here)
        self._sequence(branches[-1])
        for end in ends:
            self._mend(end, self._here, self._here)

    def _repeat(self, least: int, most: Any, body: Any) -> None:
        for _ in range(least):
            self._count()
            self._sequence(body)
        if str(most) == "MAXREPEAT":
            fork = self._emit("either", None)
            self._sequence(body)
            self._emit("either", fork, fork)
            self._mend(fork, fork + 1, self._here)
            return
        forks = []
        for _ in range(most - least):
            self._count()
            forks.append(self._emit("either", None))
            self._sequence(body)
        for fork in forks:
            self._mend(fork, fork + 1, self._here)

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise Unsupported("too large")


def _fitting(name: str, what: Any) -> Fits:
    if name == "ANY":
        return lambda code: code not in _NEW_LINES
    if name == "LITERAL":
        return lambda code: code == what
    if name == "NOT_LITERAL":
        return lambda code: code != what
    items = [(str(kind), value) for kind, value in what]
    negated = items[0][0] == "NEGATE"
    tests = [_item(kind, value) for kind, value in items if kind != "NEGATE"]
    return lambda code: any(test(code) for test in tests) != negated


def _item(kind: str, value: Any) -> Fits:
    if kind == "LITERAL":
        return lambda code: bool(code == value)
    if kind == "RANGE":
        low, high = value
        return lambda code: bool(low <= code <= high)
    name = str(value).removeprefix("CATEGORY_")
    test = _CATEGORIES.get(name.removeprefix("NOT_"))
    if test is None:
        raise Unsupported(name)
    return (lambda code: not test(code)) if name.startswith("NOT_") else test


def _is_word(code: int) -> bool:
    return code < 128 and (chr(code).isalnum() or code == 95)


_CATEGORIES: dict[str, Fits] = {
    "DIGIT": lambda code: 48 <= code <= 57,
    "WORD": _is_word,
    "SPACE": lambda code: chr(code).isspace() or code == 0xFEFF,
}
"""As JavaScript has them, whose patterns JSON Schema's are."""


def _at_boundary(text: str, at: int) -> bool:
    before = at > 0 and _is_word(ord(text[at - 1]))
    return before != (at < len(text) and _is_word(ord(text[at])))


_BORDERS: dict[str, Callable[[str, int], bool]] = {
    "AT_BEGINNING": lambda text, at: at == 0,
    "AT_END": lambda text, at: at == len(text),
    "AT_BOUNDARY": _at_boundary,
    "AT_NON_BOUNDARY": lambda text, at: not _at_boundary(text, at),
}
