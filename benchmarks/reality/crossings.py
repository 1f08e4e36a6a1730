"""Every recorded answer, stream and request, carried over into every other dialect, and what came of it."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from freehold.core.errors import BadRequest
from freehold.wire.dialect import DialectName, NotAnAnswer
from freehold.wire.dialects import NAMES, dialect_of

from .answers import cross_answer, cross_stream
from .exceptions import reason_for
from .recordings import Recorded
from .requests import cross_request

CLIENTS: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
"""The dialects that clients speak."""


class Problem(msgspec.Struct, frozen=True):
    """Something that was lost without a word, or that an SDK does not take."""

    recording: str
    what: str
    """`answer`, `stream`, `answer as a stream` or `request`."""
    source: str
    target: str
    problem: str
    excuse: str | None = None
    """Why it may be so: from the table of exceptions."""


class Row(msgspec.Struct):
    """The count of one pair."""

    tried: int = 0
    same: int = 0
    excused: int = 0
    refused: int = 0
    """Requests that make no sense in the other dialect: its encoder says so with status 400."""


class Result(msgspec.Struct):
    """What came of all of them."""

    rows: dict[tuple[str, str, str], Row]
    """By what, source and target."""
    problems: list[Problem]
    unreadable: list[str]
    """Recordings that their own dialect's decoder refuses, each with what it says."""
    losses: Counter[str]
    """How often each was declared."""


def cross_all(recorded: list[Recorded]) -> Result:
    """Everything, into every other dialect."""
    result = Result({}, [], [], Counter())
    for one in recorded:
        for what, crossing, targets in _crossings(one, result):
            for target in targets:
                if target != one.dialect:
                    _cross(one, what, crossing, target, result)
    return result


Crossing = Callable[[Recorded, DialectName], object]


def _crossings(one: Recorded, result: Result) -> Iterator[tuple[str, Crossing, tuple[DialectName, ...]]]:
    speaker = dialect_of(one.dialect)
    if one.answer is not None:
        answer = one.answer
        if _readable(one, lambda: speaker.decode_answer(answer), result):
            yield "answer", cross_answer, CLIENTS
            if one.frames is None:
                yield "answer as a stream", cross_stream, CLIENTS
    if one.frames is not None:
        frames = one.frames
        if _readable(one, lambda: _read_through(one.dialect, frames), result):
            yield "stream", cross_stream, CLIENTS
    if one.request is not None and one.status == 200 and one.dialect in CLIENTS:
        request = one.request
        if _readable(one, lambda: speaker.decode_request(request), result):
            yield "request", cross_request, NAMES


def _read_through(dialect: DialectName, frames: list[bytes]) -> None:
    reader = dialect_of(dialect).decode_stream()
    for frame in frames:
        reader.read(frame)


def _readable(one: Recorded, read: Callable[[], object], result: Result) -> bool:
    try:
        read()
    except (NotAnAnswer, BadRequest) as error:
        result.unreadable.append(f"{one.name} ({one.dialect}): {error}")
        return False
    return True


def _cross(one: Recorded, what: str, crossing: Crossing, target: DialectName, result: Result) -> None:
    row = result.rows.setdefault((what, one.dialect, target), Row())
    row.tried += 1
    try:
        gone = crossing(one, target)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not happen: it is told, and the rest goes on
        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(place.filename).parent.name}/{Path(place.filename).name}:{place.lineno}"
        problems = [f"{type(error).__name__} at {at}: {error}"]
    else:
        if gone is None:
            row.refused += 1
            return
        problems = gone.problems  # type: ignore[attr-defined]
        result.losses.update(gone.losses)  # type: ignore[attr-defined]
    excuses = [reason_for(one, what, target, problem) for problem in problems]
    result.problems += [
        Problem(one.name, what, one.dialect, target, problem, excuse)
        for problem, excuse in zip(problems, excuses, strict=True)
    ]
    if not problems:
        row.same += 1
    elif all(excuses):
        row.excused += 1
