"""Who chooses a call's model is asked once, told once, and can harm no call."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from answers import GOOD_STREAM, GOOD_WHOLE, ROLE, STOP, WORD
from byte_server import ByteServer, Do, Step, whole
from engines import EMBEDDINGS, STREAMED, WHOLE, Stage, stage_of
from loops import run_on_uvloop

from freehold.access.key import Key
from freehold.core.clock import SystemClock
from freehold.core.decision import Arm, Decision
from freehold.core.errors import Forbidden, FreeholdError
from freehold.engine.limiting import Hold, Subject, Worst
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.routing.routes import Route, Target
from freehold.wire.openai_errors import status_of
from freehold.wire.request import Request, read_chat_request

ONE, TWO = Target("one", "one-model"), Target("two", "two-model")
CHOSEN = Decision("weighted", "two/two-model", "drawn")


class Chooser:
    """Chooses the second model, and remembers what it was told."""

    def __init__(self, first: Target | None = TWO, *, fails_at: str = "", arm: Arm | None = None) -> None:
        self.first = first
        self.fails_at = fails_at
        self.arm = arm
        self.asked: list[tuple[str, str | None]] = []
        self.answers: list[bytes | None] = []
        self.told: list[tuple[Call, Request, Decision]] = []

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered | None:
        self.asked.append((route.name, heading))
        if self.fails_at == "steer":
            raise RuntimeError("the policy is broken")
        if self.first is None:
            return None
        others = tuple(one for one in route.plan if one != self.first)
        steered = msgspec.structs.replace(route, incumbent=self.first, fallbacks=others)
        return Steered(steered, msgspec.structs.replace(CHOSEN, chosen=self.first.name, arm=self.arm))

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        assert len(self.answers) == len(self.told)
        self.answers.append(answer)
        if self.fails_at == "heard":
            raise RuntimeError("the policy is broken")

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        self.told.append((call, request, decision))
        if self.fails_at == "ended":
            raise RuntimeError("the policy is broken")


@asynccontextmanager
async def steered(chooser: Chooser, one: ByteServer, two: ByteServer) -> AsyncIterator[Stage]:
    async with stage_of({"one": one, "two": two}) as stage:
        engine = stage.engine
        engine.runtime = msgspec.structs.replace(engine.runtime, steering=chooser)
        yield stage


def reasons(call: Call) -> list[tuple[str, str, str]]:
    return [(one.provider, one.reason, one.outcome) for one in call.attempts]


@pytest.mark.parametrize(("body", "good"), [(WHOLE, GOOD_WHOLE), (STREAMED, GOOD_STREAM)])
def test_the_chosen_model_answers_and_the_decision_is_in_the_record(body: bytes, good: list[bytes]) -> None:
    async def main() -> None:
        chooser = Chooser()
        async with ByteServer(good) as one, ByteServer(good) as two, steered(chooser, one, two) as stage:
            await stage.play(body)
        call = stage.record
        assert reasons(call) == [("two", "policy", "answered")]
        assert call.decision == CHOSEN
        ((told, request, decision),) = chooser.told
        assert (told.id, told.outcome, decision) == (call.id, "answered", CHOSEN)
        assert request.model == "r"

    run_on_uvloop(main())


def test_the_incumbent_takes_over_when_the_chosen_model_fails() -> None:
    async def main() -> None:
        chooser = Chooser()
        bad = [whole(b"no", status=b"500 No")]
        async with ByteServer(GOOD_WHOLE) as one, ByteServer(bad) as two, steered(chooser, one, two) as stage:
            result = await stage.play(WHOLE)
        assert result.error is None
        assert reasons(stage.record) == [("two", "policy", "refused"), ("one", "fallback", "answered")]
        assert stage.record.decision == CHOSEN

    run_on_uvloop(main())


def test_a_request_that_the_chosen_model_alone_refuses_is_answered() -> None:
    async def main() -> None:
        for second, outcome in ((GOOD_WHOLE, "answered"), ([whole(b"no", status=b"422 No")], "refused")):
            refused = [whole(b"no", status=b"400 No")]
            async with (
                ByteServer(second) as one,
                ByteServer(refused) as two,
                steered(Chooser(), one, two) as stage,
            ):
                result = await stage.play(WHOLE)
            assert reasons(stage.record) == [("two", "policy", "refused"), ("one", "fallback", outcome)]
            assert (result.error is None) == (outcome == "answered")

    run_on_uvloop(main())


def test_a_policy_that_stays_with_the_incumbent_changes_no_reason() -> None:
    async def main() -> None:
        chooser = Chooser(ONE)
        async with (
            ByteServer(GOOD_WHOLE) as one,
            ByteServer(GOOD_WHOLE) as two,
            steered(chooser, one, two) as stage,
        ):
            await stage.play(WHOLE)
        assert reasons(stage.record) == [("one", "incumbent", "answered")]
        assert stage.record.decision == msgspec.structs.replace(CHOSEN, chosen=ONE.name)

    run_on_uvloop(main())


@pytest.mark.parametrize("outcome", ["refused", "cut", "cancelled"])
def test_the_end_is_told_once_however_a_call_ends(outcome: str) -> None:
    ends: dict[str, list[Step]] = {
        "refused": [whole(b"no", status=b"400 No")],
        "cut": [*GOOD_STREAM[:3], Do.RESET],
        "cancelled": GOOD_STREAM,
    }

    async def main() -> None:
        chooser = Chooser()
        async with (
            ByteServer(ends["refused"]) as one,
            ByteServer(ends[outcome]) as two,
            steered(chooser, one, two) as stage,
        ):
            running = stage.engine.begin("chat", "openai-chat", None)
            running.receive(STREAMED, keep_body=True)
            request = read_chat_request(STREAMED)
            running.route_to(request)
            try:
                piece = await running.ask(request)
                if outcome == "cancelled":
                    running.cancel()
                while piece:
                    piece = await running.next_piece()
            except FreeholdError as error:
                running.fail(error, status_of(error))
            running.cancel()
        assert [call.outcome for call, _, _ in chooser.told] == [outcome] == [stage.record.outcome]

    run_on_uvloop(main())


def test_what_is_no_chat_is_not_steered() -> None:
    async def main() -> None:
        chooser = Chooser()
        async with (
            ByteServer(GOOD_WHOLE) as one,
            ByteServer(GOOD_WHOLE) as two,
            steered(chooser, one, two) as stage,
        ):
            copy = stage.engine.begin("mirror", "openai-chat", None, mirrors="call_1")
            assert stage.engine.active == 0, "no client is turned away for a copy"
            copy.receive(WHOLE, keep_body=True)
            request = read_chat_request(WHOLE)
            copy.route_to(request)
            await copy.ask(request)
            assert stage.engine.held_bytes == 0
            await stage.play(EMBEDDINGS)
        assert not chooser.asked
        assert not chooser.told
        mirror = stage.records[0]
        assert (mirror.operation, mirror.mirrors, mirror.outcome) == ("mirror", "call_1", "answered")
        assert all(call.decision is None for call in stage.records)

    run_on_uvloop(main())


def test_a_route_without_a_policy_is_answered_as_ever() -> None:
    async def main() -> None:
        chooser = Chooser(None)
        async with ByteServer(GOOD_WHOLE) as one, ByteServer() as two, steered(chooser, one, two) as stage:
            await stage.play(WHOLE)
        assert chooser.asked == [("r", None)]
        assert not chooser.told
        assert stage.record.decision is None
        assert reasons(stage.record) == [("one", "incumbent", "answered")]

    run_on_uvloop(main())


def test_a_policy_that_fails_fails_no_call_and_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        chooser = Chooser(fails_at="steer")
        async with ByteServer(GOOD_WHOLE) as one, ByteServer() as two, steered(chooser, one, two) as stage:
            for _ in range(5):
                result = await stage.play(WHOLE)
                assert result.error is None
        assert [reasons(call) for call in stage.records] == [[("one", "incumbent", "answered")]] * 5
        assert all(call.decision is None for call in stage.records)

    with caplog.at_level(logging.ERROR, "freehold.engine"):
        run_on_uvloop(main())
    (line,) = (one for one in caplog.records if one.name == "freehold.engine")
    assert "a policy failed" in line.getMessage()
    assert line.exc_info is not None
    assert "the policy is broken" in str(line.exc_info[1])


@pytest.mark.parametrize(("where", "said"), [("heard", "told of an answer"), ("ended", "told of the end")])
def test_a_policy_that_fails_later_loses_no_record(
    where: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        chooser = Chooser(fails_at=where)
        async with ByteServer() as one, ByteServer(GOOD_WHOLE) as two, steered(chooser, one, two) as stage:
            result = await stage.play(WHOLE)
        assert result.error is None
        assert stage.record.outcome == "answered"
        assert len(chooser.told) == 1

    with caplog.at_level(logging.ERROR, "freehold.engine"):
        run_on_uvloop(main())
    assert said in caplog.text


@pytest.mark.parametrize("keep", [True, False])
def test_a_streams_answer_is_told_before_its_client_has_the_end_of_it(keep: bool) -> None:
    async def main() -> None:
        chooser = Chooser()
        # The provider takes its time to end the stream after the last word.
        slow = [*GOOD_STREAM[:-2], 0.3, *GOOD_STREAM[-2:]]
        async with ByteServer() as one, ByteServer(slow) as two, steered(chooser, one, two) as stage:
            running = stage.engine.begin("chat", "openai-chat", None)
            running.receive(STREAMED, keep_body=keep)
            request = read_chat_request(STREAMED)
            running.route_to(request)
            piece, seen = await running.ask(request), b""
            while piece:
                seen += piece
                if STOP in seen:
                    assert chooser.answers, "the client may go on from here"
                piece = await running.next_piece()
        (answer,) = chooser.answers
        assert answer is not None
        assert answer.startswith(ROLE + WORD + WORD + STOP)
        assert len(chooser.told) == 1

    run_on_uvloop(main())


def test_a_whole_answer_is_told_and_one_that_never_came_is_none() -> None:
    async def main() -> None:
        for answered in (GOOD_WHOLE, [whole(b"no", status=b"400 No")]):
            chooser = Chooser()
            async with (
                ByteServer([whole(b"no", status=b"400 No")]) as one,
                ByteServer(answered) as two,
                steered(chooser, one, two) as stage,
            ):
                result = await stage.play(WHOLE, keep_body=False)
            assert chooser.answers == [result.data or None]
            assert bool(result.data) == (answered is GOOD_WHOLE)

    run_on_uvloop(main())


# What the chosen model's failures do to the others


@pytest.mark.parametrize("status", [b"429 No", b"401 No", b"403 No", b"503 No"])
def test_an_account_that_does_not_let_the_chosen_model_in_still_serves_the_incumbent(status: bytes) -> None:
    async def main() -> None:
        refused = [whole(b"no", b"retry-after: 60", status=status)]
        chooser = Chooser(arm="candidate")
        async with ByteServer(GOOD_WHOLE) as one, ByteServer(refused) as two:
            settings = {"one": {"quota": "shared"}, "two": {"quota": "shared"}}
            async with stage_of({"one": one, "two": two}, settings=settings) as stage:
                engine = stage.engine
                engine.runtime = msgspec.structs.replace(engine.runtime, steering=chooser)
                for _ in range(8):
                    result = await stage.play(WHOLE)
                    assert result.error is None
                chooser.first = None
                assert (await stage.play(WHOLE)).error is None
        assert all(call.provider == "one" for call in stage.records)
        first, *_, last = stage.records
        assert reasons(first)[0][:2] == ("two", "policy")
        assert reasons(last) == [("one", "incumbent", "answered")]
        # It is left alone itself, as every model is that refuses.
        assert len(stage.records[-2].attempts) == 1

    run_on_uvloop(main())


@pytest.mark.parametrize("status", [b"429 No", b"401 No", b"404 No", b"503 No"])
def test_what_becomes_of_copies_keeps_no_client_from_the_same_model(status: bytes) -> None:
    async def main() -> None:
        refused = [whole(b"no", b"retry-after: 60", status=status)]
        async with ByteServer(*[refused] * 8, GOOD_WHOLE) as one, stage_of({"one": one}) as stage:
            for number in range(8):
                copy = stage.engine.begin("mirror", "openai-chat", None, mirrors=f"call_{number}")
                copy.receive(WHOLE, keep_body=True)
                request = read_chat_request(WHOLE)
                copy.route_to(request)
                with pytest.raises(FreeholdError) as caught:
                    await copy.ask(request)
                copy.fail(caught.value, status_of(caught.value))
            assert not stage.engine.runtime.health.found(SystemClock.tick())
            result = await stage.play(WHOLE)
        assert result.error is None
        assert [call.outcome for call in stage.records].count("answered") == 1
        assert reasons(stage.records[-1]) == [("one", "incumbent", "answered")]
        assert len(one.requests) == 9

    run_on_uvloop(main())


class Closed:
    """Limits under which nothing is let in."""

    def take(self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float) -> None:
        raise Forbidden("Nobody may call anything.", param="model")

    async def reserve(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold:
        raise AssertionError("it was taken, or not")


def test_copies_are_not_under_the_limits_of_clients() -> None:
    async def main() -> None:
        async with ByteServer(GOOD_WHOLE) as one, stage_of({"one": one}) as stage:
            stage.engine.runtime = msgspec.structs.replace(stage.engine.runtime, limits=Closed())
            assert isinstance((await stage.play(WHOLE)).error, Forbidden)
            copy = stage.engine.begin("mirror", "openai-chat", None, mirrors="call_1")
            copy.receive(WHOLE, keep_body=True)
            request = read_chat_request(WHOLE)
            copy.route_to(request)
            assert await copy.ask(request)
        assert [call.outcome for call in stage.records] == ["refused", "answered"]

    run_on_uvloop(main())
