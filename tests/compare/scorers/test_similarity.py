"""How alike texts are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import value

from freehold.compare.scorers.similarity import chrf, longest_common, rouge_l, token_f1

WORDS = st.lists(st.sampled_from("abcd"), max_size=30)


@pytest.mark.parametrize(
    ("text", "reference", "score"),
    [
        ("a", "a", 1.0),
        ("a b c", "abc", 1.0),
        # One of two characters, none of one pair: P = R = (1/2 + 0) / 2.
        ("aa", "ab", 0.25),
        ("", "", 1.0),
        ("", "a", 0.0),
        ("a", "", 0.0),
        ("abc", "xyz", 0.0),
        # P = (2/3 + 1/2 + 0) / 3, R the same.
        ("abx", "aby", (2 / 3 + 1 / 2) / 3),
    ],
)
def test_chrf(text: str, reference: str, score: float) -> None:
    assert chrf(text, reference) == pytest.approx(score)


def test_chrf_holds_recall_for_more_than_precision() -> None:
    # All of a short text is right: P = 1, R = (3/6 + 2/5 + 1/4) / 3.
    recall = (3 / 6 + 2 / 5 + 1 / 4) / 3
    assert chrf("abc", "abcdef") == pytest.approx(5 * recall / (4 + recall))
    assert chrf("abc", "abcdef", beta=1) == pytest.approx(2 * recall / (1 + recall))
    assert chrf("abc", "abcdef", order=1) == pytest.approx(5 * 0.5 / 4.5)


def test_rouge_l_is_about_the_order_of_words_and_token_f1_is_not() -> None:
    # Lin's own example, 2004: police killed the gunman; police kill the gunman; the gunman kill police.
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(0.5)
    assert token_f1("the gunman kill police", "police killed the gunman", articles=False) == pytest.approx(
        0.75
    )
    assert token_f1("the gunman kill police", "police killed the gunman") == pytest.approx(2 / 3)


@given(WORDS, WORDS)
def test_the_longest_common_subsequence_is_that(one: list[str], other: list[str]) -> None:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for row, word in enumerate(one, 1):
        for column, its in enumerate(other, 1):
            longer = max(table[row - 1][column], table[row][column - 1])
            table[row][column] = table[row - 1][column - 1] + 1 if word == its else longer
    assert longest_common(one, other) == table[-1][-1]


@given(st.text(max_size=200), st.text(max_size=200))
def test_every_likeness_is_a_score(one: str, other: str) -> None:
    for kind in ("chrf", "rouge-l", "token-f1"):
        told = value(kind, other, one)
        assert told is not None
        assert 0 <= told <= 1 + 1e-12
        assert value(kind, one, one) == pytest.approx(1)
        assert value(kind, [other, one], one) == pytest.approx(1)


@pytest.mark.parametrize(("kind", "settings"), [("chrf", {}), ("rouge-l", {}), ("token-f1", {})])
def test_korean_is_compared_too(kind: str, settings: dict[str, Any]) -> None:
    near = value(kind, "오늘 서울은 비가 온다", "오늘 서울은 눈이 온다", **settings)
    far = value(kind, "오늘 서울은 비가 온다", "내일 부산에 간다", **settings)
    assert near is not None
    assert far is not None
    assert 1 > near > far


def test_case_counts_where_it_is_set() -> None:
    assert value("rouge-l", "A b", "a B") == 1
    assert value("rouge-l", "A b", "a B", case=True) == 0
