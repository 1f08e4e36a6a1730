"""What is found by looking at a file and at how it reads text."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.train.export.checks import (
    Reading,
    Tokens,
    check_marks,
    check_numbers,
    check_readings,
    check_settings,
    check_template,
    check_vocabulary,
)

TOKENS = Tokens(
    tokens=("<end>", "<turn>", "a", "b"), special=frozenset({0, 1}), begin=1, end=0, begins_by_itself=False
)


@given(st.text(), st.text())
def test_templates_are_the_same_or_they_are_not(ours: str, theirs: str) -> None:
    found = check_template(ours, theirs)
    assert found.holds is (ours == theirs)
    assert bool(found.evidence) is (ours != theirs)


def test_a_model_that_nobody_can_chat_with_is_told() -> None:
    assert check_template(None, None).holds is False
    assert "The file has no" in check_template("x", None).told


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"tokens": ("<end>", "<turn>", "b", "a")}, "vocabulary"),
        ({"tokens": ("<end>", "<turn>", "a")}, "vocabulary"),
        ({"tokens": ()}, "vocabulary"),
        ({"special": frozenset({0})}, "vocabulary"),
        ({"end": 1}, "marks"),
        ({"end": None}, "marks"),
        ({"end": 99}, "marks"),
        ({"begin": None}, "marks"),
        ({"begins_by_itself": True}, "marks"),
    ],
)
def test_another_tokenizer_is_found(changes: dict[str, object], check: str) -> None:
    theirs = msgspec.structs.replace(TOKENS, **changes)
    found = [check_vocabulary(TOKENS, theirs), check_marks(TOKENS, theirs, 0)]
    assert [one.check for one in found if one.holds is False] == [check]
    assert next(one for one in found if one.check == check).evidence


def test_a_template_that_ends_answers_with_another_token_is_found() -> None:
    assert check_marks(TOKENS, TOKENS, 0).holds is True
    assert check_marks(TOKENS, TOKENS, None).holds is True
    assert "template ends an answer with" in check_marks(TOKENS, TOKENS, 1).evidence[0]


def test_texts_that_are_read_otherwise_are_shown() -> None:
    same, other = Reading("a", (2,), (2,)), Reading("ab", (2, 3), (3, 2))
    assert check_readings("prompts", "Chats", [same]).holds is True
    found = check_readings("prompts", "Chats", [same, other])
    assert found.holds is False and "1 of 2 chats" in found.told and "[3, 2] when served" in found.evidence[0]


def test_how_the_model_reckons_is_compared() -> None:
    ours = {"llama.rope.freq_base": 10000.0, "llama.block_count": 2}
    assert check_settings(ours, {**ours, "llama.extra": 1}).holds is True
    assert check_settings(ours, {"llama.block_count": 2}).holds is False
    assert check_settings(ours, {**ours, "llama.rope.freq_base": 500000.0}).holds is False


def test_tensors_that_are_no_numbers_are_named() -> None:
    assert check_numbers({}, 3).holds is True
    assert "`x`: missing" in check_numbers({"x": "missing"}, 3).evidence
