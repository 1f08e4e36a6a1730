"""What the report of a dataset says: where its lines come from, what was left out and why, and what they are like."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from freehold.compare.scorers.instructions.languages import language_of
from freehold.train.data.gate import Judged
from freehold.train.data.row import Row, Split
from freehold.train.data.said import Said, reasoning_of, text_of
from freehold.train.data.tally import Stage

NO_LANGUAGE = "not told"


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that were left out for one reason."""

    stage: Stage
    why: str
    """Goes on from "Left out, as they …"."""
    rows: int


class Contaminated(msgspec.Struct, frozen=True, kw_only=True):
    """One line that held what a suite asks, or a long answer of it."""

    row: str
    suite: str
    hash: str
    case: str
    part: str
    """`question` or `target`."""
    share: float
    """Of the sequences of words that belong to that text; 1: all of it was there."""
    words: str
    """How the line begins."""


class Decontamination(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked for, and found."""

    suites: int
    """That were looked through."""
    texts: int
    """Of their cases, each once."""
    short: int
    """Of these, that are found only where they are all that is asked."""
    spared: tuple[str, ...]
    """Suites that were not looked for, by name and hash: the dataset cannot be measured with them."""
    rows: int
    """That were dropped."""
    cases: int
    """That they were like."""
    by_suite: dict[str, int]
    """Dropped lines by suite, its name and hash."""
    sample: tuple[Contaminated, ...] = ()


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Of texts, in characters."""

    least: int
    median: int
    most_of_them: int
    """Nineteen of twenty are no longer."""
    most: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""

    sources: tuple[str, ...]
    looked_at: int
    """Calls, cases, lines of files."""
    taken: int
    """That a source gave."""
    left_out: tuple[LeftOut, ...]
    makers: tuple[Judged, ...]
    rejected_left_out: int
    """Worse answers that were taken from their lines, as their makers' terms do not allow to use them."""
    duplicates: tuple[tuple[str, str], ...]
    """Some lines that are nearly the same as another one, and that one."""
    contamination: Decontamination
    masked: dict[str, int]
    """Pieces that were masked, by kind."""
    is_masked: bool
    rows: dict[Split, int]
    groups: dict[Split, int]
    held_out: float
    """The share that was asked for."""
    written_by: dict[str, int]
    accepted: dict[str, int]
    classes: dict[str, int]
    languages: dict[str, int]
    with_reasoning: int
    with_rejected: int
    with_target: int
    with_tools: int
    question_lengths: Lengths | None
    answer_lengths: Lengths | None
    losses: dict[str, int]
    notes: tuple[str, ...]


class Portrait:
    """What the lines of a dataset are like, line by line. Takes two numbers for each."""

    def __init__(self) -> None:
        self.rows: Counter[Split] = Counter()
        self.groups: dict[Split, set[str]] = {"train": set(), "held-out": set()}
        self.makers: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.classes: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.having: Counter[str] = Counter()
        self._lengths: dict[str, Counter[int]] = {"question": Counter(), "answer": Counter()}

    def add(self, row: Row, split: Split) -> None:
        """One more line."""
        request: dict[str, Any] = msgspec.json.decode(row.request)
        answer: dict[str, Any] = msgspec.json.decode(row.answer)
        question, text = Said(request).conversation, text_of(answer)
        self.rows[split] += 1
        self.groups[split].add(row.group)
        self.makers[row.maker] += 1
        self.accepted[row.accepted] += 1
        self.classes[row.task_class] += 1
        self.languages[language_of(question) or NO_LANGUAGE] += 1
        self.having["reasoning"] += bool(reasoning_of(answer))
        self.having["rejected"] += bool(bytes(row.rejected))
        self.having["target"] += bool(bytes(row.target))
        self.having["tools"] += bool(answer.get("tool_calls"))
        self._lengths["question"][len(question)] += 1
        self._lengths["answer"][len(text)] += 1

    def lengths(self, what: str) -> Lengths | None:
        """How long questions or answers are; None: there are none."""
        counted = sorted(self._lengths[what].items())
        total = sum(many for _, many in counted)
        if not total:
            return None
        return Lengths(
            least=counted[0][0],
            median=_at(counted, total / 2),
            most_of_them=_at(counted, total * 0.95),
            most=counted[-1][0],
        )


def by_size(counts: Counter[Any]) -> dict[Any, int]:
    """The most first, without those that are none."""
    return {
        name: many for name, many in sorted(counts.items(), key=lambda one: (-one[1], str(one[0]))) if many
    }


def _at(counted: list[tuple[int, int]], place: float) -> int:
    seen = 0
    for length, many in counted:
        seen += many
        if seen >= place:
            return length
    return counted[-1][0]
