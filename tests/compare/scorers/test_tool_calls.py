"""Answers that have to call tools."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scoring import answer_of, case_of, scored, scorer, value
from shared_data import rows_of

from freehold.compare.scorers.arguments import matching
from freehold.core.errors import BadRequest

WEATHER = {"name": "weather", "arguments": {"city": "Seoul", "days": 3}}
TIME = {
    "name": "time",
    "any_of": {"zone": ["KST", "Asia/Seoul"]},
    "arguments": {"long": True},
    "optional": ["long"],
}
W = ("weather", {"city": "Seoul", "days": 3})
T = ("time", {"zone": "KST"})


@pytest.mark.parametrize(
    ("calls", "settings", "score"),
    [
        ([W, T], {}, 1),
        ([T, W], {}, 1),
        ([T, W], {"order": "kept"}, 0),
        ([W, T], {"order": "kept"}, 1),
        ([W], {}, 0),
        ([W], {"credit": "share"}, 0.5),
        ([W, T, T], {}, 0),
        ([W, T, T], {"extra_calls": True}, 1),
        ([W, T, T], {"credit": "share"}, 2 / 3),
        ([W, W], {}, 0),
        ([], {}, 0),
        ([W, ("time", {"zone": "Asia/Seoul", "long": True})], {}, 1),
        ([W, ("time", {"zone": "UTC"})], {}, 0),
        ([W, ("time", {"zone": "KST", "long": False})], {}, 0),
        ([W, ("time", {"zone": "KST", "more": 1})], {}, 0),
        ([W, ("time", {"zone": "KST", "more": 1})], {"extra_arguments": True}, 1),
        ([W, ("time", {})], {}, 0),
        ([W, ("time", "no JSON")], {}, 0),
        ([W, ("time", "[1]")], {}, 0),
        ([("weather", {"city": "Seoul", "days": 3.0}), T], {}, 1),
        ([("weather", {"city": "Seoul", "days": "3"}), T], {}, 0),
        ([("weather", {"city": "Seoul", "days": "3"}), T], {"numbers_as_text": True}, 1),
        ([("weather", {"city": "Seoul", "days": "4"}), T], {"numbers_as_text": True}, 0),
        ([("weather", {"city": " seoul.", "days": 3}), T], {}, 0),
        ([("weather", {"city": " seoul.", "days": 3}), T], {"loose_text": True}, 1),
        ([W, ("time", {"zone": "KST", "long": "true"})], {}, 0),
        ([W, ("time", {"zone": "KST", "long": "True"})], {"booleans_as_text": True}, 1),
        ([W, ("time", {"zone": "KST", "long": 1})], {"booleans_as_text": True, "numbers_as_text": True}, 0),
    ],
)
def test_calls(calls: list[tuple[str, object]], settings: dict[str, Any], score: float) -> None:
    result = scored("tool-call", [WEATHER, TIME], answer_of("", *calls), **settings)
    assert result.value == score, result.why


def test_no_call_may_be_what_is_right() -> None:
    assert value("tool-call", [], answer_of("I cannot do that.")) == 1
    assert value("tool-call", [], answer_of("", W)) == 0


def test_lists_keep_their_order_unless_it_does_not_count() -> None:
    target = [{"name": "f", "arguments": {"x": [1, 2, 2]}}]
    assert value("tool-call", target, answer_of("", ("f", {"x": [2, 1, 2]}))) == 0
    assert value("tool-call", target, answer_of("", ("f", {"x": [2, 1, 2]})), any_order=True) == 1
    assert value("tool-call", target, answer_of("", ("f", {"x": [2, 1, 1]})), any_order=True) == 0


def test_names_with_dots() -> None:
    target = [{"name": "math.sqrt", "arguments": {}}]
    assert value("tool-call", target, answer_of("", ("math_sqrt", ""))) == 0
    assert value("tool-call", target, answer_of("", ("math_sqrt", "")), dotted_names=True) == 1


def test_each_wanted_call_needs_a_call_of_its_own_where_several_fit() -> None:
    target = [
        {"name": "f", "any_of": {"x": [1, 2]}},
        {"name": "f", "arguments": {"x": 1}},
    ]
    both = answer_of("", ("f", {"x": 1}), ("f", {"x": 2}))
    assert value("tool-call", target, both) == 1
    assert value("tool-call", target, answer_of("", ("f", {"x": 2}), ("f", {"x": 2}))) == 0


def test_one_call_is_not_taken_for_two_that_are_wanted_in_order() -> None:
    other = {"name": "g", "arguments": {}}
    assert value("tool-call", [WEATHER, WEATHER], answer_of("", W, ("g", {})), order="kept") == 0
    assert value("tool-call", [WEATHER, other, WEATHER], answer_of("", W, ("g", {}), W), order="kept") == 1


@limits(deadline=None)
@given(st.permutations(range(6)), st.data())
def test_order_never_matters_where_it_is_free(order: list[int], data: st.DataObject) -> None:
    target = [{"name": f"f{nth % 2}", "any_of": {"x": [nth, nth + 1]}} for nth in range(6)]
    calls = [(f"f{nth % 2}", {"x": data.draw(st.sampled_from([nth, nth + 1]))}) for nth in range(6)]
    assert value("tool-call", target, answer_of("", *(calls[nth] for nth in order))) == 1


@limits(deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=4))
def test_a_matching_is_one_and_the_largest(fits: list[list[bool]]) -> None:
    found = matching(fits)
    assert len(set(found.values())) == len(found)
    assert all(fits[row][column] for column, row in found.items())

    def most(row: int, free: frozenset[int]) -> int:
        if row == len(fits):
            return 0
        placed = [1 + most(row + 1, free - {column}) for column in free if fits[row][column]]
        return max([most(row + 1, free), *placed])

    assert len(found) == most(0, frozenset(range(4)))


@pytest.mark.parametrize(
    "target",
    [
        None,
        {"name": "f"},
        [{"nam": "f"}],
        [{"arguments": {}}],
        [{"name": "f", "arguments": {"x": 1}, "any_of": {"x": [1]}}],
        [{"name": "f", "optional": ["x"]}],
        [{"name": "f", "any_of": {"x": []}}],
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("tool-call").check(case_of(target))


# The ground truths of the Berkeley Function-Calling Leaderboard

FILES = ("simple_python", "multiple", "parallel", "parallel_multiple", "live_simple", "live_parallel")
LOOSE = {"form": "bfcl", "loose_text": True, "dotted_names": True}


def chosen(value: Any, pick: random.Random) -> Any:
    """One of the possible values, without the lists of possible values in it."""
    if isinstance(value, dict) and all(isinstance(one, list) for one in value.values()):
        return {
            name: chosen(told, pick)
            for name, possible in value.items()
            if (told := pick.choice(possible or [""])) != ""
        }
    if isinstance(value, list):
        return [chosen(one, pick) for one in value]
    return value


def arguments(call: dict[str, Any], pick: random.Random) -> tuple[str, dict[str, Any]]:
    [(name, possible)] = call.items()
    told: dict[str, Any] = chosen(possible, pick)
    return name.replace(".", "_"), told


@pytest.mark.parametrize("name", FILES)
def test_possible_answers_of_bfcl_are_right_and_others_are_not(name: str) -> None:
    rows = rows_of(f"bfcl/possible_answer__BFCL_v4_{name}.jsonl.gz")
    one = scorer("tool-call", **LOOSE)
    pick = random.Random(0)

    async def check(row: dict[str, Any]) -> None:
        case = case_of(row["ground_truth"], id=row["id"])

        async def score(*calls: tuple[str, object]) -> float | None:
            return (await one.score(case, answer_of("", *calls))).value

        calls = [arguments(call, pick) for call in row["ground_truth"]]
        pick.shuffle(calls)
        first, *rest = calls
        assert await score(*calls) == 1, (row["id"], calls)
        assert await score(*rest) == 0
        assert await score(*calls, first) == 0
        assert await score(("another", first[1]), *rest) == 0
        for field in first[1]:
            changed = (first[0], {**first[1], field: ["what nobody wants"]})
            assert await score(changed, *rest) == 0, (row["id"], field)

    async def check_all() -> None:
        for row in rows:
            await check(row)

    asyncio.run(check_all())
