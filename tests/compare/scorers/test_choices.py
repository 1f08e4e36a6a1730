"""Answers that choose one of several options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import case_of, scored, scorer, value

from freehold.core.errors import BadRequest

CHOOSES_B = [
    *(
        "B",
        "b",
        "(B)",
        "B.",
        "B)",
        "**B**",
        "`B`",
        "Answer: B",
        "answer: (B)",
        "The answer is (B).",
        "ANSWER: B",
    ),
    *("The answer is B.", "The correct answer is **B**.", "The correct answer is: B) Paris", "**Answer:** B"),
    *("Final answer: B", "$\\boxed{B}$", "\\boxed{\\text{B}}", "\\boxed{(B) Paris}", "B. Paris", "B - Paris"),
    *("(B) Paris, because A is wrong", "I would choose B.", "I choose option B", "The best option is B"),
    *(
        "Option B is correct because A and C are not",
        "정답은 B입니다.",
        "정답: B",
        "답은 (B)입니다",
        "B번",
        "Ｂ",
    ),
    *("After looking at (A), the answer is B", "The answer is B because A is a distraction"),
    *("The answer is option B.", "The answer to the question is B", "So the answer is B, since C fails."),
    *(
        "Let's see. The right answer would be B",
        "B\n\nBecause Paris is the capital.",
        "The answer is therefore B.",
    ),
]
UNCLEAR = [
    *("", "I do not know", "A or B", "The answer is A or B", "The answer is B or A.", "(A) and (B)", "A, B"),
    *("The answer is A. No, the answer is B.", "The answer is (A) or (B)", "Both A and B", "정답은 A 또는 B"),
    *("The answer is A and B.", "A. x\nB. y\nC. z", "The answer is not B", "Banana", "The answer is Bananas"),
    *("A dog is an animal", "I think so", "The answer is a dog", "The answer is A dog"),
]


@pytest.mark.parametrize("answer", CHOOSES_B)
def test_many_ways_to_choose(answer: str) -> None:
    result = scored("choice", "B", answer)
    assert result.value == 1, result.why
    assert value("choice", "A", answer) == 0


@pytest.mark.parametrize("answer", UNCLEAR)
def test_nothing_is_guessed(answer: str) -> None:
    for letter in "ABC":
        assert value("choice", letter, answer) == 0
        assert value("choice", letter, answer, unclear="no verdict") is None


@pytest.mark.parametrize(
    "answer", ["②", "2번", "정답은 ②번입니다", "정답: 2", "답은 2", "(2)", "\\boxed{2}", "2"]
)
def test_options_with_digits(answer: str) -> None:
    assert value("choice", 1, answer, letters="①②③④⑤") == 1
    assert value("choice", "②", answer, letters="12345") == 1
    assert value("choice", 0, answer, letters="12345") == 0


@pytest.mark.parametrize("answer", ["나", "정답은 나입니다", "정답: (나)"])
def test_options_with_korean_syllables(answer: str) -> None:
    assert value("choice", "나", answer, letters="가나다라") == 1


@given(
    st.sampled_from("ABCDE"),
    st.sampled_from("ABCDE"),
    st.sampled_from(["{}", "({})", "**{}**", "Answer: {}"]),
)
def test_only_the_letter_that_was_said_is_right(said: str, right: str, form: str) -> None:
    assert value("choice", right, form.format(said)) == (said == right)
    assert value("choice", "ABCDEFGHIJ".index(right), form.format(said)) == (said == right)


@given(st.text())
def test_at_most_one_option_is_chosen(text: str) -> None:
    assert sum(value("choice", letter, text) or 0 for letter in "ABCDEFGHIJ") <= 1


@pytest.mark.parametrize("target", ["Z", 10, -1, "", "AB", [], None])
def test_a_target_that_is_no_option_is_refused(target: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("choice").check(case_of(target))


def test_letters_that_are_there_twice_are_refused() -> None:
    with pytest.raises(BadRequest, match="twice"):
        scorer("choice", letters="ABA")
