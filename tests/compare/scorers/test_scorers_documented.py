"""The page about scorers is true: its tables are those of the code, and every example has the score that it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scoring import answer_of, scored

from freehold.compare.scorers.reference import rewritten
from freehold.compare.scorers.registry import kinds, settings_of_kind

DOCUMENT = (Path(__file__).parents[3] / "docs/scorers.md").read_text(encoding="utf-8")
EXAMPLES = [
    msgspec.json.decode(line)
    for block in re.findall(r"^```jsonl\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


def test_the_tables_are_those_of_the_code() -> None:
    assert rewritten(DOCUMENT) == DOCUMENT, (
        "run: python -m freehold.compare.scorers.reference docs/scorers.md"
    )


def test_every_kind_that_can_be_set_has_a_section_a_table_and_an_example() -> None:
    told = {kind for kind in kinds() if msgspec.structs.fields(settings_of_kind(kind))}
    for kind in told:
        assert f"\n## {kind}\n" in DOCUMENT
        assert f"<!-- settings: {kind} -->" in DOCUMENT
    assert {example["kind"] for example in EXAMPLES} == told


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one['kind']}: {str(one.get('answer'))[:30]}")
def test_an_example(example: dict[str, Any]) -> None:
    answer = answer_of(example.get("answer", ""), *[(name, told) for name, told in example.get("calls", ())])
    result = scored(example["kind"], example.get("target"), answer, **example.get("settings", {}))
    assert result.value == example["score"], result.why
