"""Pairs of answers that people and judges have judged, from recorded data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_PROMPTINGS = ("Vanilla_NoRules", "Metrics_Reference")
"""Of LLMBar: those that every judge was asked with."""
_SAME_LENGTH = 0.1
_FEWEST = 300


class Judged(NamedTuple):
    """Pairs that one judge and people have judged, each -1, 0 or 1 for the candidate."""

    source: str
    judge: str
    candidate: str
    """What makes an answer the candidate's."""
    judged: NDArray[np.float64]
    people: NDArray[np.float64]
    elsewhere: NDArray[np.bool_]
    """Pairs of another kind than the rest."""
    agree_in_both_orders: float | None

    @property
    def truth(self) -> float:
        """What people say of all of them."""
        return float(self.people.mean())


def judged_in(data: Path) -> tuple[list[Judged], list[str]]:
    """All that there is in a folder, and what there is not."""
    found, absent = [], []
    for name, read in (("llmbar", _llmbar), ("prometheus", _prometheus)):
        if (data / name).is_dir():
            found += list(read(data / name))
        else:
            absent.append(name)
    return found, absent


def repeats_in(data: Path) -> NDArray[np.float64] | None:
    """GPT-4's scores of the same answers, asked three times, as shares of its scale; None: they are not there."""
    path = data / "prometheus" / "gpt4_repeated_scores.jsonl.gz"
    if not path.exists():
        return None
    rows = [row["gpt4_score"] for row in _lines(path)]
    lists = [json.loads(one) if isinstance(one, str) else one for one in rows]
    return (np.array([one for one in lists if len(one) == 3], float) - 1) / 4


def _llmbar(folder: Path) -> Iterator[Judged]:
    """The longer answer is the candidate's. Judges were asked in both orders; what they disagree on is a tie."""
    longer = {
        (row["subset"], row["i"]): 1 if len(row["output_2"]) >= len(row["output_1"]) else -1
        for row in _lines(folder / "pairs.jsonl.gz")
    }
    worth = {"1": -1, "2": 1}
    by_judge: dict[tuple[str, str], list[tuple[int, int, bool, bool]]] = {}
    for row in _lines(folder / "decisions.jsonl.gz"):
        first, second = row["decision"].values()
        if row["prompting"] not in _PROMPTINGS or first is None or second is None:
            continue
        side = longer[row["subset"], row["i"]]
        judge = side * worth[first] if first == second else 0
        people = side * (1 if row["label"] == 2 else -1)
        rows = by_judge.setdefault((row["judge"], row["prompting"]), [])
        rows.append((judge, people, row["subset"].startswith("Processed"), first == second))
    for (judge_name, prompting), rows in sorted(by_judge.items()):
        if len(rows) < _FEWEST:
            continue
        values = np.array([row[:2] for row in rows], float)
        yield Judged(
            "LLMBar",
            f"{judge_name}, {prompting.replace('_', ' ')}",
            "the longer answer",
            values[:, 0],
            values[:, 1],
            np.array([row[2] for row in rows], bool),
            sum(row[3] for row in rows) / len(rows),
        )


def _prometheus(folder: Path) -> Iterator[Judged]:
    """No model's verdicts on these pairs were published. The judge here goes by length alone, as the worst ones do; the
    candidate's is the answer with more lines.
    """
    rows = []
    for row in _lines(folder / "autoj_human_pairwise.jsonl.gz"):
        answers = row["response 1"].strip(), row["response 2"].strip()
        lines = [one.count("\n") for one in answers]
        if lines[0] == lines[1]:
            continue
        side = 1 if lines[1] > lines[0] else -1
        people = {"0": -1, "1": 1, "2": 0}[str(row["label"])]
        short, long = sorted(map(len, answers))
        judge = 0 if long - short <= _SAME_LENGTH * long else (1 if len(answers[1]) == long else -1)
        rows.append((side * judge, side * people))
    values = np.array(rows, float)
    yield Judged(
        "Auto-J",
        "whichever is longer",
        "the answer with more lines",
        values[:, 0],
        values[:, 1],
        np.zeros(len(rows), bool),
        None,
    )


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
