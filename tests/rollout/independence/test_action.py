"""The one action is the best of all that could be done, and no more requests are looked at than that takes."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.rollout.independence.action import ALPHA, BEST_PARITY, Possible, best_action
from freehold.rollout.independence.cells import Cell, Way
from freehold.rollout.independence.score import worst_of

CELLS = [
    Cell(route="a", model="one/x", house="one", calls=600),
    Cell(route="b", model="one/x", house="one", calls=300),
    Cell(route="c", model="two/y", house="two", calls=100),
]
MODELS = [
    Possible(route=route, model=f"{house}/{name}", house=house, dearer=dearer)
    for route in ("a", "b", "c")
    for house, name, dearer in (("one", "z", 0.1), ("two", "y", 2.0), ("three", "v", 0.9))
]


@given(st.lists(st.sampled_from([None, 0.0, 0.2, 0.9, BEST_PARITY]), min_size=9, max_size=9))
def test_nothing_that_could_be_done_brings_more(parities: list[float | None]) -> None:
    known = dict(zip(((one.route, one.model) for one in MODELS), parities, strict=True))
    found = best_action(CELLS, MODELS, lambda one: known[one.route, one.model])
    score = _score(CELLS)
    brings = [_score(_with(one, known[one.route, one.model])) - score for one in MODELS if one.house != "one"]
    if found is None:
        assert max(brings) <= 1e-9
    else:
        assert abs(found.gain - 100 * max(brings)) < 1e-6
        assert abs(found.score_then - 100 * (score + max(brings))) < 1e-6


def test_of_equals_the_closest_in_price_is_named_and_the_others_are_not_looked_at() -> None:
    looked: list[str] = []

    def parity_of(one: Possible) -> float:
        looked.append(one.model)
        return BEST_PARITY

    found = best_action(CELLS, MODELS, parity_of)
    assert found is not None
    assert found.text == "Compare `three/v` with the incumbent of `a`."
    assert looked == ["three/v"]


def test_a_class_that_was_refuted_brings_nothing() -> None:
    refuted = [msgspec.structs.replace(one, refuted=("",)) for one in MODELS]
    assert best_action(CELLS, refuted, lambda one: BEST_PARITY) is None


def test_where_another_provider_is_as_bad_it_is_said() -> None:
    even = [
        Cell(route="a", model="one/x", house="one", calls=50),
        Cell(route="c", model="two/y", house="two", calls=50),
    ]
    found = best_action(even, MODELS, lambda one: BEST_PARITY)
    assert found is not None
    assert found.gain == 0
    assert "that of another is as bad" in found.text


def test_without_another_provider_that_is_the_action() -> None:
    found = best_action(CELLS[:1], [], lambda one: None)
    assert found is not None
    assert found.text.startswith("Configure a model of another provider than `one`")
    direct = [Cell(route="one/x", model="one/x", house="one", calls=100)]
    found = best_action(direct, MODELS, lambda one: None)
    assert found is not None
    assert found.text.startswith("Put a route in front of `one/x`")


def _score(cells: list[Cell]) -> float:
    found = worst_of(cells)
    assert found is not None
    return found[0]


def _with(one: Possible, parity: float | None) -> list[Cell]:
    way = Way(
        model=one.model, house=one.house, sure=1 - ALPHA, parity=BEST_PARITY if parity is None else parity
    )
    return [
        msgspec.structs.replace(cell, ways=(way,))
        if cell.route == one.route and cell.house == "one"
        else cell
        for cell in CELLS
    ]
