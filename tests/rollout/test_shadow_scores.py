"""What makes one of two answers the better one: a judge, the form that was asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from honest_judge import HonestJudge
from loops import on_uvloop
from shadowed import ROLLOUT, order_of, question, shadowed

from freehold.providers.simulated import Behaviour, Echo, Script, ToolCall

GOOD = Script(models={"*": Behaviour(text="fine")})
OTHER = Script(models={"*": Behaviour(text="fine, too")})
BAD = Script(models={"*": Behaviour(text="WRONG")})
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "n",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        },
    }
]
CONVERSATION = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c"},
]


def saying(text: str) -> Script:
    return Script(models={"*": Behaviour(text=text)})


def calling(arguments: str, name: str = "add") -> Script:
    return Script(models={"*": Behaviour(tool_calls=(ToolCall(name=name, arguments=arguments),))})


@pytest.mark.parametrize(
    ("old", "new", "difference"), [(GOOD, BAD, -1.0), (BAD, GOOD, 1.0), (GOOD, OTHER, 0.0)]
)
@pytest.mark.parametrize("streamed", [False, True])
@on_uvloop
async def test_judge_reads_both_answers_in_both_orders(
    old: Script, new: Script, difference: float, streamed: bool
) -> None:
    with HonestJudge() as judge:
        order = order_of(judge="judge/judge-model")
        async with shadowed({"old": old, "new": new, "judge": judge.url}, order=order) as here:
            await here.play(question(stream=streamed))
            pair = here.pair
            assert (pair.difference, pair.basis) == (difference, "judge")
            assert len(judge.asked) == 2
            calls = [one for one in here.stage.records if one.provider == "judge"]
            assert set(pair.judged_by) == {one.id for one in calls}
            assert {one.key_id for one in calls} == {ROLLOUT}
            assert pair.judging_pico == 2 * (100 * 10**6 + 10 * 10**7)


@on_uvloop
async def test_same_answers_are_a_tie_for_which_nobody_is_asked() -> None:
    with HonestJudge() as judge:
        order = order_of(judge="judge/judge-model")
        async with shadowed({"old": GOOD, "new": GOOD, "judge": judge.url}, order=order) as here:
            await here.play(question())
            assert (here.pair.difference, here.pair.basis) == (0.0, "judge")
            assert (judge.asked, here.pair.judging_pico) == ([], 0)


@pytest.mark.parametrize(("all_turns", "difference"), [(False, None), (True, -1.0)])
@on_uvloop
async def test_later_turns_are_judged_only_where_that_is_wanted(
    all_turns: bool, difference: float | None
) -> None:
    with HonestJudge() as judge:
        order = order_of(judge="judge/judge-model", all_turns=all_turns)
        async with shadowed({"old": GOOD, "new": BAD, "judge": judge.url}, order=order) as here:
            await here.play(question(messages=CONVERSATION))
            assert (here.pair.turn, here.pair.difference) == (2, difference)


@on_uvloop
async def test_judge_that_cannot_be_asked_leaves_the_pair_without_a_difference() -> None:
    order = order_of(judge="judge/judge-model")
    async with shadowed({"old": GOOD, "new": BAD, "judge": "http://127.0.0.1:9/v1"}, order=order) as here:
        await here.play(question())
        assert (here.pair.difference, here.pair.basis) == (None, None)
        assert here.pair.why == "the judge came to no verdict"


@on_uvloop
async def test_judge_that_nobody_serves_is_said_and_fails_no_pair() -> None:
    async with shadowed({"old": GOOD, "new": BAD}, order=order_of(judge="gone/model")) as here:
        await here.play(question())
        assert here.pair.difference is None
        assert "gone/model" in here.pair.why


FORMS: list[tuple[dict[str, Any], Script, Script, float]] = [
    ({"response_format": SCHEMA}, saying('{"n": 1}'), saying('{"n": "1"}'), -1.0),
    ({"response_format": SCHEMA}, saying("no"), saying('{"n": 2}'), 1.0),
    ({"response_format": SCHEMA}, saying('{"n": 1}'), saying('{"n": 2}'), 0.0),
    ({"response_format": {"type": "json_object"}}, saying("{}"), saying("[]"), -1.0),
    ({"tools": TOOLS}, calling('{"a": 1}'), calling('{"b": 1}'), -1.0),
    ({"tools": TOOLS}, calling('{"a": 1}'), calling('{"a": '), -1.0),
    ({"tools": TOOLS}, calling("{}"), calling('{"a": 2}'), 1.0),
    ({"tools": TOOLS}, calling('{"a": 1}'), calling('{"a": 1}', "sub"), -1.0),
    ({"tools": TOOLS, "tool_choice": "required"}, calling('{"a": 1}'), saying("no"), -1.0),
]


@pytest.mark.parametrize(("fields", "old", "new", "difference"), FORMS)
@on_uvloop
async def test_form_that_was_asked_for_is_checked(
    fields: dict[str, Any], old: Script, new: Script, difference: float
) -> None:
    async with shadowed({"old": old, "new": new}) as here:
        await here.play(question("as JSON, please", **fields))
        assert (here.pair.difference, here.pair.basis) == (difference, "form")


@on_uvloop
async def test_tools_that_nobody_calls_say_nothing() -> None:
    async with shadowed({"old": GOOD, "new": GOOD}) as here:
        await here.play(question(tools=TOOLS))
        assert (here.pair.difference, here.pair.basis) == (None, None)


@on_uvloop
async def test_nothing_of_what_was_said_is_kept_beside_the_ledger() -> None:
    secret = "my name is Ada"
    wrong = saying(f'{{"n": "{secret}"}}')
    async with shadowed({"old": saying('{"n": 1}'), "new": wrong}) as here:
        await here.play(question(secret, response_format=SCHEMA))
        assert here.pair.difference == -1.0
        assert secret.encode() not in msgspec.json.encode(here.pair)


@on_uvloop
async def test_who_declines_has_answered_and_is_counted() -> None:
    declining = Script(models={"*": Behaviour(refusal="I would rather not.")})
    async with shadowed({"old": Script(models={"*": Behaviour(text=Echo())}), "new": declining}) as here:
        await here.play(question())
        assert (here.pair.incumbent.refused, here.pair.candidate.refused) == (False, True)
        assert here.pair.candidate.answered
