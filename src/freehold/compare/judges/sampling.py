"""Answers of a comparison, drawn at random for people to label."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.judges.material import said_in
from freehold.compare.judges.settings import PAIRWISE, JudgeKind


class Both(msgspec.Struct, frozen=True):
    """A case that both models have answered."""

    case: Case
    incumbent: Answer
    candidate: Answer


def lines_to_label(both: Sequence[Both], kind: JudgeKind, *, seed: int) -> list[dict[str, Any]]:
    """The lines of a file of labels, whose labels are still to be written. Which answer comes first is drawn, too, and
    of single answers those of one case do not stand together: who labels them is not to know them by their place.
    """
    chance = random.Random(seed)
    lines = []
    for one in both:
        answers = [one.incumbent, one.candidate]
        chance.shuffle(answers)
        asked = _asked(one.case)
        if kind == PAIRWISE:
            line = asked
            for place, answer in zip("ab", answers, strict=True):
                line |= {f"model_{place}": answer.model, f"answer_{place}": said_in(answer)}
            lines.append({**line, "better": None})
        else:
            lines += [
                {**asked, "model": answer.model, "answer": said_in(answer), "label": None}
                for answer in answers
            ]
    chance.shuffle(lines)
    return lines


def _asked(case: Case) -> dict[str, Any]:
    request = msgspec.json.decode(case.request, type=dict[str, Any])
    messages = request.get("messages") or [{}]
    line: dict[str, Any] = {"case": case.id}
    if case.group is not None:
        line["group"] = case.group
    if (
        len(messages) == 1
        and messages[0].get("role") == "user"
        and isinstance(messages[0].get("content"), str)
    ):
        return {**line, "question": messages[0]["content"]}
    return {**line, "request": request}
