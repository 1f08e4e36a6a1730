"""Answers that a regular expression speaks of: `regex`.

Patterns are those of Python, as the package `regex` matches them: it stops when a time is over, so that a pattern which
tries one way after the other cannot hold up a comparison.
"""

from __future__ import annotations

import importlib
import re
import time
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scorers.texts import Texts, all_of, shown, wanted
from freehold.compare.scoring import Scored
from freehold.core.errors import SettingsError
from freehold.core.extras import how_to_install

_MOST_CHARACTERS = 10_000
"""Of a pattern."""
_MOST_PARTS = 100_000
"""Of a pattern whose repetitions are written out, as the package does with those that are needed: at 400 bytes each."""
_REPEATED = re.compile(r"(\)?)\s*\{\s*([0-9]+)")
_SPACED = re.compile(r"\(\?[A-Za-z0-9]*[xX]")


class RegexSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `regex` is set."""

    pattern: str | None = None
    """Finds the part of the answer that has to be the target: its group `answer`, else its first group, else all that
    it matches. Without one, the target is itself a pattern that has to be found."""
    take: Literal["first", "last"] = "last"
    """Which match of `pattern` counts."""
    where: Literal["anywhere", "whole"] = "anywhere"
    """Where a target that is a pattern has to match."""
    case: bool = True
    """Whether capital letters count."""
    lines: bool = False
    """Whether `^` and `$` match at every line."""
    dot_all: bool = False
    """Whether `.` matches the end of a line."""
    absent: bool = False
    """A target that is a pattern must not be found."""
    seconds: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.2
    """Most time for one answer. One that takes longer gets no verdict."""


def _regex(settings: RegexSettings) -> Look[Texts]:
    regex = _package()
    flags = 0 if settings.case else regex.IGNORECASE
    flags |= regex.MULTILINE if settings.lines else 0
    flags |= regex.DOTALL if settings.dot_all else 0

    @lru_cache(maxsize=4096)
    def compiled(pattern: str) -> Any:
        if len(pattern) > _MOST_CHARACTERS:
            raise Unfit(f"a pattern of {len(pattern)} characters is too long.")
        if _parts(pattern) > _MOST_PARTS:
            raise Unfit(f"{shown(pattern)} repeats too much.")
        try:
            return regex.compile(pattern, flags)
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise Unfit(f"{shown(pattern)} is no regular expression: {error}.") from None

    finder = None if settings.pattern is None else compiled(settings.pattern)

    def found(text: str) -> str | None:
        assert finder is not None
        if settings.take == "first":
            match = finder.search(text, timeout=settings.seconds)
        else:
            match = max(finder.finditer(text, timeout=settings.seconds), key=_begin, default=None)
        if match is None:
            return None
        name: str | int = "answer" if "answer" in finder.groupindex else min(finder.groups, 1)
        return match[name] or ""

    def look(target: Texts, answer: Answer) -> Scored:
        targets = all_of(target)
        if finder is not None:
            part = found(answer.text)
            if part is None:
                return Scored(0.0, f"nothing matches in {shown(answer.text)}")
            if part.strip() in [one.strip() for one in targets]:
                return _RIGHT
            return Scored(0.0, f"{shown(part)} is not {wanted(targets)}")
        until = time.monotonic() + settings.seconds
        for one in targets:
            pattern = compiled(one)
            match = pattern.fullmatch if settings.where == "whole" else pattern.search
            if match(answer.text, timeout=max(0.001, until - time.monotonic())):
                return Scored(0.0, f"{shown(one)} matches") if settings.absent else _RIGHT
        return (
            _RIGHT
            if settings.absent
            else Scored(0.0, f"{wanted(targets)} does not match {shown(answer.text)}")
        )

    def look_in_time(target: Texts, answer: Answer) -> Scored:
        try:
            return look(target, answer)
        except TimeoutError:
            return Scored(None, f"no match within {settings.seconds:g} s")

    return look_in_time


_RIGHT = Scored(1.0)


def _begin(match: Any) -> int:
    return int(match.start())


def _parts(pattern: str) -> int:
    """At the most so many parts does a pattern have with its repetitions written out: the characters that are repeated,
    each as often as all groups together are. Where white space or remarks may stand in it, everything is a group.
    """
    spaced = _SPACED.search(pattern) is not None
    single, groups = len(pattern), 1
    for closes, digits in _REPEATED.findall(pattern):
        times = min(int(digits[:12]), 10**12)
        if closes or spaced:
            groups = min(groups * max(1, times), 10**12)
        else:
            single += times
    return single * groups


def _package() -> Any:
    try:
        return importlib.import_module("regex")
    except ImportError:
        raise SettingsError(
            "The scorer `regex` needs the package `regex`.", hint=how_to_install("compare")
        ) from None


REGEX = Kind(name="regex", version=1, settings=RegexSettings, target=Texts, make=_regex)
