"""Faults in each dialect: the same script breaks every one of them in its own form."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from dialect_bodies import DIALECTS, hello, send
from raw_exchange import Received

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    ErrorEvent,
    Garbage,
    Gzip,
    Hang,
    Huge,
    Malformed,
    Refused,
    Script,
    SimulatedProvider,
)
from freehold.providers.simulated.faults import AnyFault

TEXT = "one two three four"
EVENTS = [one for one in DIALECTS if one != "bedrock-converse"]


def meet(
    dialect: str, fault: AnyFault | None, *, stream: bool, limit: float = 0.3, **behaviour: Any
) -> Received:
    faults = () if fault is None else (fault,)
    script = Script(models={"m": Behaviour(text=TEXT, faults=faults, **behaviour)})

    async def run() -> Received:
        async with SimulatedProvider(script) as provider:
            return await send(provider.port, dialect, hello(dialect), stream=stream, limit=limit)

    return asyncio.run(run())


def events(got: Received) -> list[Any]:
    """The data of every complete event; of Amazon's, the payload."""
    if "eventstream" in got.headers["content-type"]:
        buffer = EventStreamBuffer()
        buffer.add_data(got.body)
        return [json.loads(one.payload) for one in buffer]
    parts = got.body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]
    data = [one.split(b"data: ", 1)[1] for one in parts if b"data: " in one]
    return [json.loads(one) for one in data if one != b"[DONE]"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_cut_hangs_or_ends_early(dialect: str) -> None:
    whole = events(meet(dialect, None, stream=True))
    got = meet(dialect, Cut(after=3), stream=True)
    assert (len(events(got)), got.finished, got.end) == (3, False, "fin")
    assert meet(dialect, Cut(after=2, how="reset"), stream=True).end == "reset"
    early = meet(dialect, Cut(after=3, how="end"), stream=True)
    assert (len(events(early)), early.finished) == (3, True)
    silent = meet(dialect, Hang(after=2), stream=True)
    assert (len(events(silent)), silent.end) == (2, "open")
    assert len(whole) > 4
    half = meet(dialect, Cut(after=1), stream=False)
    assert 0 < len(half.raw_body) < int(half.headers["content-length"])


@pytest.mark.parametrize("dialect", EVENTS)
def test_one_event_is_no_json(dialect: str) -> None:
    got = meet(dialect, Malformed(after=2), stream=True)
    data = [line[6:] for line in got.body.decode().splitlines() if line.startswith("data: ")]
    broken = []
    for one in data:
        if one != "[DONE]":
            try:
                json.loads(one)
            except ValueError:
                broken.append(one)
    assert len(broken) == 1
    assert len(data) > 4


def test_one_frame_has_a_wrong_checksum() -> None:
    with pytest.raises(ChecksumMismatch):
        events(meet("bedrock-converse", Malformed(after=2), stream=True))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_inside_a_stream(dialect: str) -> None:
    *before, last = events(meet(dialect, ErrorEvent(after=3, message="Out of memory"), stream=True))
    assert len(before) == 3
    assert "Out of memory" in json.dumps(last)
    match dialect:
        case "openai-responses":
            assert last["type"] == "error"
        case "anthropic-messages":
            assert last == {
                "type": "error",
                "error": {"type": "api_error", "message": "Out of memory"},
                "request_id": "req_simulated",
            }
        case "gemini":
            assert last["error"]["status"] == "INTERNAL"
        case "cohere":
            assert last["delta"]["finish_reason"] == "ERROR"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_huge_answer_is_still_right(dialect: str, stream: bool) -> None:
    got = meet(dialect, Huge(bytes=300_000), stream=stream, limit=2)
    if stream:
        assert max(len(json.dumps(one)) for one in events(got)) > 300_000
    else:
        assert len(json.dumps(got.json)) > 300_000
        assert int(got.headers["content-length"]) == len(got.raw_body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_other_faults_know_no_dialect(dialect: str) -> None:
    assert meet(dialect, Garbage(after=1), stream=True).end == "fin"
    assert meet(dialect, Gzip(), stream=False).headers["content-encoding"] == "gzip"
    own = meet(dialect, Refused(status=529, body="overloaded!"), stream=False)
    assert (own.status, own.raw_body) == (529, b"overloaded!")


def test_statuses_have_the_words_of_the_dialect() -> None:
    def error(dialect: str, status: int) -> tuple[Received, Any]:
        got = meet(dialect, Refused(status=status, retry_after="3"), stream=True)
        assert got.status == status
        return got, got.json

    got, body = error("anthropic-messages", 529)
    assert (body["error"]["type"], got.headers["retry-after"]) == ("overloaded_error", "3")
    got, body = error("gemini", 503)
    assert (body["error"]["status"], body["error"]["details"][0]["retryDelay"]) == ("UNAVAILABLE", "3s")
    assert "retry-after" not in got.headers
    got, body = error("bedrock-converse", 503)
    assert got.headers["x-amzn-errortype"] == "ServiceUnavailableException"
    got, body = error("cohere", 429)
    assert "message" in body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_limit_ends_the_answer_in_the_dialect_s_word(dialect: str) -> None:
    words = {
        "openai-chat": "length",
        "openai-responses": "max_output_tokens",
        "anthropic-messages": "max_tokens",
        "gemini": "MAX_TOKENS",
        "bedrock-converse": "max_tokens",
        "cohere": "MAX_TOKENS",
    }
    got = meet(dialect, None, stream=False, finish_reason="length")
    assert f'"{words[dialect]}"' in got.body.decode()
