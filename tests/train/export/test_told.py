"""What is made of what forms say, token by token."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from freehold.train.export.told import Told, agreement_of, common_beginning, perplexity_of

logs = st.lists(st.floats(-20, 0), min_size=1, max_size=8)


def told(values: list[float], choices: list[int] | None = None, sure: list[bool] | None = None) -> Told:
    return Told(tuple(values), tuple(choices or [0] * len(values)), tuple(sure or ()))


@given(st.lists(logs, min_size=1, max_size=6))
def test_perplexity_is_of_all_tokens_together_however_they_are_cut_into_answers(
    answers: list[list[float]],
) -> None:
    one = perplexity_of([told(answer) for answer in answers])
    whole = perplexity_of([told([value for answer in answers for value in answer])])
    assert (
        one is not None and whole is not None and math.isclose(one, whole, rel_tol=1e-9) and one >= 1.0 - 1e-9
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=20))
def test_agreement_counts_tokens(tokens: list[tuple[int, int, bool]]) -> None:
    zeros = [0.0] * len(tokens)
    ours = told(zeros, [one for one, _, _ in tokens], [sure for _, _, sure in tokens])
    theirs = told(zeros, [one for _, one, _ in tokens])
    assert agreement_of([ours], [theirs]) == sum(a == b for a, b, _ in tokens) / len(tokens)
    sure = [(a, b) for a, b, certain in tokens if certain]
    expected = sum(a == b for a, b in sure) / len(sure) if sure else None
    assert agreement_of([ours], [theirs], where_sure=True) == expected
    assert agreement_of([ours], [ours]) == 1.0


def test_nothing_said_is_no_figure() -> None:
    assert perplexity_of([]) is None and agreement_of([], []) is None


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_what_answers_have_in_common(begin: list[int], one: list[int], other: list[int]) -> None:
    found = common_beginning(begin + one, begin + other)
    assert found >= len(begin)
    assert (begin + one)[:found] == (begin + other)[:found]
