"""Answers are checked by the scorers that comparisons use."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from reasoning import message, raw, shelve

from freehold.core.errors import BadRequest
from freehold.train.data.row import PEOPLE, Row
from freehold.train.rewards.checking import checker_of


def _row(target: object) -> Row:
    return Row(
        id="one",
        request=raw({"messages": [message("user", "?")]}),
        answer=raw(message("assistant", "!")),
        maker=PEOPLE,
        origin="file",
        group="one",
        target=raw(target),
    )


@pytest.mark.parametrize(
    ("scorers", "target", "right", "wrong"),
    [
        ([{"kind": "numeric"}], 12, "It is 3 + 9 = 12.", "It is 12 or 13."),
        ([{"kind": "exact"}], "yes", " yes\n", "Yes"),
        ([{"kind": "json-schema"}], {"type": "object", "required": ["a"]}, '{"a": 1}', '{"b": 1}'),
        (
            [{"kind": "python-tests"}],
            {"tests": "assert twice(4) == 8"},
            "```python\ndef twice(x):\n    return 2 * x\n```",
            "```python\ndef twice(x):\n    return x\n```",
        ),
    ],
)
def test_right_answers_and_wrong_ones(
    tmp_path: Path, scorers: list[object], target: object, right: str, wrong: str
) -> None:
    row = _row(target)
    dataset = shelve(tmp_path, "checked", {"train": [row], "held-out": []}, json.dumps(scorers).encode())
    with checker_of(dataset.manifest) as checker:
        checker.check(row)
        assert checker.scores([row] * 3, [right, wrong, ""]) == [1.0, 0.0, 0.0]


def test_several_scorers_count_alike(tmp_path: Path) -> None:
    row = _row("7")
    scorers = b'[{"kind":"numeric"},{"kind":"exact"}]'
    dataset = shelve(tmp_path, "checked", {"train": [row], "held-out": []}, scorers)
    with checker_of(dataset.manifest) as checker:
        assert checker.scores([row], ["It is 7"]) == [0.5]


@pytest.mark.parametrize(
    ("scorers", "told"),
    [
        (b"[]", "no scorer"),
        (b'[{"kind":"rubric"}]', "asks a model"),
        (b'[{"kind":"numeric","settings":{"tolerence":1}}]', "tolerence"),
    ],
)
def test_what_cannot_check_is_refused(tmp_path: Path, scorers: bytes, told: str) -> None:
    dataset = shelve(tmp_path, "checked", {"train": [], "held-out": []}, scorers)
    with pytest.raises(BadRequest, match=told):
        checker_of(dataset.manifest)


def test_a_target_that_no_scorer_takes_is_refused(tmp_path: Path) -> None:
    row = msgspec.structs.replace(_row("seven"), id="two")
    dataset = shelve(tmp_path, "checked", {"train": [row], "held-out": []}, b'[{"kind":"numeric"}]')
    with checker_of(dataset.manifest) as checker, pytest.raises(BadRequest, match="`two`"):
        checker.check(row)
