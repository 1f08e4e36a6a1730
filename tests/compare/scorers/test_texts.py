"""Answers that have to be a certain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import answer_of, case_of, scorer, value

from freehold.compare.scorers.normal import has_words, normal
from freehold.core.errors import BadRequest

ALL = {"case": True, "punctuation": True, "whitespace": True, "unicode": True, "articles": True}


@pytest.mark.parametrize(
    ("target", "answer", "settings", "score"),
    [
        ("Paris", "Paris", {}, 1),
        ("Paris", " Paris\n", {}, 1),
        ("Paris", " Paris\n", {"trim": False}, 0),
        ("Paris", "paris", {}, 0),
        ("Paris", "Paris.", {}, 0),
        (["Paris", "Lutetia"], "Lutetia", {}, 1),
        ("", "", {}, 1),
        ("", "x", {}, 0),
    ],
)
def test_exact(target: object, answer: str, settings: dict[str, object], score: float) -> None:
    assert value("exact", target, answer, **settings) == score


@pytest.mark.parametrize(
    ("target", "answer", "settings", "score"),
    [
        ("New York", " new  YORK. ", {}, 1),
        ("New York", "new york", {"case": False}, 0),
        ("New York", "New York.", {"punctuation": False}, 0),
        ("New York", "New  York", {"whitespace": False}, 0),
        ("it's", "it’s", {"punctuation": False}, 1),
        ("it's", "it’s", {"punctuation": False, "unicode": False}, 0),
        ("Straße", "STRASSE", {}, 1),
        ("ABC", "ＡＢＣ", {}, 1),
        ("서울", "서울.", {}, 1),
        ("moon", "the moon", {}, 0),
        ("moon", "the moon", {"articles": True}, 1),
        ("Theatre", "atre", {"articles": True}, 0),
        ("cat", "The cat sat.", {"where": "anywhere"}, 1),
        ("cat", "Concatenate", {"where": "anywhere"}, 0),
        ("서울", "대한민국의 수도는 서울입니다", {"where": "anywhere"}, 1),
        ("東京", "首都は東京です", {"where": "anywhere"}, 1),
        ("yes", "Yes, it is", {"where": "begins"}, 1),
        ("yes", "Yesterday", {"where": "begins"}, 0),
        ("no", "I say: no!", {"where": "ends"}, 1),
        ("no", "casino", {"where": "ends"}, 0),
        ("", "something", {"where": "anywhere"}, 0),
    ],
)
def test_normalised(target: object, answer: str, settings: dict[str, object], score: float) -> None:
    assert value("normalised", target, answer, **settings) == score


@given(st.text(), st.fixed_dictionaries({name: st.booleans() for name in ALL}))
def test_what_is_normal_stays_as_it_is(text: str, settings: dict[str, bool]) -> None:
    once = normal(text, **settings)
    # Folding and compatibility forms may need a second turn; after that nothing changes any more.
    twice = normal(once, **settings)
    assert normal(twice, **settings) == twice


@given(st.text(min_size=1), st.text(), st.text())
def test_words_are_found_where_they_stand_alone(words: str, before: str, after: str) -> None:
    if words.strip():
        assert has_words(f"{before} {words} {after}", words)
    assert not has_words(before, f"{before}x")


@given(st.text())
def test_every_text_is_itself(text: str) -> None:
    assert value("exact", text, text) == 1
    assert value("normalised", text, text) == 1


@pytest.mark.parametrize("target", [None, 5, [], [1], {"a": 1}])
def test_a_target_of_another_kind_is_refused(target: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("exact").check(case_of(target))


def test_a_missing_target_is_told() -> None:
    with pytest.raises(BadRequest, match="`exact` needs one"):
        scorer("exact").check(case_of(given=False))
    assert answer_of("x").failure is None
