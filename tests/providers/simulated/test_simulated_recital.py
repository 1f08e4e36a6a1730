"""The recital can be checked word by word, and is gone on with exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freehold.providers.simulated.words import recital, recital_from


@given(asked=st.text(), tokens=st.integers(1, 60), share=st.floats(0, 1))
def test_it_goes_on_with_the_next_character(asked: str, tokens: int, share: float) -> None:
    whole = recital(asked, tokens)
    assert len(whole.split()) == len(set(whole.split())) == tokens
    told = whole[: int(share * len(whole))]
    rest = recital_from([("user", asked), ("assistant", told), ("user", "Go on.")], tokens)
    if told:
        assert told + rest == whole
    else:
        assert rest == recital("Go on.", tokens)


def test_what_is_not_its_beginning_is_not_gone_on_with() -> None:
    turns = [("user", "a"), ("assistant", "something else"), ("user", "b")]
    assert recital_from(turns, 5) == recital("b", 5)
