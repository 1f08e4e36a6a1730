"""The benchmark of faults sees what it is there to see: each kind of bad answer is called by its name."""

from __future__ import annotations

import asyncio
import json

import pytest
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, chunk, whole
from loops import run_on_uvloop

from benchmarks.faults.asking import Verdict, ask
from benchmarks.faults.sicknesses import FAULTS, MIXED, WORDS, phases, routes
from freehold.providers.simulated.words import recital

QUESTION = "What happened?"
RIGHT = recital(QUESTION, WORDS)
HALF = RIGHT[: len(RIGHT) // 2]


def told(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return chunk(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")


def at_once(text: str) -> Answer:
    message = {"role": "assistant", "content": text}
    return [whole(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())]


ERROR = chunk(b'data: {"error":{"message":"no"}}\n\n')
REFUSAL = b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n{}"

STREAMS: dict[str, tuple[Verdict, Answer]] = {
    "right": ("right", [STREAM_HEAD, told(HALF), told(RIGHT[len(HALF) :]), told("", "stop"), LAST_CHUNK]),
    "ends early": ("truncated", [STREAM_HEAD, told(HALF), told("", "stop"), LAST_CHUNK]),
    "without its end": ("broken", [STREAM_HEAD, told(HALF), LAST_CHUNK]),
    "cut": ("broken", [STREAM_HEAD, told(HALF), Do.RESET]),
    "says so": ("broken", [STREAM_HEAD, told(HALF), ERROR, LAST_CHUNK]),
    "begins anew": ("duplicated", [STREAM_HEAD, told(HALF + " "), told(RIGHT), told("", "stop"), LAST_CHUNK]),
    "something else": ("wrong", [STREAM_HEAD, told("No."), told("", "stop"), LAST_CHUNK]),
    "refused": ("refused", [REFUSAL]),
}
WHOLES: dict[str, tuple[Verdict, Answer]] = {
    "right": ("right", at_once(RIGHT)),
    "ends early": ("truncated", at_once(HALF)),
    "twice": ("duplicated", at_once(f"{RIGHT} {RIGHT}")),
    "refused": ("refused", [REFUSAL]),
}


async def judged(answer: Answer, *, streamed: bool) -> Verdict:
    async with ByteServer(answer) as server:
        outcome = await ask(server.port, "k", "m", QUESTION, streamed=streamed, fault="none", group="none")
        assert (outcome.first_s is not None) == (streamed and outcome.verdict != "refused")
        return outcome.verdict


@pytest.mark.parametrize(("wanted", "answer"), STREAMS.values(), ids=STREAMS.keys())
def test_streams_are_judged(wanted: Verdict, answer: Answer) -> None:
    async def main() -> None:
        assert await judged(answer, streamed=True) == wanted

    run_on_uvloop(main())


@pytest.mark.parametrize(("wanted", "answer"), WHOLES.values(), ids=WHOLES.keys())
def test_whole_answers_are_judged(wanted: Verdict, answer: Answer) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server:
            outcome = await ask(server.port, "k", "m", QUESTION, streamed=False, fault="none", group="none")
            assert outcome.verdict == wanted

    run_on_uvloop(main())


def test_no_answer_at_all_is_a_hang() -> None:
    async def main() -> None:
        async with ByteServer([STREAM_HEAD, told(HALF), Do.HOLD]) as server:
            asked = ask(
                server.port, "k", "m", QUESTION, streamed=True, fault="none", group="none", patience=0.3
            )
            assert (await asyncio.wait_for(asked, 5.0)).verdict == "hung"

    run_on_uvloop(main())


def test_every_fault_has_its_turn_and_a_route() -> None:
    planned = phases(sick=1.0, well=0.5, mixed=20.0, seed=7)
    assert {one.group for one in planned} == {*FAULTS, MIXED}
    assert {one.route for one in planned} <= set(routes())
    assert planned == phases(sick=1.0, well=0.5, mixed=20.0, seed=7)
