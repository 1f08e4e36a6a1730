"""Each fault as a raw socket sees it."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from typing import Any

import pytest
from raw_exchange import Received, chat, exchange, read_on, request_bytes

from freehold.providers.simulated import (
    Behaviour,
    ContentType,
    Cut,
    Drip,
    Empty,
    Endless,
    ErrorEvent,
    Garbage,
    Gzip,
    Hang,
    Huge,
    Malformed,
    Outage,
    Page,
    Refused,
    Script,
    SimulatedProvider,
    Stale,
    WrongLength,
)
from freehold.providers.simulated.faults import AnyFault

TEXT = "one two three four five six"


def meet(fault: AnyFault, *, stream: bool, limit: float = 0.2, **behaviour: Any) -> Received:
    """What one call comes to under `fault`; the provider must survive and answer another model."""
    script = Script(
        models={"m": Behaviour(text=TEXT, faults=(fault,), **behaviour), "well": Behaviour(text="fine")}
    )

    async def run() -> Received:
        async with SimulatedProvider(script) as provider:
            received = await exchange(provider.port, request_bytes(chat(stream=stream)), limit=limit)
            assert provider.requests[0].fault is not None
            after = await exchange(
                provider.port, request_bytes(chat("well"), headers=["connection: close"]), limit=5
            )
            assert after.json["choices"][0]["message"]["content"] == "fine"
            return received

    return asyncio.run(run())


def text_of(received: Received) -> str:
    """The text of all complete events that are JSON."""
    text = ""
    for event in received.events:
        if event != "[DONE]":
            text += json.loads(event)["choices"][0]["delta"].get("content", "")
    return text


@pytest.mark.parametrize("stream", [False, True])
def test_silence_before_the_headers(stream: bool) -> None:
    got = meet(Hang(), stream=stream)
    assert (got.data, got.end) == (b"", "open")


@pytest.mark.parametrize("stream", [False, True])
def test_silence_after_the_headers(stream: bool) -> None:
    got = meet(Hang(after=0), stream=stream)
    assert (got.status, got.raw_body, got.end) == (200, b"", "open")


def test_silence_in_the_middle() -> None:
    got = meet(Hang(after=3), stream=True)
    assert (len(got.events), text_of(got), got.end) == (3, "one two", "open")
    whole = meet(Hang(after=3), stream=False)
    assert whole.end == "open"
    assert 0 < len(whole.raw_body) < int(whole.headers["content-length"])


def test_a_stall_that_ends() -> None:
    got = meet(Hang(after=3, for_s=0.15), stream=True, limit=0.5)
    assert text_of(got) == TEXT
    assert got.finished
    gaps = [later - before for (before, _), (later, _) in zip(got.pieces, got.pieces[1:], strict=False)]
    assert 0.14 < max(gaps) < 0.3


def test_a_stream_that_ends_properly_but_too_early() -> None:
    got = meet(Cut(after=3, how="end"), stream=True)
    assert (text_of(got), got.finished, got.end) == ("one two", True, "open")
    assert "[DONE]" not in got.events


@pytest.mark.parametrize(("how", "end"), [("close", "fin"), ("reset", "reset"), ("half_close", "fin")])
def test_a_stream_that_is_cut_off(how: Any, end: str) -> None:
    got = meet(Cut(after=3, how=how), stream=True)
    assert (text_of(got), got.finished, got.end) == ("one two", False, end)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_stream_that_is_cut_in_the_middle_of_an_event(how: Any) -> None:
    got = meet(Cut(after=3, how=how, inside=True), stream=True)
    assert len(got.events) == 3
    rest = got.body.decode().split("\n\n")[-1]
    assert rest.startswith("data: {")
    with pytest.raises(json.JSONDecodeError):
        json.loads(rest[6:])


@pytest.mark.parametrize(("how", "end"), [("close", "fin"), ("reset", "reset"), ("half_close", "fin")])
def test_a_whole_answer_that_is_cut_off(how: Any, end: str) -> None:
    before = meet(Cut(after=None, how=how), stream=False)
    assert (before.data, before.end) == (b"", end)
    bare = meet(Cut(after=0, how=how), stream=False)
    assert (bare.status, bare.raw_body, bare.end) == (200, b"", end)
    half = meet(Cut(after=1, how=how), stream=False)
    assert 0 < len(half.raw_body) < int(half.headers["content-length"])
    assert half.end == end


def test_a_whole_answer_whose_json_stops_although_http_is_right() -> None:
    got = meet(Cut(after=1, how="end"), stream=False)
    assert got.finished
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.body)


def test_a_half_closed_connection_still_takes_what_the_client_sends() -> None:
    async def run() -> None:
        script = Script(models={"m": Behaviour(faults=(Cut(after=1, how="half_close"),))})
        async with SimulatedProvider(script) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            writer.write(request_bytes(chat(stream=True)))
            assert (await read_on(reader, 1)).end == "fin"
            writer.write(b"x" * 100_000)
            await writer.drain()
            await asyncio.sleep(0.05)
            assert provider.connections.open == 1
            writer.close()
            await writer.wait_closed()
            await provider.until(lambda p: p.connections.open == 0)

    asyncio.run(run())


def test_an_event_that_is_not_json() -> None:
    got = meet(Malformed(after=2), stream=True)
    events = got.events
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[2])
    assert events[-1] == "[DONE]"
    assert all(json.loads(event) for event in [*events[:2], *events[3:-1]])
    whole = meet(Malformed(), stream=False)
    assert len(whole.raw_body) == int(whole.headers["content-length"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(whole.raw_body)


def test_an_error_inside_a_stream() -> None:
    got = meet(ErrorEvent(after=3, message="Out of memory", code="oom"), stream=True)
    assert json.loads(got.events[3])["error"] == {
        "message": "Out of memory",
        "type": "server_error",
        "param": None,
        "code": "oom",
    }
    assert len(got.events) == 4
    assert got.finished
    whole = meet(ErrorEvent(message="Out of memory"), stream=False)
    assert whole.status == 200
    assert whole.json["error"]["message"] == "Out of memory"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_a_body(stream: bool) -> None:
    got = meet(Empty(), stream=stream)
    assert (got.status, got.headers["content-length"], got.raw_body) == (200, "0", b"")


@pytest.mark.parametrize("stream", [False, True])
def test_a_web_page_instead_of_an_answer(stream: bool) -> None:
    got = meet(Page(status=502), stream=stream)
    assert got.status == 502
    assert got.headers["content-type"].startswith("text/html")
    assert got.raw_body.startswith(b"<html>")


@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_content_type(stream: bool) -> None:
    got = meet(ContentType(value="application/octet-stream"), stream=stream)
    assert got.headers["content-type"] == "application/octet-stream"
    assert TEXT in (text_of(got) if stream else got.json["choices"][0]["message"]["content"])


def test_bytes_one_by_one() -> None:
    got = meet(Drip(every_s=0.001, part="head"), stream=False, limit=1)
    head = got.data.index(b"\r\n\r\n") + 4
    assert got.pieces[-1][0] > head * 0.001 * 0.8
    assert got.json["choices"][0]["message"]["content"] == TEXT
    body = meet(Drip(every_s=0.02, bytes=40, part="body"), stream=True, limit=2.5)
    assert text_of(body) == TEXT
    assert len(body.pieces) > 40
    assert len(body.pieces[0][1]) > 100, "the head came in one piece"


def test_headers_that_never_come_to_an_end() -> None:
    got = meet(Drip(every_s=0.05), stream=True, limit=0.4)
    assert got.end == "open"
    assert 4 <= len(got.data) <= 9
    assert b"HTTP/1.1 200 OK".startswith(got.data)


def test_a_stream_without_end() -> None:
    async def run() -> None:
        script = Script(models={"m": Behaviour(faults=(Endless(),))})
        async with SimulatedProvider(script) as provider:
            for stream in (True, False):
                reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
                writer.write(request_bytes(chat(stream=stream, max_tokens=5)))
                read = 0
                while read < 3_000_000:
                    read += len(await reader.read(65536))
                writer.close()
                await writer.wait_closed()
                await provider.until(lambda p: p.connections.open == 0, 1)
            assert provider.requests[0].tokens > 5
            assert {request.ending for request in provider.requests} == {"abandoned"}

    asyncio.run(run())


def test_a_huge_answer() -> None:
    size = 3_000_000
    whole = meet(Huge(bytes=size), stream=False, limit=1)
    assert len(whole.json["choices"][0]["message"]["content"]) == size
    assert int(whole.headers["content-length"]) == len(whole.raw_body)
    streamed = meet(Huge(bytes=size), stream=True, limit=1)
    assert len(text_of(streamed)) == size
    assert max(map(len, streamed.events)) > size
    assert streamed.events[-1] == "[DONE]"


def test_garbage() -> None:
    got = meet(Garbage(), stream=False)
    assert len(got.data) == 64
    assert not got.data.startswith(b"HTTP/")
    assert got.end == "fin"
    inside = meet(Garbage(after=2), stream=True)
    assert (inside.end, inside.finished) == ("fin", False)
    # Where the size of a chunk should be there is something else.
    assert inside.raw_body[-66:-63] == b"\r\n\xff"


def test_a_promise_of_more_than_comes() -> None:
    got = meet(WrongLength(by=10), stream=False)
    assert int(got.headers["content-length"]) == len(got.raw_body) + 10
    assert got.end == "fin"
    stream = meet(WrongLength(by=10), stream=True)
    assert int(stream.headers["content-length"]) > len(stream.raw_body)
    assert stream.raw_body.endswith(b"data: [DONE]\n\n")


def test_more_comes_than_was_promised() -> None:
    got = meet(WrongLength(by=-10), stream=False)
    assert int(got.headers["content-length"]) == len(got.raw_body) - 10
    assert got.end == "open"
    stream = meet(WrongLength(by=-10), stream=True)
    assert int(stream.headers["content-length"]) == 10
    assert stream.raw_body.endswith(b"data: [DONE]\n\n")


def test_compression_nobody_asked_for() -> None:
    whole = meet(Gzip(), stream=False)
    assert whole.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(whole.raw_body))["choices"][0]["message"]["content"] == TEXT
    stream = meet(Gzip(), stream=True, limit=5, tokens_per_s=40)
    assert len(stream.pieces) > 4, "each event goes out by itself"
    plain = zlib.decompress(stream.body, wbits=31).decode()
    assert plain.endswith("data: [DONE]\n\n")


def test_a_connection_that_goes_stale_between_two_calls() -> None:
    async def run() -> None:
        script = Script(models={"m": Behaviour(text="ok", faults=(Stale(),))})
        async with SimulatedProvider(script) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            for expected in (b"HTTP/1.1 200", b""):
                writer.write(request_bytes(chat()))
                data = (await read_on(reader, 0.1)).data
                assert data[:12] == expected
            writer.close()
            fresh = await exchange(provider.port, request_bytes(chat()))
            assert fresh.status == 200
            assert [request.fault for request in provider.requests] == [None, "stale", None]

    asyncio.run(run())


def test_errors_with_their_headers_and_a_body_of_their_own() -> None:
    fault = Refused(status=429, retry_after="20", headers={"x-ratelimit-reset-tokens": "6m0s"})
    got = meet(fault, stream=True)
    assert got.status == 429
    assert got.headers["retry-after"] == "20"
    assert got.headers["x-ratelimit-reset-tokens"] == "6m0s"
    assert got.json["error"]["code"] == "rate_limit_exceeded"
    own = meet(Refused(status=529, body="overloaded!"), stream=False)
    assert (own.status, own.raw_body) == (529, b"overloaded!")
    late = meet(Refused(status=500, after_s=0.1), stream=False)
    assert late.pieces[0][0] > 0.095
    assert late.json["error"]["type"] == "server_error"


def test_faults_strike_embeddings_too() -> None:
    async def run() -> None:
        script = Script(
            models={"m": (Behaviour(faults=(Refused(status=503),)), Behaviour(faults=(Cut(after=1),)))}
        )
        async with SimulatedProvider(script) as provider:
            request = request_bytes({"model": "m", "input": "x"}, path="/v1/embeddings")
            assert (await exchange(provider.port, request)).status == 503
            half = await exchange(provider.port, request)
            assert half.end == "fin"
            assert 0 < len(half.raw_body) < int(half.headers["content-length"])

    asyncio.run(run())


async def _connects(port: int) -> str:
    try:
        got = await exchange(port, request_bytes(chat()), limit=0.1)
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "reset"
    return "answered" if got.data else {"open": "silent"}.get(got.end, got.end)


@pytest.mark.parametrize(("how", "seen"), [("refuse", "refused"), ("reset", "reset"), ("hang", "silent")])
def test_an_outage_begins_and_ends(how: Any, seen: str) -> None:
    async def run() -> None:
        async with SimulatedProvider() as provider:
            port = provider.port
            assert await _connects(port) == "answered"
            provider.play(Script(outage=Outage(how=how)))
            assert [await _connects(port) for _ in range(3)] == [seen] * 3
            provider.play(Script())
            assert await _connects(port) == "answered"
            assert provider.port == port

    asyncio.run(run())


def test_an_outage_by_the_clock_resets_what_is_under_way() -> None:
    async def run() -> None:
        script = Script(
            models={"m": Behaviour(faults=(Endless(),), tokens_per_s=100)},
            outage=Outage(how="refuse", after_s=0.1, for_s=0.2),
        )
        async with SimulatedProvider(script) as provider:
            began = time.perf_counter()
            got = await exchange(provider.port, request_bytes(chat(stream=True)), limit=5)
            assert got.end == "reset"
            assert 0.09 < time.perf_counter() - began < 0.25
            assert await _connects(provider.port) == "refused"
            while await _connects(provider.port) == "refused":
                await asyncio.sleep(0.01)
            assert 0.28 < time.perf_counter() - began < 0.6

    asyncio.run(run())
