"""Answers that have to be a certain number: `numeric`."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.boxes import last_box
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scorers.numbers import Mark, Number, last_number, number_of, numbers_in, pattern, plain
from freehold.compare.scorers.texts import shown
from freehold.compare.scoring import Scored

Target = int | float | str | list[int | float | str]
"""A number, as JSON or as text (`"3/4"`, `"1,200"`), or several of which any is right."""
Take = Literal["auto", "last", "boxed", "hashes", "only"]

_SAID = re.compile(
    r"(?:answer|정답|답)\s*(?:is|are|:|=|은|는)*[\s:=]*(?:about|approximately|equal to|약)?\s*"
    r"(?:\*\*|__|`|\\\(|\\\[|\$(?!\d))*\s*",
    re.IGNORECASE,
)


class NumericSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `numeric` is set."""

    take: Take = "auto"
    """Which number of the answer counts. `boxed`: that in the last `\\boxed{}`; `hashes`: that behind the last `####`;
    `last`: the last of all; `only`: the answer may have just one; `auto`: the first of boxed, hashes, behind the words
    "answer is", last that there is."""
    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """How far it may be off."""
    relative: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """How far it may be off, as a share of the right number. The larger of both counts."""
    percent: Literal["either", "number", "fraction"] = "either"
    """Whether `5%` is 5 (`number`), 0.05 (`fraction`), or right where either is."""
    decimal: Mark = "."
    """What stands before decimals; the other of `.` and `,` separates thousands."""


def _numeric(settings: NumericSettings) -> Look[Target]:
    absolute, relative = Fraction(str(settings.tolerance)), Fraction(str(settings.relative))

    @lru_cache(maxsize=4096)
    def wanted(target: str) -> tuple[Fraction, ...]:
        text = plain(target).strip()
        found = numbers_in(text, settings.decimal)
        if len(found) != 1 or (found[0].begin, found[0].end) != (0, len(text)):
            raise Unfit(f"{shown(target)} is not a number.")
        return _values(found[0], settings.percent)

    def right(value: Fraction, target: Fraction) -> bool:
        return value == target or abs(value - target) <= max(absolute, relative * abs(target))

    def look(target: Target, answer: Answer) -> Scored:
        targets = target if isinstance(target, list) else [target]
        if not targets:
            raise Unfit("the list is empty, so nothing could be right.")
        values = [
            one
            for each in targets
            for one in (wanted(each) if isinstance(each, str) else (Fraction(str(each)),))
        ]
        found = _found(plain(answer.text), settings.take, settings.decimal)
        if found is None:
            return Scored(0.0, f"no number was found in {shown(answer.text)}")
        if any(right(own, one) for own in _values(found, settings.percent) for one in values):
            return _RIGHT
        return Scored(0.0, f"{_said(found)} is not {' or '.join(str(one) for one in targets[:5])}")

    return look


_RIGHT = Scored(1.0)


def _values(number: Number, percent: str) -> tuple[Fraction, ...]:
    if not number.percent or percent == "number":
        return (number.value,)
    return (number.value / 100,) if percent == "fraction" else (number.value, number.value / 100)


def _found(text: str, take: Take, mark: Mark) -> Number | None:
    if take in ("auto", "boxed"):
        box = last_box(text)
        if box is not None:
            return last_number(box, mark)
    if take in ("auto", "hashes"):
        _, hashes, rest = text.rpartition("####")
        if hashes:
            lines = rest.strip().splitlines()
            return last_number(lines[0], mark) if lines else None
    if take == "auto" and ("nswer" in text or "NSWER" in text or "답" in text):
        said = None
        for phrase in _SAID.finditer(text):
            said = pattern(mark).match(text, phrase.end()) or said
        if said is not None:
            return number_of(said, mark)
    if take == "only":
        found = numbers_in(text, mark)
        return found[0] if len({(one.value, one.percent) for one in found}) == 1 else None
    return last_number(text, mark) if take in ("auto", "last") else None


def _said(number: Number) -> str:
    value = number.value
    try:
        told = str(value.numerator) if value.denominator == 1 else f"{float(value):g}"
    except (ValueError, OverflowError):  # of more digits than Python writes, or too large for a float
        return "a number that is very large or very small"
    return shown(told) + (" percent" if number.percent else "")


NUMERIC = Kind(name="numeric", version=1, settings=NumericSettings, target=Target, make=_numeric)
