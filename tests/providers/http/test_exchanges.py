"""Requests as they are sent, answers as they are read, connections as they are used again."""

from __future__ import annotations

import pytest
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, chunk, whole
from clients import client_of, read_in_parts, read_once
from loops import Run, on_both_loops, run_on_uvloop

from freehold import __version__
from freehold.core.errors import ProviderBroken, ProviderRefused, ProviderUnreachable
from freehold.core.secret import Secret
from freehold.providers.client import MAX_ANSWER_BYTES
from freehold.providers.settings import Timeouts

OK = [whole(b'{"ok":1}')]


@on_both_loops
def test_a_request_is_exactly_these_bytes(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer(OK) as server,
            client_of(
                server,
                api_key=Secret("sk-1", "env:KEY"),
                headers={"x-team": "blue"},
                query={"api-version": "2024 a"},
            ) as client,
        ):
            await read_once(client, b'{"model":"m"}')
            assert server.requests == [
                b"POST /v1/chat/completions?api-version=2024+a HTTP/1.1\r\n"
                b"host: 127.0.0.1:%d\r\n"
                b"user-agent: freehold/%b\r\n"
                b"accept: application/json, text/event-stream\r\n"
                b"accept-encoding: identity\r\n"
                b"content-type: application/json\r\n"
                b"x-team: blue\r\n"
                b"authorization: Bearer sk-1\r\n"
                b"content-length: 13\r\n\r\n"
                b'{"model":"m"}' % (server.port, __version__.encode())
            ]

    run(main())


@on_both_loops
def test_a_key_may_travel_in_a_header_of_its_own(run: Run) -> None:
    async def main() -> None:
        async with (
            ByteServer(OK) as server,
            client_of(server, api_key=Secret("sk-1", "env:KEY"), auth="api-key") as client,
        ):
            await read_once(client)
            assert b"\r\napi-key: sk-1\r\n" in server.requests[0]
            assert b"authorization" not in server.requests[0].lower()

    run(main())


@on_both_loops
def test_a_connection_is_used_again(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK) as server, client_of(server) as client:
            for _ in range(5):
                assert await read_once(client) == (200, b'{"ok":1}')
            assert [len(seen.requests) for seen in server.connections] == [5]

    run(main())


@pytest.mark.parametrize("end", [Do.END, Do.RESET])
@on_both_loops
def test_a_stale_connection_is_replaced_once(run: Run, end: Do) -> None:
    async def main() -> None:
        async with ByteServer(OK, [end], OK) as server, client_of(server) as client:
            await read_once(client, b"1")
            assert await read_once(client, b"2") == (200, b'{"ok":1}')
            assert [request[-1:] for request in server.requests] == [b"1", b"2", b"2"]
            assert len(server.connections) == 2

    run(main())


@on_both_loops
def test_a_stale_connection_is_not_replaced_twice(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK, [Do.END]) as server, client_of(server) as client:
            await read_once(client)
            with pytest.raises(ProviderUnreachable):
                await read_once(client)
            assert len(server.requests) == 3

    run(main())


@on_both_loops
def test_a_connection_that_breaks_late_is_not_replaced(run: Run) -> None:
    """The provider may have worked on the request: asked again, it might bill it twice."""

    async def main() -> None:
        patient = Timeouts(first_token=10.0)
        late: Answer = [1.1, Do.END]
        async with ByteServer(OK, late, OK) as server, client_of(server, timeouts=patient) as client:
            await read_once(client, b"1")
            with pytest.raises(ProviderUnreachable):
                await read_once(client, b"2")
            assert [request[-1:] for request in server.requests] == [b"1", b"2"]

    run(main())


@on_both_loops
def test_a_fresh_connection_is_not_replaced(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([Do.END]) as server, client_of(server) as client:
            with pytest.raises(ProviderUnreachable):
                await read_once(client)
            assert len(server.requests) == 1

    run(main())


@on_both_loops
def test_a_connection_that_said_something_is_not_replaced(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK, [b"HTTP/1.1 2", 0.02, Do.END]) as server, client_of(server) as client:
            await read_once(client)
            with pytest.raises(ProviderBroken):
                await read_once(client)
            assert len(server.requests) == 2

    run(main())


BODIES: dict[str, tuple[Answer, bytes]] = {
    "length": ([whole(b"hello")], b"hello"),
    "length, slowly": ([whole(b"hello")[:-3], 0.01, b"l", 0.01, b"lo"], b"hello"),
    "empty": ([whole(b"")], b""),
    "chunked": ([STREAM_HEAD, chunk(b"hel"), 0.01, chunk(b"lo"), LAST_CHUNK], b"hello"),
    "chunked with trailers": ([STREAM_HEAD, chunk(b"hello"), b"0\r\nx-after: 1\r\n\r\n"], b"hello"),
    "to the end": ([b"HTTP/1.1 200 OK\r\n\r\nhel", 0.01, b"lo", Do.END], b"hello"),
    "HTTP/1.0": ([b"HTTP/1.0 200 OK\r\n\r\nhello", Do.END], b"hello"),
}


@pytest.mark.parametrize(("answer", "body"), BODIES.values(), ids=BODIES.keys())
@on_both_loops
def test_bodies_of_every_framing_are_read(run: Run, answer: Answer, body: bytes) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server, client_of(server) as client:
            assert await read_once(client) == (200, body)
            response = await client.send("chat", "m", b"{}")
            assert await read_in_parts(response) == body
            assert await response.read_some() == b""
            response.close()

    run(main())


CUTS: dict[str, Answer] = {
    "length": [whole(b"hello")[:-1], 0.01, Do.END],
    "chunked": [STREAM_HEAD, chunk(b"hello"), 0.01, Do.END],
    "within a chunk": [STREAM_HEAD, b"9\r\nhel", 0.01, Do.END],
    "a trailer without end": [STREAM_HEAD, chunk(b"hello"), b"0\r\nx: ", b"a" * 400_000, Do.HOLD],
    "a size without end": [STREAM_HEAD, chunk(b"hello"), b"1;x=", b"a" * 400_000, Do.HOLD],
    "not a chunk": [STREAM_HEAD, b"zz\r\nhel"],
    "to the end, reset": [b"HTTP/1.1 200 OK\r\n\r\nhel", 0.01, Do.RESET],
}


@pytest.mark.parametrize("answer", CUTS.values(), ids=CUTS.keys())
@on_both_loops
def test_a_body_that_is_cut_is_never_taken_for_whole(run: Run, answer: Answer) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server, client_of(server) as client:
            with pytest.raises(ProviderBroken):
                await read_once(client)
            with pytest.raises(ProviderBroken):
                response = await client.send("chat", "m", b"{}")
                try:
                    await read_in_parts(response)
                finally:
                    response.close()
            assert len(server.connections) == 2

    run(main())


@on_both_loops
def test_a_trailer_is_no_header(run: Run) -> None:
    async def main() -> None:
        trailer = b"0\r\nretry-after: 5\r\n\r\n"
        async with ByteServer([STREAM_HEAD, chunk(b"a"), trailer]) as server, client_of(server) as client:
            response = await client.send("chat", "m", b"{}")
            await response.read()
            assert response.header(b"retry-after") is None
            response.close()

    run(main())


@on_both_loops
def test_interim_answers_are_passed_over(run: Run) -> None:
    async def main() -> None:
        interim = (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 9\r\n\r\n",
        )
        async with (
            ByteServer(
                [interim[0] + interim[1] + OK[0]], [interim[0], 0.01, interim[1], 0.01, OK[0]]
            ) as server,
            client_of(server) as client,
        ):
            for _ in range(2):
                response = await client.send("chat", "m", b"{}")
                assert response.status == 200
                assert response.header(b"link") is None
                assert response.header(b"content-length") == b"8"
                assert await response.read() == b'{"ok":1}'
                response.close()
            assert len(server.connections) == 1

    run(main())


NOT_HTTP: dict[str, Answer] = {
    "not HTTP": [b"SSH-2.0-OpenSSH_9.2\r\n"],
    "another protocol": [b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"],
    "a header without end": [b"HTTP/1.1 200 OK\r\nx: ", b"a" * 400_000],
    "headers without end": [b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 70_000],
    "interim answers without end": [b"HTTP/1.1 100 Continue\r\n\r\n" * 20, Do.REPEAT],
    "two lengths": [b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
}


@pytest.mark.parametrize("answer", NOT_HTTP.values(), ids=NOT_HTTP.keys())
@on_both_loops
def test_what_is_not_an_answer_is_refused(run: Run, answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ByteServer([*answer, Do.HOLD]) as server, client_of(server) as client:
            with pytest.raises(ProviderBroken):
                await read_once(client)
            await server.all_ended()

    run(main())
    assert not caplog.records  # the event loop caught nothing of ours


SURPLUS = {
    "a second answer": whole(b"attack", status=b"500 No"),
    "a second head": b"HTTP/1.1 500 No\r\nx-injected: 1\r\n",
    "not HTTP": b"surplus",
}


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS.keys())
@on_both_loops
def test_what_follows_an_answer_changes_nothing_of_it(run: Run, surplus: bytes) -> None:
    async def main() -> None:
        async with ByteServer([OK[0] + surplus, Do.HOLD], OK) as server, client_of(server) as client:
            response = await client.send("chat", "m", b"{}")
            assert response.status == 200
            assert response.header(b"x-injected") is None
            assert await response.read() == b'{"ok":1}'
            response.close()
            assert await read_once(client) == (200, b'{"ok":1}')
            assert len(server.connections) == 2

    run(main())


@on_both_loops
def test_a_connection_that_speaks_unasked_is_dropped(run: Run) -> None:
    async def main() -> None:
        late = whole(b"too slow", status=b"408 Request Timeout")
        async with ByteServer([OK[0], 0.01, late, Do.HOLD], OK) as server, client_of(server) as client:
            await read_once(client)
            await server.all_ended()
            assert await read_once(client) == (200, b'{"ok":1}')

    run(main())


CLOSING: dict[str, Answer] = {
    "connection: close": [whole(b"{}", b"connection: close")],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"],
}


@pytest.mark.parametrize("answer", CLOSING.values(), ids=CLOSING.keys())
@on_both_loops
def test_a_connection_that_is_to_be_closed_is_not_used_again(run: Run, answer: Answer) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server, client_of(server) as client:
            for _ in range(2):
                assert await read_once(client) == (200, b"{}")
            assert len(server.connections) == 2

    run(main())


@on_both_loops
def test_keeping_connections_can_be_switched_off(run: Run) -> None:
    async def main() -> None:
        answer = whole(b"{}", b"connection: close")
        async with ByteServer([answer]) as server, client_of(server, keep_alive=False) as client:
            await read_once(client)
            assert b"\r\nconnection: close\r\n" in server.requests[0]

    run(main())


@on_both_loops
def test_an_answer_before_the_request_was_read_ends_the_connection(run: Run) -> None:
    async def main() -> None:
        answer: Answer = [whole(b"{}", status=b"413 Too Large"), Do.HOLD]
        async with ByteServer(answer, reads_bodies=False) as server, client_of(server) as client:
            for _ in range(2):
                assert await read_once(client, b"x" * 20_000_000) == (413, b"{}")
            assert len(server.connections) == 2

    run(main())


def test_an_answer_without_end_is_refused_at_the_limit() -> None:
    async def main() -> None:
        async with (
            ByteServer([b"HTTP/1.1 200 OK\r\n\r\n", Do.FLOOD]) as server,
            client_of(server) as client,
        ):
            with pytest.raises(ProviderBroken, match=str(MAX_ANSWER_BYTES)):
                await read_once(client)
            await server.all_ended()
            assert server.connections[0].taken < MAX_ANSWER_BYTES + 32 * 1024 * 1024

    run_on_uvloop(main())


@on_both_loops
def test_closing_twice_does_not_take_the_connection_from_the_next(run: Run) -> None:
    async def main() -> None:
        slow: Answer = [OK[0][:-3], 0.02, OK[0][-3:]]
        async with ByteServer(OK, slow) as server, client_of(server) as client:
            first = await client.send("chat", "m", b"1")
            await first.read()
            first.close()
            second = await client.send("chat", "m", b"2")
            first.close()
            assert await second.read() == b'{"ok":1}'
            second.close()
            assert len(server.connections) == 1

    run(main())


@on_both_loops
def test_the_list_of_models_survives_a_stale_connection(run: Run) -> None:
    async def main() -> None:
        async with ByteServer(OK, [Do.END], [whole(b'{"data":[]}')]) as server, client_of(server) as client:
            await read_once(client)
            assert await client.list_models() == b'{"data":[]}'
            assert server.requests[-1].startswith(b"GET /v1/models HTTP/1.1\r\n")

    run(main())


@on_both_loops
def test_a_refused_list_of_models_tells_the_status(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([whole(b"no", status=b"401 No")]) as server, client_of(server) as client:
            with pytest.raises(ProviderRefused) as caught:
                await client.list_models()
            assert caught.value.provider_status == 401

    run(main())
