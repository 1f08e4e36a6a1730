"""What an answer is worth: for all texts, scores and lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.train.rewards.reward import Weights, reward_of
from freehold.train.rewards.thought import CLOSE, OPEN, Thinking, put_together, take_apart

plain = st.text(max_size=60).filter(lambda text: OPEN not in text and CLOSE not in text)
pieces = st.lists(st.sampled_from([OPEN, CLOSE, " ", "\n", "7", "six", "생각"]), max_size=12).map("".join)
scores = st.floats(0, 1)
weights = st.builds(Weights, form=st.floats(0, 1), budget=st.integers(1, 1000), over=st.floats(0, 2))


@given(plain.map(str.strip).filter(bool), plain.map(str.strip).filter(bool))
def test_what_was_put_together_is_taken_apart(thought: str, answer: str) -> None:
    assert take_apart(put_together(thought, answer)) == Thinking(thought, answer, in_form=True)


@given(pieces)
def test_no_mark_of_a_thought_gets_into_a_thought_that_is_in_form_or_its_answer(text: str) -> None:
    thinking = take_apart(text)
    if thinking.in_form:
        assert thinking.answer
        assert not any(mark in part for mark in (OPEN, CLOSE) for part in thinking[:2])


@pytest.mark.parametrize(
    ("text", "thought", "answer", "in_form"),
    [
        ("7", "", "7", True),
        ("<think>3 + 4 = 7</think>7", "3 + 4 = 7", "7", True),
        ("\n<think>\n3 + 4\n</think>\n\n7", "3 + 4", "7", True),
        ("<think></think>7", "", "7", True),
        ("<think>the answer is 7", "the answer is 7", "", False),
        ("<think>3 + 4 = 7</think>", "3 + 4 = 7", "", False),
        ("So: <think>7</think>7", "7", "7", False),
        ("<think>a<think>b</think>7", "a<think>b", "7", False),
        ("<think>a</think>7</think>8", "a", "7</think>8", False),
        ("7</think>", "", "7</think>", False),
        ("", "", "", False),
    ],
)
def test_a_text_is_taken_apart(text: str, thought: str, answer: str, *, in_form: bool) -> None:
    assert take_apart(text) == Thinking(thought, answer, in_form)


@given(pieces, scores, st.integers(0, 5000), weights)
def test_a_reward_lies_between_what_can_be_lost_and_what_can_be_earned(
    text: str, score: float, tokens: int, counts: Weights
) -> None:
    total = reward_of(take_apart(text), score, tokens, counts).total
    assert -counts.over - 1e-9 <= total <= 1 + counts.form + 1e-9


@given(
    plain.filter(lambda text: bool(text.strip())), scores, st.integers(0, 2000), st.integers(0, 2000), weights
)
def test_thinking_longer_never_earns_more_and_nothing_less_within_the_budget(
    text: str, score: float, one: int, other: int, counts: Weights
) -> None:
    shorter, longer = sorted((one, other))
    thinking = take_apart(f"{OPEN}so{CLOSE}{text}")
    less, more = (reward_of(thinking, score, tokens, counts).total for tokens in (shorter, longer))
    assert less >= more
    if longer <= counts.budget:
        assert less == more


@given(plain, scores, weights)
def test_who_only_thinks_is_never_right(thought: str, score: float, counts: Weights) -> None:
    for text in (f"{OPEN}{thought}", f"{OPEN}{thought}{CLOSE}", f"{OPEN}{thought}{CLOSE} \n"):
        reward = reward_of(take_apart(text), score, 0, counts)
        assert reward.right == 0.0
        assert reward.form == 0.0


def test_twice_the_budget_costs_all_and_half_as_much_over_it_half() -> None:
    thinking = take_apart("<think>so</think>7")
    counts = Weights(form=0.0, budget=100, over=0.5)
    assert [reward_of(thinking, 1.0, tokens, counts).total for tokens in (100, 150, 200, 9000)] == [
        1.0,
        0.75,
        0.5,
        0.5,
    ]
