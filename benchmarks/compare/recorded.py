"""Pairs of real models over the same cases, from the folders of recorded results that are there."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from freehold.compare.stats.bets import Array
from freehold.compare.stats.populations import Population, population_of

Scores = dict[str, dict[Any, float]]
"""By model, then by case: a score in [0, 1]."""

_LEAST_DIFFERENT = 0.02
"""Pairs of models that agree on more than 98 % of the cases are no test of anything."""

_MOST_APART = 0.15
"""Difference of the means of models that anybody asks about, unless a source has only two."""

_LEAST_REACH = -0.2
"""Some differences have to be below: a mean of twice the largest margin is to be reached."""


class Pair(msgspec.Struct, frozen=True):
    """A candidate's scores minus an incumbent's, over all cases that both have."""

    source: str
    incumbent: str
    candidate: str
    differences: Array

    @property
    def population(self) -> Population:
        """What occurs, and how often."""
        return population_of(self.differences)


def pairs_in(folder: Path, most: int) -> tuple[list[Pair], list[str]]:
    """Up to `most` pairs of each source, and the sources that are not there."""
    pairs: list[Pair] = []
    absent: list[str] = []
    for name, read in _SOURCES.items():
        try:
            scores = read(folder)
        except FileNotFoundError:
            absent.append(name)
            continue
        pairs += _chosen(name, scores, most)
    return pairs, absent


def _chosen(source: str, scores: Scores, most: int) -> list[Pair]:
    """Some of the pairs, evenly from the one that differs least to the one that differs most; the better model is
    the incumbent of every second.
    """
    found: list[Pair] = []
    for one, other in itertools.combinations(sorted(scores), 2):
        common = sorted(scores[one].keys() & scores[other].keys())
        differences = np.array([scores[other][case] - scores[one][case] for case in common])
        near = abs(differences.mean()) <= _MOST_APART or len(scores) == 2
        reach = max(differences.min(), -differences.max())
        if near and reach < _LEAST_REACH and np.mean(differences**2) >= _LEAST_DIFFERENT:
            worse_first = (differences.mean() > 0.0) == (len(found) % 2 == 0)
            pair = (one, other, differences) if worse_first else (other, one, -differences)
            found.append(Pair(source, *pair))
    found.sort(key=lambda pair: float(np.mean(pair.differences**2)))
    places = sorted({round(place) for place in np.linspace(0, len(found) - 1, min(most, len(found)))})
    return [found[place] for place in places]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") as file:
        yield from map(json.loads, file)


def _bfcl(folder: Path) -> Scores:
    """Tool calls, right or wrong."""
    scores: Scores = defaultdict(dict)
    for row in _lines(folder / "bfcl" / "result_matrix_2024-08-11.jsonl.gz"):
        scores[row["model"]][row["category"], row["i"]] = float(row["correct"])
    return scores


def _llmrouter(folder: Path) -> Scores:
    """Thirteen tasks, most of them right or wrong, some with an overlap of words."""
    scores: Scores = defaultdict(dict)
    for number, row in enumerate(_lines(folder / "llmrouter" / "query_scores.jsonl.gz")):
        for model, score in row["scores"].items():
            scores[model][number] = float(score)
    return scores


def _logickor(folder: Path) -> Scores:
    """A judge's marks from 1 to 10 for two turns."""
    scores: Scores = defaultdict(dict)
    for row in _lines(folder / "logickor" / "scores_all_settings.jsonl.gz"):
        marks = [row["score1"] or 0.0, row["score2"] or 0.0]
        scores[f"{row['model']} ({row['setting']})"][row["id"]] = sum(marks) / 20.0
    return scores


def _routellm(folder: Path, name: str) -> Scores:
    """Two models' right and wrong answers."""
    scores: Scores = defaultdict(dict)
    for number, row in enumerate(_lines(folder / "routellm" / f"{name}.jsonl.gz")):
        for model in ("weak", "strong"):
            scores[model][number] = float(row[f"{model}_correct"])
    return scores


_SOURCES: dict[str, Callable[[Path], Scores]] = {
    "bfcl": _bfcl,
    "llmrouter": _llmrouter,
    "logickor": _logickor,
    "routellm gsm8k": lambda folder: _routellm(folder, "gsm8k"),
    "routellm mmlu": lambda folder: _routellm(folder, "mmlu"),
}
