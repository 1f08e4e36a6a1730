"""What counts as an answer that its client could use."""

from __future__ import annotations

import msgspec
import pytest
from engines import WHOLE, stage_of
from loops import on_uvloop

from freehold.access.key import Key
from freehold.core.answer import Answer, Choice, Stop
from freehold.core.parts import Part, Refusal, Text, ToolCall
from freehold.core.request import ChatRequest, ResponseFormat, Tool
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider
from freehold.rollout.drills.asking import ask_again, problem_with, read_back, repeated_calls
from freehold.rollout.drills.figures import row_of
from freehold.rollout.drills.sample import Replayable
from freehold.wire.dialect import DialectName

SCHEMA = b'{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}'
PLAIN = ChatRequest(model="m", messages=[])
TOOLS = ChatRequest(model="m", messages=[], tools=[Tool(name="weather")])
FORM = ChatRequest(model="m", messages=[], response_format=ResponseFormat(kind="schema", schema=SCHEMA))


def _answer(*parts: Part, reason: str = "stop") -> Answer:
    return Answer(choices=[Choice(parts=list(parts), stop=Stop(reason=reason))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "asked", "problem"),
    [
        (_answer(Text(text="Yes.")), PLAIN, None),
        (_answer(), PLAIN, "the answer is empty"),
        (_answer(Refusal(text="No.")), PLAIN, None),
        (_answer(reason="length"), PLAIN, None),
        (_answer(ToolCall(id="1", name="weather", arguments='{"city":"Oslo"}')), TOOLS, None),
        (_answer(ToolCall(id="1", name="weather", arguments="")), TOOLS, None),
        (
            _answer(ToolCall(id="1", name="weather", arguments='{"city":')),
            TOOLS,
            "the arguments for `weather` are not JSON",
        ),
        (_answer(ToolCall(id="1", name="rain")), TOOLS, "it calls a tool that there is not: `rain`"),
        (_answer(Text(text='{"n":1}')), FORM, None),
        (_answer(Text(text='{"n":"one"}')), FORM, "n"),
        (_answer(Text(text='{"n":'), reason="length"), FORM, None),
    ],
)
def test_an_answer_is_acceptable_or_it_is_said_why_not(
    answer: Answer, asked: ChatRequest, problem: str | None
) -> None:
    found = problem_with(answer, asked)
    assert found is None if problem is None else problem in (found or "")


def test_a_tool_call_that_came_twice_is_seen() -> None:
    once = ToolCall(id="1", name="weather", arguments="{}")
    again = ToolCall(id="2", name="weather", arguments="{}")
    other = ToolCall(id="3", name="weather", arguments='{"city":"Oslo"}')
    assert repeated_calls(_answer(once, other)) == 0
    assert repeated_calls(_answer(once, other, again)) == 1


def _chunk(text: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + msgspec.json.encode({"id": "c", "choices": [choice]}) + b"\n\n"


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        (_chunk("Yes") + _chunk(".", "stop") + b"data: [DONE]\n\n", True),
        (_chunk("Yes"), False),
        (b"data: {broken", False),
    ],
)
def test_an_end_that_is_missing_is_seen(body: bytes, *, whole: bool) -> None:
    dialect: DialectName = "openai-chat"
    answer, ended = read_back(dialect, body, streamed=True)
    complete = answer is not None and ended and bool(answer.choices) and answer.choices[0].stop is not None
    assert complete is whole


@pytest.mark.parametrize("seconds", [0.2, 0.4])
@on_uvloop
async def test_late_answers_are_one_group_however_late_they_are(seconds: float) -> None:
    recorded = Replayable(
        id="call_1", route="r", dialect="openai-chat", body=WHOLE, asked=PLAIN, task="", streamed=False, cost=None,
        model="old/m", reported=None, input_tokens=None, output_tokens=None, first_ms=None, duration_ms=1.0,
        holds_state=False,
    )  # fmt: skip
    slow = Script(models={"*": Behaviour(text="Yes.", headers_s=seconds)})
    async with SimulatedProvider(slow) as provider, stage_of({"new": provider.base_url}) as stage:
        key = Key(id="drill_1", name="drill", prefix="", created_us=0)
        outcome = await ask_again(stage.engine, recorded, key, fault="refused", deadline=0.05)
    row = row_of([outcome], title="connection refused", cost_of=lambda _: None)
    assert (row.verdicts, row.misses) == ({"late": 1}, {"late": 1})
