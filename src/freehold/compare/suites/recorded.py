"""A row of a file of recorded answers: one answer of one model to one case, or its score, or both."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from freehold.compare.answer import Answer, ToolCall
from freehold.compare.suites.problems import LineProblem, kind_of, shown
from freehold.compare.suites.reading import CASE_FIELDS, RECORDED_FIELDS, check_names, name_of
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields

OF_CASE = tuple(name for name in CASE_FIELDS if name != "id")
"""What a row may tell of its case: `case` is its id."""
_ALLOWED = (*RECORDED_FIELDS, *OF_CASE)
_SAYS_SOMETHING = ("answer", "score", "tool_calls", "failure")
_NULL = b"null"
_MOST_DOLLARS, _MOST_SECONDS, _MOST_TOKENS = 1e6, 1e6, 1e12
"""Of one answer; whoever has more has written something else."""


class ScoreRange(msgspec.Struct, frozen=True):
    """From which score, the worst, to which, the best."""

    low: float = 0.0
    high: float = 1.0

    def read(self, raw: msgspec.Raw) -> float:
        """A score on the scale from 0 to 1. Raises LineProblem."""
        value = number_in(raw, "score")
        if not self.low <= value <= self.high:
            hint = " If scores go from 1 to 10, say `--score-range 1:10`." if self == ScoreRange() else ""
            raise LineProblem(
                f"{shown(raw)} is not between {self.low:g} and {self.high:g}.{hint}", field="score"
            )
        return (value - self.low) / (self.high - self.low)


def range_of(text: str | None) -> ScoreRange:
    """`1:10` as a range of scores; None is 0 to 1. Raises BadRequest."""
    if text is None:
        return ScoreRange()
    low, _, high = text.partition(":")
    try:
        found = ScoreRange(float(low), float(high))
    except ValueError:
        found = ScoreRange(0, 0)
    if not (math.isfinite(found.low) and math.isfinite(found.high) and 0 < found.high - found.low < math.inf):
        raise BadRequest(f"`{text}` is no range of scores.", hint="Write the worst and the best: `1:10`.")
    return found


class Recorded(msgspec.Struct, frozen=True):
    """What a row says."""

    case_id: str
    answer: Answer
    """Without an id."""
    of_case: Fields
    """What it tells of its case."""


def recorded_of(fields: Fields, scores: ScoreRange) -> Recorded:
    """What a row says. Raises LineProblem."""
    fields = {name: value for name, value in fields.items() if bytes(value) != _NULL}
    check_names(fields, _ALLOWED)
    case_id, model = name_of(fields, "case"), name_of(fields, "model")
    if case_id is None or model is None:
        raise LineProblem("It is missing.", field="case" if case_id is None else "model")
    if not any(name in fields for name in _SAYS_SOMETHING):
        raise LineProblem("There is neither an `answer` nor a `score`.", field="answer")
    answer = Answer(
        id="",
        model=model,
        text=_text(fields, "answer") or "",
        tool_calls=_tool_calls(fields),
        failure=name_of(fields, "failure"),
        reported_model=name_of(fields, "reported_model"),
        cost=_cost(fields),
        latency_s=_positive(fields, "latency_s", _MOST_SECONDS),
        input_tokens=_whole(fields, "input_tokens"),
        output_tokens=_whole(fields, "output_tokens"),
        score=scores.read(fields["score"]) if "score" in fields else None,
    )
    if answer.failure is not None and (answer.text or answer.tool_calls or answer.score is not None):
        raise LineProblem("A failure has neither answer nor score.", field="failure")
    return Recorded(case_id, answer, {name: fields[name] for name in OF_CASE if name in fields})


def number_in(raw: msgspec.Raw, name: str) -> float:
    """A number, or the text of one, as CSV has it. Raises LineProblem."""
    value = msgspec.json.decode(raw)
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number):
                return number
    except (ValueError, OverflowError):
        pass
    raise LineProblem(f"It has to be a number, and is {kind_of(raw)}: {shown(raw)}.", field=name)


def _text(fields: Fields, name: str) -> str | None:
    if name not in fields:
        return None
    value = msgspec.json.decode(fields[name])
    if not isinstance(value, str):
        raise LineProblem(f"It has to be text, and is {kind_of(fields[name])}.", field=name)
    return value


def _positive(fields: Fields, name: str, most: float) -> float | None:
    if name not in fields:
        return None
    value = number_in(fields[name], name)
    if value < 0:
        raise LineProblem(f"It cannot be negative: {shown(fields[name])}.", field=name)
    if value > most:
        raise LineProblem(f"It cannot be more than {most:,.0f}: {shown(fields[name])}.", field=name)
    return value


def _whole(fields: Fields, name: str) -> int | None:
    value = _positive(fields, name, _MOST_TOKENS)
    if value is not None and value != int(value):
        raise LineProblem(f"It has to be a whole number: {shown(fields[name])}.", field=name)
    return None if value is None else int(value)


def _cost(fields: Fields) -> Decimal | None:
    if _positive(fields, "cost", _MOST_DOLLARS) is None:
        return None
    try:
        # The digits as they were written: money is not a binary fraction.
        return Decimal(bytes(fields["cost"]).decode().strip('" '))
    except InvalidOperation:
        raise LineProblem(f"{shown(fields['cost'])} is no amount of dollars.", field="cost") from None


def _tool_calls(fields: Fields) -> tuple[ToolCall, ...]:
    if "tool_calls" not in fields:
        return ()
    try:
        told = msgspec.json.decode(fields["tool_calls"], type=list[dict[str, Any]])
        return tuple(_tool_call(one) for one in told)
    except (msgspec.DecodeError, KeyError, TypeError):
        raise LineProblem(
            "It has to be a list of calls, each with a `name` and `arguments`.", field="tool_calls"
        ) from None


def _tool_call(told: dict[str, Any]) -> ToolCall:
    call = told.get("function", told)
    name, arguments = call["name"], call.get("arguments", {})
    if not isinstance(name, str):
        raise TypeError
    return ToolCall(
        name, arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    )
