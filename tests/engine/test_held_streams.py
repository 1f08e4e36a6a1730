"""Streams held back until their form is known to be right: what clients hear meanwhile, and every way to end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from answers import DONE, ONLY_USAGE, ROLE, STOP, error_event, event, streamed
from byte_server import STREAM_HEAD, Answer, ByteServer, Do, whole
from engines import STREAMED, Result, stage_of
from hypothesis import given
from hypothesis import strategies as st
from loops import on_both_loops, run_on_uvloop

from freehold.core.answer import Answer as Whole
from freehold.core.answer import Choice, Stop
from freehold.core.errors import NotInForm, ProviderTimeout, Stopping
from freehold.core.gathering import Gathering, events_of
from freehold.core.parts import Part, Reasoning, State, Text, ToolCall
from freehold.core.usage import Usage
from freehold.engine.holding import Holding
from freehold.providers.settings import Timeouts
from freehold.wire.dialect import Quirks

IN_WORDS = Quirks(schema=False, json=False)
ASKED = STREAMED[:-1] + b',"response_format":{"type":"json_object"},"stream_options":{"include_usage":true}}'
WAIT = b": wait\n\n"
GOOD, BAD = event(content='{"a":1}'), event(content="one")
END = (STOP, ONLY_USAGE, DONE)
CALM: Answer = streamed(ROLE, GOOD, *END)
WRONG: Answer = streamed(ROLE, BAD, *END)
THOUGHT = event(reasoning_content="Hm.")


def text_in(data: bytes) -> str:
    """What a client of OpenAI's chat reads."""
    said = ""
    for line in data.decode().splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", ()):
                said += choice["delta"].get("content") or ""
    return said


@on_both_loops
def test_who_waits_hears_that_somebody_is_there(run: Any) -> None:
    async def main() -> None:
        slow: Answer = [0.35, *streamed(ROLE, GOOD, ended=False), 0.35, *streamed(*END)[1:]]
        async with (
            ByteServer(WRONG, slow) as server,
            stage_of({"acme": server}, beat=0.05, quirks=IN_WORDS) as stage,
        ):
            result = await stage.play(ASKED)
        assert result.error is None
        assert 8 <= result.data.count(WAIT) <= 20
        assert text_in(result.data) == '{"a":1}'
        assert result.data.endswith(DONE)
        assert stage.record.usage == Usage(6, 4, source="provider")
        assert stage.record.outcome == "answered"

    run(main())


POINTS: dict[str, tuple[list[Answer], Usage]] = {
    "before the first word": ([[STREAM_HEAD, Do.HOLD]], Usage(None, 0, source="counted")),
    "while it is held back": (
        [[*streamed(ROLE, GOOD, ended=False), Do.HOLD]],
        Usage(output_tokens=1, source="counted"),
    ),
    "while it thinks": (
        [[*streamed(ROLE, THOUGHT, ended=False), Do.HOLD]],
        Usage(output_tokens=1, source="counted"),
    ),
    "before the second head": ([WRONG, [Do.HOLD]], Usage(None, 2, source="counted")),
    "before the second's first word": ([WRONG, [STREAM_HEAD, Do.HOLD]], Usage(None, 2, source="counted")),
    "while the second is held back": (
        [WRONG, [*streamed(ROLE, GOOD, ended=False), Do.HOLD]],
        Usage(None, 3, source="counted"),
    ),
}


@pytest.mark.parametrize("gone", [True, False], ids=["hangs up", "is stopped"])
@pytest.mark.parametrize(("answers", "usage"), POINTS.values(), ids=POINTS)
def test_whoever_leaves_leaves_nothing_behind(answers: list[Answer], usage: Usage, gone: bool) -> None:
    async def main() -> None:
        async with (
            ByteServer(*answers) as server,
            stage_of({"acme": server}, beat=0.01, quirks=IN_WORDS) as stage,
        ):
            results: list[Result] = []
            call = asyncio.ensure_future(stage.play(ASKED, result=results))
            await server.holds()
            if not gone and results[0].pieces:
                results[0].running.break_off(Stopping("Enough."))
                assert b"Enough." in results[0].running.last_words(Stopping("Enough."))
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        stopped = not gone and bool(results[0].pieces)
        assert stage.record.outcome == ("cut" if stopped else "cancelled")
        assert len(stage.record.attempts) == len(answers)
        known = stage.record.usage
        assert (known.output_tokens, known.source) == (usage.output_tokens, usage.source)

    run_on_uvloop(main())


def played(*answers: Answer, **changes: Any) -> Result:
    """One call."""
    seen: list[Result] = []

    async def main() -> None:
        async with (
            ByteServer(*answers) as server,
            stage_of({"acme": server}, quirks=IN_WORDS, **changes) as stage,
        ):
            seen.append(await stage.play(ASKED))

    run_on_uvloop(main())
    return seen[0]


def test_the_second_answer_is_not_told_twice() -> None:
    result = played(streamed(ROLE, THOUGHT, BAD, *END), streamed(ROLE, THOUGHT, GOOD, *END))
    assert result.error is None
    assert text_in(result.data) == '{"a":1}'
    assert result.data.count(b"Hm.") == 2
    assert result.data.count(b"[DONE]") == 1
    (usage,) = (json.loads(line[6:])["usage"] for line in result.data.splitlines() if b'"choices":[]' in line)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (6, 4)


@pytest.mark.parametrize(
    "second",
    [WRONG, streamed(ROLE, *END), streamed(ROLE, event(content="[1]"), *END)],
    ids=["words", "empty", "a list"],
)
def test_a_second_answer_that_is_not_in_its_form_is_an_error(second: Answer) -> None:
    result = played(WRONG, second)
    assert isinstance(result.error, NotInForm)
    assert text_in(result.data) == ""
    assert result.running.call.outcome == "cut"
    assert [one.outcome for one in result.running.call.attempts] == ["answered", "cut"]


def test_an_empty_answer_and_one_without_its_last_event_are_asked_for_again() -> None:
    assert text_in(played(streamed(ROLE, *END), CALM).data) == '{"a":1}'
    assert text_in(played(streamed(ROLE, BAD, STOP), streamed(ROLE, GOOD, STOP)).data) == '{"a":1}'


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ([whole(b"{}", status=b"500 No")], "provider_refused"),
        ([whole(b"{}")], "provider_broken"),
        ([*streamed(ROLE, GOOD, ended=False), Do.END], "provider_broken"),
        (streamed(ROLE, error_event()), "provider_refused"),
        (streamed(ROLE, GOOD, error_event()), "provider_refused"),
        ([Do.RESET], "provider_unreachable"),
        ([2.0], "provider_timeout"),
    ],
)
def test_what_goes_wrong_the_second_time_is_told_in_the_stream(second: Answer, code: str) -> None:
    result = played(WRONG, second, timeouts=Timeouts(connect=1.0, first_token=0.5, silence=0.5, total=3.0))
    call = result.running.call
    assert (call.outcome, call.error) == ("cut", code)
    assert text_in(result.data) == ""
    assert result.error is not None or b"overloaded" in result.data


def test_the_limit_for_the_first_token_is_not_one_for_the_answer() -> None:
    words = [step for _ in range(5) for step in (0.15, *streamed(event(content=" "), ended=False)[1:])]
    slow: Answer = [*streamed(ROLE, GOOD, ended=False), *words, *streamed(*END)[1:]]
    limits = Timeouts(connect=1.0, first_token=0.4, silence=0.4, total=5.0)
    assert text_in(played(slow, timeouts=limits).data) == '{"a":1}'
    assert text_in(played(WRONG, slow, timeouts=limits).data) == '{"a":1}'
    held: Answer = [*streamed(ROLE, GOOD, ended=False), Do.HOLD]
    assert isinstance(played(held, timeouts=limits).error, ProviderTimeout)


parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=st.text(max_size=8)),
    st.builds(
        Reasoning,
        text=st.text(max_size=8),
        state=st.none() | st.builds(State, data=st.text(), kind=st.just("signature")),
    ),
)
calls = st.builds(ToolCall, id=st.text(min_size=1), name=st.text(min_size=1), arguments=st.text())


@given(st.lists(parts, max_size=6), st.lists(calls, max_size=2), st.lists(parts, max_size=2))
def test_nothing_of_an_answer_is_lost_by_holding_it(
    before: list[Part], made: list[Part], after: list[Part]
) -> None:
    answer = Whole(choices=[Choice(parts=[*before, *made, *after], stop=Stop(reason="stop"))])
    holding, gathering = Holding(), Gathering()
    held = "".join(part.text for part in before if isinstance(part, Text))
    for at in events_of(answer):
        for one in holding.pass_on(at):
            gathering.add(one)
    assert holding.open == bool(made)
    if not made:
        held = "".join(part.text for part in (*before, *after) if isinstance(part, Text))
        assert holding.text == held
        for one in holding.release():
            gathering.add(one)
    (told,) = gathering.finish().choices
    expected = answer.choices[0].parts
    assert sorted(map(repr, told.parts)) == sorted(map(repr, expected))
    for kind in (Text, Reasoning, ToolCall):
        if made or kind is Text:
            assert [one for one in told.parts if type(one) is kind] == [
                one for one in expected if type(one) is kind
            ]


texts = st.builds(Text, text=st.text(max_size=8))


@given(
    st.lists(parts, max_size=6),
    st.builds(lambda *found: [*found[0], found[1], *found[2]], st.lists(parts), texts, st.lists(parts)),
)
def test_a_second_answer_goes_on_where_the_first_was_left(first: list[Part], second: list[Part]) -> None:
    gathering = Gathering()
    holding = Holding()
    open_parts: set[int] = set()
    for tries, found in enumerate((first, second)):
        for at in events_of(Whole(choices=[Choice(parts=found, stop=Stop(reason="stop"))])):
            told = holding.pass_on(at)
            for one in told:
                gathering.add(one)
                number = getattr(one, "index", None)
                if type(one).__name__ == "PartBegin":
                    assert number == len(gathering.answer.choices[0].parts) - 1
                    open_parts.add(number)
                elif type(one).__name__ == "PartEnd":
                    open_parts.remove(number)  # type: ignore[arg-type]
        for one in holding.discard() if tries == 0 else holding.release_as("{}"):
            gathering.add(one)
            number = getattr(one, "index", None)
            if type(one).__name__ == "PartBegin":
                open_parts.add(number)  # type: ignore[arg-type]
            elif type(one).__name__ == "PartEnd":
                open_parts.remove(number)  # type: ignore[arg-type]
        if tries == 0:
            assert not open_parts
            holding = Holding(holding.told)
    assert not open_parts
    answer = gathering.finish()
    said = [part.text for part in answer.choices[0].parts if isinstance(part, Text)]
    assert "".join(said) == "{}"
    thought = [part.text for part in answer.choices[0].parts if isinstance(part, Reasoning)]
    assert sorted(thought) == sorted(part.text for part in (*first, *second) if isinstance(part, Reasoning))
    states = [part.state for part in answer.choices[0].parts if isinstance(part, Reasoning) and part.state]
    assert sorted(map(repr, states)) == sorted(
        repr(part.state) for part in second if isinstance(part, Reasoning) and part.state
    )
