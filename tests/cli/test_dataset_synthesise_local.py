"""A dataset that the local model writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.train.data.shelf import DatasetShelf

OUTLINE = r"""
teacher = "local/smollm2-135m"
rows = 2
[seeds]
topics = ["coins", "bricks", "letters"]
[question]
template = "{topic}: {a} + {b} ="
numbers = { a = [1, 9], b = [1, 9] }
target = "a + b"
[answer]
max_tokens = 16
stop = ["\n"]
samples = 4
[check]
scorers = ["numeric:take=last"]
"""


@pytest.mark.model
def test_the_local_model_teaches_what_it_gets_right(tmp_path: Path) -> None:
    (tmp_path / "outline.toml").write_text(OUTLINE)
    made: dict[str, Any] = Shell(tmp_path).json("dataset", "synthesise", "sums", "--outline", "outline.toml")[
        0
    ]
    assert (made["synthesis"]["end"], made["synthesis"]["kept"]) == ("complete", 2)
    assert made["synthesis"]["questions"]["similarity"] is not None
    dataset = DatasetShelf(tmp_path / ".freehold").find("sums")
    rows = [*dataset.rows("train"), *dataset.rows("held-out")]
    assert len(rows) == 2
    for row in rows:
        a, b = map(int, re.findall(r"\d+", msgspec.json.decode(row.request)["messages"][-1]["content"]))
        said = re.findall(r"\d+", msgspec.json.decode(row.answer)["content"])
        assert int(said[-1]) == msgspec.json.decode(row.target) == a + b
        assert (row.maker, row.accepted) == ("local/smollm2-135m", "scorer")
