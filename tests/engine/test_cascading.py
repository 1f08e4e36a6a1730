"""A cascade: the client gets one answer, of the first model that one can be sure of, and sees nothing of the others."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from answers import DONE, ONLY_USAGE, ROLE, STOP, answer, error_event, event, streamed
from byte_server import Answer, ByteServer, Do, Step, whole
from engines import STREAMED, WHOLE, Stage, stage_of
from loops import run_on_uvloop

from freehold.access.key import Key
from freehold.core.decision import Decision
from freehold.core.errors import ProviderError
from freehold.engine.confidence import mean_probability
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.rollout.replaying import replay
from freehold.routing.decisions import Policy, Situation
from freehold.routing.policies.cascade import Cascade
from freehold.routing.policies.settings import Confidence
from freehold.routing.routes import Route, Target
from freehold.wire.request import Request

SURE, UNSURE = -0.05, -2.0
SCHEMA = (
    b'{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}'
)
IN_FORM = (
    WHOLE[:-1] + b',"response_format":{"type":"json_schema","json_schema":{"name":"f","schema":%b}}}' % SCHEMA
)
WITH_TOOL = WHOLE[:-1] + b',"tools":[{"type":"function","function":{"name":"f","parameters":%b}}]}' % SCHEMA


class Cascader:
    """Has one route asked as a cascade of its models."""

    def __init__(
        self,
        confidence: Confidence,
        threshold: float = 0.5,
        samples: int = 3,
        learned: Policy | None = None,
    ) -> None:
        self._how = confidence, threshold, samples
        self._learned = learned
        self.ends: list[Call] = []

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered | None:
        policy = Cascade(route.plan, *self._how, learned=self._learned)
        decision = policy.decide(Situation(route.name, route.plan, "one"))
        first = next(one for one in route.plan if one.name == decision.chosen)
        others = tuple(one for one in route.plan if one != first)
        return Steered(msgspec.structs.replace(route, incumbent=first, fallbacks=others), decision)

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        assert answer

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        assert decision == call.decision
        self.ends.append(call)


class Foretold:
    """What a router finds: how likely each model is to answer worse than the incumbent."""

    name = "learned"
    reads = 100

    def __init__(self, **chances: float) -> None:
        self._facts = {f"worse {name}/{name}-model": chance for name, chance in chances.items()}

    def decide(self, situation: Situation) -> Decision:
        return Decision("learned", "x/y", "good enough", facts=self._facts)


@asynccontextmanager
async def cascade(
    cascader: Cascader,
    *servers: Sequence[Answer],
    deadline: float | None = None,
    retries: int = 0,
    **more: Any,
) -> AsyncIterator[tuple[Stage, list[ByteServer]]]:
    """A route of so many models, each of which gives those answers."""
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(ByteServer(*answers)) for answers in servers]
        names = (*("cheap", "middle")[: len(servers) - 1], "dear")
        targets = [Target(name, f"{name}-model") for name in names]
        route = Route("r", targets[0], tuple(targets[1:]), deadline=deadline, retries=retries)
        stage = await stack.enter_async_context(
            stage_of(dict(zip(names, running, strict=True)), route=route, **more)
        )
        stage.engine.runtime = msgspec.structs.replace(stage.engine.runtime, steering=cascader)
        yield stage, running


def probable(logprob: float, text: str = "cheap") -> dict[str, Any]:
    return {"content": [{"token": text, "logprob": logprob, "bytes": None, "top_logprobs": []}]}


def said(text: str, logprob: float | None = None) -> list[Step]:
    """A whole answer."""
    body = json.loads(answer(text))
    if logprob is not None:
        body["choices"][0]["logprobs"] = probable(logprob)
    return [whole(json.dumps(body).encode())]


def spoken(text: str, logprob: float | None = None) -> list[Step]:
    """The same as a stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    if logprob is not None:
        choice["logprobs"] = probable(logprob)
    word = b"data: " + json.dumps({"model": "m-1", "choices": [choice]}).encode() + b"\n\n"
    return streamed(ROLE, word, STOP, ONLY_USAGE, DONE)


def called(arguments: str) -> list[Step]:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return [whole(answer(choices=choices))]


def attempts(call: Call) -> list[tuple[str, str, str]]:
    return [(one.provider, one.reason, one.outcome) for one in call.attempts]


def check_decision(call: Call, chosen: str, reason: str, **rejected: str) -> None:
    decision = call.decision
    assert decision is not None
    assert (decision.chosen, decision.reason) == (f"{chosen}/{chosen}-model", reason)
    assert {one.model.partition("/")[0]: one.why for one in decision.rejected} == rejected
    assert replay(decision).verdict == "same"
    kept = msgspec.json.decode(msgspec.json.encode(decision), type=Decision)
    assert replay(kept).verdict == "same"


@pytest.mark.parametrize("body", [WHOLE, STREAMED])
def test_an_answer_that_the_model_is_sure_of_is_the_clients(body: bytes) -> None:
    async def main() -> None:
        script = spoken if body is STREAMED else said
        async with cascade(Cascader("logprobs"), [script("cheap", SURE)], [script("dear")]) as (
            stage,
            servers,
        ):
            result = await stage.play(body)
        assert result.error is None
        assert b"cheap" in result.data
        assert b'"logprob"' not in result.data
        assert b'"logprobs":true' in servers[0].requests[0]
        assert servers[1].requests == []
        call = stage.record
        assert (call.outcome, call.provider) == ("answered", "cheap")
        assert attempts(call) == [("cheap", "incumbent", "answered")]
        assert call.usage.output_tokens == 2
        check_decision(call, "cheap", "sure", dear="not needed")
        assert call.decision is not None
        assert call.decision.facts["score cheap/cheap-model"] == pytest.approx(0.9512, abs=1e-4)

    run_on_uvloop(main())


@pytest.mark.parametrize("body", [WHOLE, STREAMED])
def test_one_that_it_is_not_sure_of_is_never_seen(body: bytes) -> None:
    async def main() -> None:
        script = spoken if body is STREAMED else said
        async with cascade(Cascader("logprobs"), [script("cheap", UNSURE)], [script("dear")]) as (
            stage,
            servers,
        ):
            result = await stage.play(body)
        assert b"dear" in result.data
        assert b"cheap" not in result.data
        assert b"logprobs" not in servers[1].requests[0]
        call = stage.record
        assert (call.outcome, call.provider, call.model) == ("answered", "dear", "dear-model")
        assert attempts(call) == [("cheap", "incumbent", "answered"), ("dear", "escalation", "answered")]
        assert call.usage.output_tokens == 4  # both are paid for
        check_decision(call, "dear", "escalated", cheap="unsure")

    run_on_uvloop(main())


def test_a_client_that_wants_probabilities_gets_them() -> None:
    async def main() -> None:
        body = WHOLE[:-1] + b',"logprobs":true}'
        async with cascade(Cascader("logprobs"), [said("cheap", SURE)], [said("dear")]) as (stage, _):
            result = await stage.play(body)
        assert json.loads(result.data)["choices"][0]["logprobs"]["content"][0]["logprob"] == SURE

    run_on_uvloop(main())


def test_nobody_is_taken_to_be_sure_who_says_nothing_of_it() -> None:
    async def main() -> None:
        async with cascade(Cascader("logprobs", 0.0), [said("cheap")], [said("dear")]) as (stage, _):
            await stage.play(WHOLE)
        check_decision(stage.record, "dear", "escalated", cheap="no score")

    run_on_uvloop(main())


@pytest.mark.parametrize(
    ("logprobs", "score"),
    [
        ([1e308] * 3, 1.0),  # in all, more than a number can be
        ([-1e308] * 3, 0.0),
        ([6.0, -2.0, -4.0], math.exp(-2.0)),  # what is above 0 makes up for nothing
        ([1e-7, -0.5], math.exp(-0.25)),
    ],
)
def test_whatever_a_provider_says_of_its_tokens_is_no_more_than_sure(
    logprobs: list[float], score: float
) -> None:
    pieces = [json.dumps(probable(one)).encode() for one in logprobs]
    assert mean_probability(pieces) == pytest.approx(score)


def test_three_models_are_asked_in_their_order() -> None:
    async def main() -> None:
        scripts = [said("cheap", UNSURE)], [said("middle", SURE)], [said("dear")]
        async with cascade(Cascader("logprobs"), *scripts) as (stage, servers):
            result = await stage.play(WHOLE)
        assert b"middle" in result.data
        assert servers[2].requests == []
        check_decision(stage.record, "middle", "sure", cheap="unsure", dear="not needed")

    run_on_uvloop(main())


BAD: dict[str, tuple[list[Step], str]] = {
    "refuses": ([whole(b'{"error":{"message":"no"}}', status=b"400 No")], "failed"),
    "fails": ([whole(b"no", status=b"500 No")], "failed"),
    "resets": ([Do.RESET], "failed"),
    "says nonsense": ([whole(b"<html>")], "broken off"),
}
BAD_STREAMS: dict[str, tuple[list[Step], str]] = {
    "breaks off": ([*streamed(ROLE, event(content="cheap"), ended=False), Do.RESET], "failed"),
    "ends early": (streamed(ROLE, event(content="cheap")), "broken off"),
    "ends in an error": (streamed(ROLE, event(content="cheap"), error_event()), "broken off"),
}


@pytest.mark.parametrize("how", [*BAD, *BAD_STREAMS])
def test_a_cheap_model_that_fails_costs_the_client_nothing_but_time(how: str) -> None:
    async def main() -> None:
        bad, found = {**BAD, **BAD_STREAMS}[how]
        body, script = (STREAMED, spoken) if how in BAD_STREAMS else (WHOLE, said)
        async with cascade(Cascader("logprobs"), [bad], [script("dear")]) as (stage, _):
            result = await stage.play(body)
        assert result.error is None
        assert b"dear" in result.data
        assert b"cheap" not in result.data
        call = stage.record
        assert call.outcome == "answered"
        assert [one.reason for one in call.attempts] == ["incumbent", "fallback"]
        assert call.attempts[0].outcome in ("failed", "cut", "refused")
        assert call.decision is not None
        assert call.decision.rejected[0].why in (found, "broken off")

    run_on_uvloop(main())


@pytest.mark.parametrize("body", [WHOLE, STREAMED])
def test_an_answer_that_nobody_is_sure_of_is_better_than_none(body: bytes) -> None:
    async def main() -> None:
        script = spoken if body is STREAMED else said
        bad = [whole(b"no", status=b"500 No")]
        async with cascade(Cascader("logprobs"), [script("cheap", UNSURE)], [bad]) as (stage, _):
            result = await stage.play(body)
        assert result.error is None
        assert b"cheap" in result.data
        call = stage.record
        assert (call.outcome, call.provider) == ("answered", "cheap")
        assert [one.reason for one in call.attempts] == ["incumbent", "escalation"]
        check_decision(call, "cheap", "others failed", dear="failed")

    run_on_uvloop(main())


def test_when_all_fail_the_client_is_told_what_the_last_said() -> None:
    async def main() -> None:
        bad = [whole(b"no", status=b"500 No")]
        async with cascade(Cascader("logprobs"), [bad], [bad]) as (stage, _):
            result = await stage.play(WHOLE)
        assert isinstance(result.error, ProviderError)
        assert (stage.record.outcome, stage.record.provider) == ("failed", "dear")
        check_decision(stage.record, "dear", "others failed", cheap="failed")

    run_on_uvloop(main())


@pytest.mark.parametrize(
    ("body", "script", "chosen", "reason", "why"),
    [
        (IN_FORM, said('{"n": 1}'), "cheap", "sure", ""),
        (IN_FORM, said('{"n": "one"}'), "dear", "escalated", "not in form"),
        (IN_FORM, said("It is one."), "dear", "escalated", "not in form"),
        (WITH_TOOL, called('{"n": 1}'), "cheap", "sure", ""),
        (WITH_TOOL, called('{"m": 1}'), "dear", "escalated", "wrong arguments"),
        (WITH_TOOL, called('{"n": 1'), "dear", "escalated", "wrong arguments"),
        (WHOLE, called("{}"), "dear", "escalated", "wrong arguments"),
        (WITH_TOOL, said("No need."), "cheap", "nothing to check", ""),
        (WHOLE, said("Hello."), "cheap", "nothing to check", ""),
        (WHOLE, [whole(answer(choices=[]))], "dear", "escalated", "broken off"),
    ],
)
def test_the_form_of_an_answer_says_whether_it_will_do(
    body: bytes, script: list[Step], chosen: str, reason: str, why: str
) -> None:
    async def main() -> None:
        async with cascade(Cascader("schema"), [script], [said('{"n": 2}')]) as (stage, _):
            await stage.play(body)
        rejected = {"dear": "not needed"} if chosen == "cheap" else {"cheap": why}
        check_decision(stage.record, chosen, reason, **rejected)

    run_on_uvloop(main())


@pytest.mark.parametrize("body", [WHOLE, STREAMED])
@pytest.mark.parametrize(
    ("texts", "score"),
    [
        (["It is 4.", "it IS 4", "It is 4!"], 1.0),
        (["It is 4.", "It is 5.", "It is 4."], 0.75),
        (["one two", "three four", "five six"], 0.0),
    ],
)
def test_a_model_that_says_the_same_again_is_believed(body: bytes, texts: list[str], score: float) -> None:
    async def main() -> None:
        script = spoken if body is STREAMED else said
        answers = [script(text) for text in texts]
        async with cascade(Cascader("agreement", 0.9), answers, [script("dear")]) as (stage, servers):
            result = await stage.play(body)
        call = stage.record
        assert len(servers[0].requests) == 3
        assert sorted(one.reason for one in call.attempts if one.provider == "cheap") == [
            "incumbent",
            "sample",
            "sample",
        ]
        assert {one.outcome for one in call.attempts} == {"answered"}
        assert call.decision is not None
        found = call.decision.facts["score cheap/cheap-model"]
        if score in (0.0, 1.0):
            assert found == score
        assert (b"dear" in result.data) == (score < 0.9)
        assert call.usage.output_tokens == (6 if score >= 0.9 else 8)

    run_on_uvloop(main())


def test_nothing_agrees_with_an_answer_when_nobody_answers_again() -> None:
    async def main() -> None:
        bad: list[Step] = [whole(b"no", status=b"500 No")]
        scripts: list[list[list[Step]]] = [[said("cheap"), bad], [said("dear")]]
        async with cascade(Cascader("agreement", 0.0, samples=2), *scripts) as (stage, _):
            result = await stage.play(WHOLE)
        assert b"dear" in result.data
        assert stage.record.decision is not None
        assert stage.record.decision.rejected[0].why in (
            "no score",
            "failed",
        )  # whoever came first was answered

    run_on_uvloop(main())


def test_a_request_that_only_its_provider_understands_goes_to_the_last_model() -> None:
    async def main() -> None:
        body = b'{"model":"r","messages":[{"role":"user","content":[{"type":"text","text":7}]}]}'
        async with cascade(Cascader("schema"), [said("cheap")], [said("dear")]) as (stage, servers):
            result = await stage.play(body)
        assert result.error is None
        assert servers[0].requests == []
        check_decision(stage.record, "dear", "escalated", cheap="unread")

    run_on_uvloop(main())


@pytest.mark.parametrize(
    ("chances", "chosen", "why"),
    [
        ({"cheap": 0.1, "middle": 0.1}, "cheap", {"middle": "not needed", "dear": "not needed"}),
        ({"cheap": 0.9, "middle": 0.1}, "middle", {"cheap": "unpromising", "dear": "not needed"}),
        ({"cheap": 0.9, "middle": 0.9}, "dear", {"cheap": "unpromising", "middle": "unpromising"}),
        ({"middle": 0.1}, "middle", {"cheap": "no prediction", "dear": "not needed"}),
        ({}, "dear", {"cheap": "no prediction", "middle": "no prediction"}),
    ],
)
def test_a_router_says_whom_it_is_worth_asking(
    chances: dict[str, float], chosen: str, why: dict[str, str]
) -> None:
    async def main() -> None:
        scripts = [said("cheap")], [said("middle")], [said("dear")]
        cascader = Cascader("learned", learned=Foretold(**chances))
        async with cascade(cascader, *scripts) as (stage, _):
            result = await stage.play(WHOLE)
        assert chosen.encode() in result.data
        assert len(stage.record.attempts) == 1
        check_decision(stage.record, chosen, "escalated" if chosen == "dear" else "sure", **why)

    run_on_uvloop(main())


def test_an_answer_that_was_promising_is_looked_at_all_the_same() -> None:
    async def main() -> None:
        cascader = Cascader("learned", learned=Foretold(cheap=0.0))
        async with cascade(cascader, [said("It is one.")], [said('{"n": 1}')]) as (stage, _):
            await stage.play(IN_FORM)
        check_decision(stage.record, "dear", "escalated", cheap="not in form")

    run_on_uvloop(main())


def test_who_was_not_worth_asking_is_better_than_nobody() -> None:
    async def main() -> None:
        bad: list[Step] = [whole(b"no", status=b"500 No")]
        cascader = Cascader("learned", learned=Foretold(cheap=1.0))
        async with cascade(cascader, [said("cheap")], [bad]) as (stage, _):
            result = await stage.play(WHOLE)
        assert b"cheap" in result.data
        assert attempts(stage.record) == [("dear", "policy", "refused"), ("cheap", "fallback", "answered")]

    run_on_uvloop(main())


def test_an_answer_too_long_to_be_held_goes_on_as_it_is() -> None:
    async def main() -> None:
        words = [event(content="x" * 100_000) for _ in range(60)]
        long = streamed(ROLE, *words, STOP, ONLY_USAGE, DONE)
        async with cascade(Cascader("logprobs"), [long], [spoken("dear")]) as (stage, _):
            result = await stage.play(STREAMED, keep_body=False)
        assert result.error is None
        assert result.data.count(b"x") >= 6_000_000
        assert len(result.pieces) > 1
        check_decision(stage.record, "cheap", "too long", dear="not needed")

    run_on_uvloop(main())


@pytest.mark.parametrize("at", ["cheap", "dear", "sample"])
def test_a_client_that_hangs_up_leaves_nothing_behind(at: str) -> None:
    async def main() -> None:
        waits: list[Step] = [*streamed(ROLE, event(content="x"), ended=False), Do.HOLD]
        silent: list[Step] = [Do.HOLD]
        cheap = [spoken("cheap", UNSURE)] if at == "dear" else [waits]
        confidence: Confidence = "agreement" if at == "sample" else "logprobs"
        async with cascade(Cascader(confidence), cheap, [silent]) as (stage, servers):
            task = asyncio.create_task(stage.play(STREAMED))
            await servers[at == "dear"].holds()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        call = stage.record
        assert call.outcome == "cancelled"
        assert {one.outcome for one in call.attempts} <= {"cancelled", "answered"}
        assert call.attempts[-1].outcome == "cancelled"

    run_on_uvloop(main())


def test_a_model_that_hangs_gets_half_of_the_time() -> None:
    async def main() -> None:
        async with cascade(Cascader("logprobs"), [[Do.HOLD]], [said("dear")], deadline=1.0) as (stage, _):
            result = await stage.play(WHOLE)
        assert result.error is None
        assert b"dear" in result.data
        assert 400 < stage.record.duration_ms < 900

    run_on_uvloop(main())


def test_a_cheap_model_that_fails_is_not_asked_again_where_there_is_another() -> None:
    async def main() -> None:
        bad: list[Step] = [whole(b"no", status=b"503 No")]
        scripts = [bad], [bad, said("dear")]
        async with cascade(Cascader("logprobs"), *scripts, retries=2) as (stage, _):
            result = await stage.play(WHOLE)
        assert b"dear" in result.data
        assert [(one.provider, one.reason) for one in stage.record.attempts] == [
            ("cheap", "incumbent"),
            ("dear", "fallback"),
            ("dear", "retry"),
        ]

    run_on_uvloop(main())


def test_a_model_that_is_known_to_be_ill_is_not_waited_for() -> None:
    async def main() -> None:
        busy = [whole(b"{}", b"retry-after: 3", status=b"429 No")]
        async with cascade(Cascader("logprobs"), [busy], [said("dear")]) as (stage, servers):
            for _ in range(3):
                await stage.play(WHOLE)
        assert len(servers[0].requests) < 3
        assert stage.records[-1].duration_ms < 1000
        check_decision(stage.records[-1], "dear", "escalated", cheap="not well")

    run_on_uvloop(main())
