"""Held-out questions, answered again and again while a model learns, with every thought kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold.train.data.row import Row
from freehold.train.rewards.checking import Checker
from freehold.train.rewards.script import Script

THOUGHTS = "thoughts.jsonl"
"""In the run's folder: an `Answered` each line."""


class Question(NamedTuple):
    """A row that is asked."""

    row: Row
    prompt: str
    """As the model reads it, up to where its answer begins."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said to one held-out question."""

    step: int
    """After how many steps of learning."""
    row: str
    thought: str
    answer: str
    score: float
    thought_tokens: int


class Examination:
    """The same questions each time, and always the likeliest answer, so that examinations can be compared."""

    def __init__(self, folder: Path, questions: Sequence[Question], checker: Checker, script: Script) -> None:
        self._path = folder / THOUGHTS
        self._questions, self._checker, self._script = questions, checker, script
        self.results: dict[str, float] = {}
        """The score before anything was learned and now, and how much of it is thought."""

    def hold(self, model: Any, step: int) -> dict[str, float]:
        """Examine the model as it is after `step`. Returns what goes into the curve."""
        from freehold.train.answering import answers_of  # noqa: PLC0415 - torch

        prompts = [question.prompt for question in self._questions]
        rows = [question.row for question in self._questions]
        written = answers_of(model, self._script.tokenizer, prompts, self._script.most)
        parts = [self._script.read(one) for one in written]
        scores = self._checker.scores(rows, [one.answer for one in parts])
        found = [
            Answered(
                step=step,
                row=row.id,
                thought=part.thought,
                answer=part.answer,
                score=score,
                thought_tokens=self._script.length(part.thought),
            )
            for row, part, score in zip(rows, parts, scores, strict=True)
        ]
        kept = [one for one in answered_in(self._path.parent) if one.step < step]  # later ones are made again
        new = self._path.with_suffix(".new")
        new.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in (*kept, *found)))
        new.replace(self._path)
        before = [one.score for one in (kept or found) if one.step == 0]
        self.results["held_out_score_before"] = sum(before) / len(before)
        return self._summed(found)

    def _summed(self, found: list[Answered]) -> dict[str, float]:
        many = len(found)
        values = {
            "held_out_score": sum(one.score for one in found) / many,
            "held_out_thinks": sum(bool(one.thought) for one in found) / many,
            "held_out_thought_tokens": sum(one.thought_tokens for one in found) / many,
        }
        self.results |= values
        return values


def answered_in(folder: Path) -> list[Answered]:
    """All that was answered in a run's folder, in its order."""
    path = folder / THOUGHTS
    if not path.exists():
        return []
    decode = msgspec.json.Decoder(Answered).decode
    with path.open("rb") as lines:
        return [decode(line) for line in lines]
