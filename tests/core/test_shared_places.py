"""Places that are shared: never more than there are, and one for whoever has none while any is free."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freehold.core.places import Places


@given(
    st.integers(0, 12),
    st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", "c", None])), max_size=60),
)
def test_whoever_has_none_gets_one(most: int, steps: list[tuple[bool, str | None]]) -> None:
    places = Places(most)
    held: list[str | None] = []
    for takes, who in steps:
        if takes:
            own, free = held.count(who), most - len(held)
            assert places.take(who) == (0 < free >= own)
            if 0 < free >= own:
                held.append(who)
        elif who in held:
            held.remove(who)
            places.give_back(who)
        assert len(held) <= most


def test_one_alone_gets_half_and_one_more() -> None:
    places = Places(32)
    assert sum(places.take("a") for _ in range(40)) == 17
    assert places.take("b")
