"""The public data: prompts, and how right each of several models answered them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Wide = npt.NDArray[np.float64]


class Duel(NamedTuple):
    """A dear model and a cheap one, as RouteLLM has them."""

    name: str
    prompts: list[str]
    weak: Wide
    strong: Wide


class Field(NamedTuple):
    """Several models on the same prompts. The incumbent is dearer than the candidates, which stand cheapest first."""

    name: str
    prompts: list[str]
    incumbent: str
    models: tuple[str, ...]
    differences: Wide
    """By prompt and candidate: its score minus the incumbent's."""
    savings: Wide
    """By candidate: the part of the incumbent's price that it saves."""


_STRONG, _WEAK = "gpt-4-1106-preview", "mixtral-8x7b"


def read_duel(folder: Path, name: str) -> Duel:
    """RouteLLM's `name`, without the prompts that its evaluation leaves out as contaminated."""
    rows = [row for row in _rows(folder / "routellm" / f"{name}.jsonl.gz") if not row["contaminated"]]
    weak = np.array([row["weak_correct"] for row in rows], np.float64)
    strong = np.array([row["strong_correct"] for row in rows], np.float64)
    return Duel(name, [row["prompt"] for row in rows], weak, strong)


def as_field(duel: Duel, folder: Path) -> Field:
    """With the prices that RouteLLM assumes."""
    prices = published(folder)["assumed_cost_usd_per_M_tokens"]
    saving = 1.0 - prices[_WEAK] / prices[_STRONG]
    differences = (duel.weak - duel.strong)[:, None]
    return Field(duel.name, duel.prompts, _STRONG, (_WEAK,), differences, np.array([saving]))


def read_field(folder: Path) -> Field:
    """LLMRouter's: the best model on all of it is the incumbent, and every cheaper one a candidate."""
    prices = msgspec.json.decode((folder / "llmrouter" / "models.json").read_bytes())
    rows: dict[str, dict[str, float]] = {}
    for row in _rows(folder / "llmrouter" / "query_scores.jsonl.gz"):
        rows.setdefault(row["question"], row["scores"])
    names = list(next(iter(rows.values())))
    scores = {name: np.array([row[name] for row in rows.values()]) for name in names}
    price = {name: prices[name]["input_price"] + prices[name]["output_price"] for name in names}
    incumbent = max(names, key=lambda name: float(scores[name].mean()))
    cheaper = sorted((name for name in names if price[name] < price[incumbent]), key=lambda name: price[name])
    differences = np.stack([scores[name] - scores[incumbent] for name in cheaper], axis=1)
    savings = np.array([1.0 - price[name] / price[incumbent] for name in cheaper])
    return Field("llmrouter", list(rows), incumbent, tuple(cheaper), differences, savings)


def published(folder: Path) -> dict[str, Any]:
    """The tables of RouteLLM's paper."""
    found: dict[str, Any] = msgspec.json.decode((folder / "routellm" / "paper_tables.json").read_bytes())
    return found


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = gzip.decompress(path.read_bytes()).splitlines()
    return [msgspec.json.decode(line) for line in lines if line.strip()]
