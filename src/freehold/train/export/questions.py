"""What a model is asked to prove that it is still the same: held-out rows of its dataset, or cases of a suite."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from freehold.compare.case import Case, ScorerSettings
from freehold.train.data.row import Row

Messages = list[dict[str, str]]

EXACT = ScorerSettings(kind="exact")
"""How answers are scored where neither dataset nor suite says: they have to be the held-out ones."""


class Question(msgspec.Struct, frozen=True):
    """One question."""

    case: Case
    """For the scorers."""
    messages: Messages
    answer: str | None
    """What was answered, reasoning and all, as the model would write it; None: nobody knows."""

    @property
    def group(self) -> str:
        """Questions of one group are not independent of each other."""
        return self.case.group or self.case.id


class Asked(msgspec.Struct, frozen=True):
    """All questions, in the order in which they are asked, and how they are scored."""

    source: str
    """`held-out rows of support@3f9a…`, `suite triage`."""
    questions: tuple[Question, ...]
    scorers: tuple[ScorerSettings, ...]
    notes: tuple[str, ...] = ()
    """What was left out, one sentence each."""


def of_rows(rows: Iterable[Row], scorers: Sequence[ScorerSettings], *, source: str, most: int) -> Asked:
    """Of the held-out rows of a dataset, at most so many, drawn by lot, and always the same."""
    found: list[Question] = []
    left_out = 0
    for row in rows:
        messages, answer = messages_of(row.request), _answer_of(row.answer)
        if messages is None or answer is None:
            left_out += 1
            continue
        text = _without_reasoning(row.answer)
        target = row.target if scorers and bytes(row.target) else msgspec.Raw(msgspec.json.encode(text))
        case = Case(
            id=row.id, request=row.request, target=target, task_class=row.task_class, group=row.group or None
        )
        found.append(Question(case, messages, answer))
    return _asked(found, left_out, tuple(scorers) or (EXACT,), source, most)


def of_cases(cases: Iterable[Case], scorers: Sequence[ScorerSettings], *, source: str, most: int) -> Asked:
    """Of the cases of a suite."""
    found: list[Question] = []
    left_out = 0
    for case in cases:
        messages = messages_of(case.request)
        if messages is None:
            left_out += 1
        else:
            found.append(Question(case, messages, None))
    return _asked(found, left_out, tuple(scorers), source, most)


def messages_of(request: msgspec.Raw) -> Messages | None:
    """The messages of a request as a chat template takes them; None: there is more to them than text."""
    fields = msgspec.json.decode(request, type=dict[str, Any])
    found: Messages = []
    for message in fields.get("messages") or ():
        text = _text_of(message.get("content"))
        if text is None or message.get("tool_calls") or message.get("role") not in _ROLES:
            return None
        found.append({"role": message["role"], "content": text})
    return None if not found or fields.get("tools") else found


_ROLES = ("system", "user", "assistant")


def _text_of(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" for part in content
    ):
        return "".join(str(part.get("text", "")) for part in content)
    return None


def _without_reasoning(answer: msgspec.Raw) -> str:
    return _text_of(msgspec.json.decode(answer, type=dict[str, Any]).get("content")) or ""


def _answer_of(answer: msgspec.Raw) -> str | None:
    """As the model writes it. Reasoning stands in `<think>` before the rest."""
    fields = msgspec.json.decode(answer, type=dict[str, Any])
    text = _text_of(fields.get("content"))
    if text is None or fields.get("tool_calls"):
        return None
    reasoning = fields.get("reasoning_content")
    return f"<think>\n{reasoning}\n</think>\n\n{text}" if reasoning else text


def said_of(text: str) -> tuple[str, str]:
    """What was written, apart: reasoning, and the answer itself."""
    begin, end = "<think>", "</think>"
    if text.lstrip().startswith(begin):
        reasoning, found, answer = text.lstrip()[len(begin) :].partition(end)
        return (reasoning.strip(), answer.strip()) if found else (reasoning.strip(), "")
    return "", text


def _asked(
    found: list[Question], left_out: int, scorers: tuple[ScorerSettings, ...], source: str, most: int
) -> Asked:
    notes = (f"{left_out} were left out, as there is more to them than text.",) if left_out else ()
    random.Random(0).shuffle(found)
    return Asked(source, tuple(found[:most]), scorers, notes)
