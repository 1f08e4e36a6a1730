"""Which model a name stands for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.errors import UnknownModel
from freehold.routing.routes import MAX_NAME, Route, RouteTable, Target

BIG, SMALL, OWN = Target("acme", "big"), Target("acme", "small"), Target("local", "own")
COPILOT = Route("copilot", BIG, (SMALL, OWN))
TABLE = RouteTable({"copilot": COPILOT, "embed": Route("embed", OWN)}, frozenset({"acme"}))


def test_the_plan_is_the_incumbent_and_then_the_fallbacks_in_order() -> None:
    assert COPILOT.plan == (BIG, SMALL, OWN)
    assert Route("embed", OWN).plan == (OWN,)


def test_a_target_is_called_by_provider_and_model() -> None:
    assert Target("acme", "team/big").name == "acme/team/big"


def test_routes_are_found_by_name() -> None:
    assert TABLE.find("copilot") is COPILOT


@pytest.mark.parametrize(
    ("name", "target"),
    [("acme/big", BIG), ("acme/team/big", Target("acme", "team/big")), ("acme/any", Target("acme", "any"))],
)
def test_any_model_of_an_open_provider_is_called_directly(name: str, target: Target) -> None:
    route = TABLE.find(name)
    assert (route.name, route.plan) == (name, (target,))
    assert route.keep_bodies
    assert TABLE.find(name) is route


@pytest.mark.parametrize(
    "name", ["", "/", "acme", "acme/", "/big", "Acme/big", "local/own", "other/big", "copilot "]
)
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        TABLE.find(name)
    assert caught.value.param == "model"
    assert f"`{name}`" in caught.value.message


def test_a_route_goes_before_a_model_of_the_same_name() -> None:
    shadow = Route("acme/big", SMALL)
    table = RouteTable({"acme/big": shadow}, frozenset({"acme"}))
    assert table.find("acme/big") is shadow


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("copilto", "Did you mean `copilot`?"),
        ("Embed", "Did you mean `embed`?"),
        ("zzz", "Did you mean `copilot`, `embed`?"),
    ],
)
def test_the_nearest_routes_are_named(name: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        TABLE.find(name)
    assert caught.value.hint == hint


def test_without_routes_there_is_no_hint() -> None:
    with pytest.raises(UnknownModel) as caught:
        RouteTable({}).find("x")
    assert caught.value.hint is None


@pytest.mark.parametrize("name", ["x" * 5_000_000, "acme/" + "x" * 5_000_000])
def test_a_huge_name_is_refused_at_once(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(UnknownModel) as caught:
        TABLE.find(name)
    assert time.perf_counter() - start < 0.5
    assert len(str(caught.value)) < MAX_NAME + 100


def test_a_route_may_have_a_long_name() -> None:
    route = Route("x" * 500, OWN)
    assert RouteTable({route.name: route}).find(route.name) is route


def test_models_called_once_do_not_pile_up() -> None:
    table = RouteTable({}, frozenset({"acme"}))
    first = table.find("acme/0")
    for number in range(3000):
        assert table.find(f"acme/{number}").incumbent.model == str(number)
    assert table.find("acme/0") is first
    assert table.find("acme/2999") is not table.find("acme/2999")  # made anew: it was not kept


def test_the_table_is_its_own() -> None:
    routes = {"copilot": COPILOT}
    table = RouteTable(routes)
    routes.clear()
    assert table.find("copilot") is COPILOT


@examples
@given(name=st.text(max_size=30))
def test_a_name_is_found_or_unknown(name: str) -> None:
    try:
        route = TABLE.find(name)
    except UnknownModel:
        assert name not in TABLE.routes
    else:
        assert route.name == name
        assert route.plan
