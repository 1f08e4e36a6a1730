"""A suite as a file that makes the same suite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from freehold.compare.case import Case, Suite
from freehold.compare.suites.casefile import HEAD

_encode = msgspec.json.Encoder().encode


def lines_of(suite: Suite, cases: Iterable[Case]) -> Iterator[bytes]:
    """The lines of its JSONL: the scorers, then the cases."""
    yield _encode({HEAD: suite.scorers}) + b"\n"
    for case in cases:
        yield _encode(row_of(case)) + b"\n"


def row_of(case: Case) -> dict[str, Any]:
    """A case as a line of a file has it."""
    row: dict[str, Any] = {"id": case.id, "request": case.request}
    if bytes(case.target):
        row["target"] = case.target
    if case.task_class:
        row["class"] = case.task_class
    if case.group is not None:
        row["group"] = case.group
    return row
