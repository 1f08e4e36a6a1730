"""Targets that are answers, and those that only say how an answer is checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.compare.case import ScorerSettings

_NO_ANSWER = frozenset(("regex", "python-tests", "instructions", "recorded", "inspect"))
"""Kinds of scorers whose targets are patterns, tests or rules."""
_OBJECTS = frozenset(("tool-call", "json-schema"))
"""Kinds whose targets, where they are objects, are calls or schemas."""


def answer_in_target(target: Any, scorers: Sequence[ScorerSettings]) -> str | None:
    """The answer that a target is; None: it is none. Of several that are right, the first."""
    kinds = {one.kind for one in scorers}
    if kinds & _NO_ANSWER:
        return None
    if isinstance(target, list) and target and not kinds & _OBJECTS:
        target = target[0]
    if isinstance(target, str):
        return target.strip() or None
    if isinstance(target, bool) or target is None:
        return None
    if isinstance(target, int | float):
        return msgspec.json.encode(target).decode()
    if isinstance(target, dict) and not kinds & _OBJECTS:
        return msgspec.json.encode(target).decode()
    return None
