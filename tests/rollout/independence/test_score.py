"""The score is a bound that only evidence raises, and anybody can compute it from the page."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rollout.drills.figures import proportion_low
from freehold.rollout.independence.cells import Cell, Way
from freehold.rollout.independence.score import (
    by_calls,
    concentration_of,
    houses_of,
    independence_of,
    worst_of,
)
from freehold.rollout.independence.weights import DAY_US, OF_SUITES, OF_VERDICTS, share_at_least

PAGE = (Path(__file__).parents[3] / "docs" / "independence.md").read_text()
HOUSES = ("one", "two", "three")
SHARES = st.floats(0, 1)


@st.composite
def ways(draw: st.DrawFn) -> Way:
    return Way(
        model="x/y",
        house=draw(st.sampled_from(HOUSES)),
        own=draw(st.booleans()),
        configured=draw(st.booleans()),
        sure=draw(SHARES),
        fresh=draw(SHARES),
        parity=draw(st.none() | SHARES),
        drilled=draw(st.none() | SHARES),
    )


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    return Cell(
        route=draw(st.sampled_from(("a", "b"))),
        task_class=draw(st.sampled_from(("", "mail", "code"))),
        model="m",
        house=draw(st.sampled_from(HOUSES)),
        calls=draw(st.floats(0.01, 1e6)),
        cost=draw(st.none() | st.decimals(0, 1000, places=3)),
        cases=draw(st.none() | st.integers(2, 1000)),
        ways=tuple(draw(st.lists(ways(), max_size=4))),
    )


def _loss(some: list[Cell], house: str) -> float:
    found = independence_of(some, lambda cell: cell.left(house), by_calls)
    assert found is not None
    return found


@given(st.lists(cells(), min_size=1, max_size=8))
def test_it_is_a_share_and_the_worst_of_all(some: list[Cell]) -> None:
    worst = worst_of(some)
    assert worst is not None
    losses = {house: _loss(some, house) for house in houses_of(some)}
    assert all(0 <= one <= 1 + 1e-12 for one in losses.values())
    assert worst[0] == min(losses.values())


@given(st.lists(cells(), min_size=1, max_size=6), st.sampled_from(HOUSES))
def test_what_the_route_has_now_is_never_more_than_what_could_be(some: list[Cell], house: str) -> None:
    plain = [msgspec.structs.replace(one, cases=None) for one in some]
    at_once = independence_of(plain, lambda cell: cell.left_at_once(house), by_calls)
    assert at_once is not None
    assert at_once <= _loss(plain, house) + 1e-12


@given(st.lists(cells(), min_size=1, max_size=6), ways())
def test_a_further_way_never_lowers_what_a_cell_keeps(some: list[Cell], way: Way) -> None:
    for one in some:
        more = msgspec.structs.replace(one, ways=(*one.ways, way))
        assert more.left(one.house) >= one.left(one.house)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_that_was_seen_bounds_itself_from_below(seen: tuple[int, int]) -> None:
    good, of = seen
    least = share_at_least(good, of)
    assert 0 <= least < 1
    assert least <= good / of + 1e-12
    assert share_at_least(2 * good, 2 * of) >= least - 1e-12


@given(st.integers(0, 900), st.integers(0, 900))
def test_evidence_only_ages(days: int, more: int) -> None:
    for ageing in (OF_VERDICTS, OF_SUITES):
        assert ageing.weight(days * DAY_US) >= ageing.weight((days + more) * DAY_US) >= 0
        assert ageing.weight(0) == 1
        assert ageing.weight((ageing.none_after + 1) * DAY_US) == 0


def test_nothing_of_a_model_that_vanishes_too_counts() -> None:
    with_itself = Cell(route="a", model="one/x", house="one", calls=10, ways=(_way("one"),))
    assert worst_of([with_itself]) == (0.0, "one")
    other = msgspec.structs.replace(with_itself, ways=(_way("two"),))
    assert worst_of([other]) == (0.9, "one")


def test_own_hardware_is_nobody_to_be_independent_of() -> None:
    own = Cell(route="a", model="cellar/x", house="cellar", own=True, calls=10)
    assert worst_of([own]) == (1.0, None)
    rented = Cell(route="a", model="one/x", house="one", calls=30)
    assert worst_of([own, rented]) == (0.25, "one")


def test_what_nobody_looked_at_counts_for_nothing() -> None:
    assert msgspec.structs.replace(_way("two"), parity=None).strength == 0


def test_concentration_is_that_of_herfindahl_and_hirschman() -> None:
    assert concentration_of([Decimal(5), Decimal(5)]) == 0.5
    assert concentration_of([7]) == 1
    assert concentration_of([0]) is None


# The page


def test_the_worked_example_comes_out_as_the_page_says() -> None:
    found = _result()
    rows = _table("example")
    said = [_cell(row) for row in rows]
    by_class = {one.task_class: one for one in said}
    assert f"{by_class['mail'].left('rented'):.4f}" == found["r of mail"]
    assert f"{by_class['code'].left('rented'):.4f}" == found["r of code"]
    for house in ("rented", "other"):
        assert f"{100 * _loss(said, house):.2f}" == found[f"independence of {house}"]
    worst = worst_of(said)
    assert worst is not None
    assert f"{100 * worst[0]:.2f}" == found["independence"]
    shares = [sum(one.calls for one in said if one.house == house) for house in houses_of(said)]
    assert f"{concentration_of(shares):.2f}" == found["concentration by calls"]


def test_anybody_can_compute_it_by_the_formulae_of_the_page() -> None:
    """The same once more from the words on the page, without our code."""
    found = _result()
    kept, parts = 0.0, []
    for row in _table("example"):
        calls = float(row["calls"])
        house = row["answered by"].partition("/")[0]
        r = 1.0
        if house == "rented":
            k, n, z = float(row["whole"]) / float(row["of"]), float(row["of"]), 1.645
            root = math.sqrt(k * (1 - k) / n + z * z / (4 * n * n))
            parity = (k + z * z / (2 * n) - z * root) / (1 + z * z / n)
            fresh = min(1.0, 2 ** (-(float(row["age in days"]) - 30) / 60))
            assert row["survived"] == row["drilled"]
            drilled = 0.05 ** (1 / float(row["drilled"]))
            r = (1 - float(row["alpha"])) * fresh * parity * drilled
            parts.append((calls, r))
        kept += calls * r
    whole = sum(calls for calls, _ in parts)
    mean = sum(calls / whole * r for calls, r in parts)
    variance = sum(calls / whole * r * r for calls, r in parts) - mean**2
    unsure = whole * 1.645 * math.sqrt(variance / 100)
    assert f"{unsure:.1f}" == found["u in calls"]
    assert 100 * (kept - unsure) / 1000 == pytest.approx(float(found["independence of rented"]), abs=0.01)


def test_the_page_names_the_constants_that_count() -> None:
    for name, ageing in (("the verdict", OF_VERDICTS), ("its suite", OF_SUITES)):
        row = f"| {name} | {ageing.full} days | {ageing.half_life} days | {ageing.none_after} days |"
        assert row in PAGE


def _way(house: str) -> Way:
    return Way(model=f"{house}/y", house=house, sure=0.9, parity=1.0)


def _table(name: str) -> list[dict[str, str]]:
    block = PAGE.split(f"<!-- {name} -->\n")[1].split("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in re.split(r"\|", line)[1:-1]] for line in block]
    return [dict(zip(head, row, strict=True)) for row in rows]


def _result() -> dict[str, str]:
    return {row["what"]: row["is"] for row in _table("result")}


def _cell(row: dict[str, str]) -> Cell:
    taker = row["would take over"]
    ways: tuple[Way, ...] = ()
    if taker:
        ways = (
            Way(
                model=taker,
                house=taker.partition("/")[0],
                sure=1 - float(row["alpha"]),
                fresh=OF_VERDICTS.weight(int(row["age in days"]) * DAY_US),
                parity=share_at_least(int(row["whole"]), int(row["of"])),
                drilled=proportion_low(int(row["survived"]), int(row["drilled"])),
            ),
        )
    return Cell(
        route=row["route"],
        task_class=row["class"],
        model=row["answered by"],
        house=row["answered by"].partition("/")[0],
        calls=float(row["calls"]),
        cases=int(row["cases"]) if row["cases"] else None,
        ways=ways,
    )
