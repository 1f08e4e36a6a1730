"""However an answer's bytes are cut, the same answer is read; whatever bytes come, nothing else is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from byte_server import LAST_CHUNK, chunk, whole
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.providers.http.connection import BrokenAnswer, Connection


class Wire(asyncio.Transport):
    """A transport without a network: it remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.gone = True


@dataclass(frozen=True)
class Read:
    """What was read of an answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    complete: bool
    reusable: bool
    broken: bool


def read(pieces: Iterable[bytes], *, closed: bool) -> Read:
    """What a connection makes of `pieces`, and then of the provider's end of the connection if `closed`."""

    async def main() -> Read:
        connection = Connection(asyncio.get_running_loop())
        wire = Wire()
        connection.connection_made(wire)
        connection.send(b"POST / HTTP/1.1\r\ncontent-length: ", b"{}")
        assert wire.written == b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
        for piece in pieces:
            if not wire.gone:
                connection.data_received(piece)
        reusable = connection.reusable
        if closed or wire.gone:
            connection.connection_lost(None)
        broken = False
        try:
            async with asyncio.timeout(0):
                while not connection.complete:
                    await connection.wait_for_more(1 << 20)
        except BrokenAnswer:
            broken = True
        except TimeoutError:
            pass
        headers = tuple(connection.headers) if connection.status else ()
        complete = connection.complete
        body = connection.take() if complete else b""
        return Read(connection.status, headers, body, complete, reusable, broken)

    return asyncio.run(main())


def cut(data: bytes, positions: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(position % (len(data) + 1) for position in positions)})
    return [data[start:stop] for start, stop in pairwise(at)]


BODY = b"caf\xc3\xa9 " * 5
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWERS = [
    whole(BODY),
    whole(BODY, b"connection: close"),
    whole(b"", status=b"429 Too Many Requests"),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    CHUNKED + chunk(BODY) + chunk(b"x") + LAST_CHUNK,
    CHUNKED + b"5;name=value\r\nhello\r\n0\r\nx-after: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + whole(BODY),
    b"HTTP/1.1 200 OK\r\nX-Empty:\r\nx-two: 1\r\nx-two: 2\r\n\r\n" + BODY,
    b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok",
    whole(BODY) + whole(b"second", status=b"500 No"),
    whole(BODY) + b"surplus",
    whole(BODY)[:-3],
    CHUNKED + chunk(BODY),
    CHUNKED + b"zz\r\n",
    b"SSH-2.0-x\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw",
    b"HTTP/1.1 200 OK\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok",
]
positions = st.lists(st.integers(0, 2000), max_size=8)


@examples
@given(answer=st.sampled_from(ANSWERS), at=positions, closed=st.booleans())
def test_cuts_make_no_difference(answer: bytes, at: list[int], closed: bool) -> None:
    assert read(cut(answer, at), closed=closed) == read([answer], closed=closed)


@examples
@given(
    answer=st.sampled_from(ANSWERS),
    at=st.integers(0, 300),
    noise=st.binary(min_size=1, max_size=6),
    cuts=positions,
    closed=st.booleans(),
)
def test_damaged_answers_raise_nothing_else(
    answer: bytes, at: int, noise: bytes, cuts: list[int], closed: bool
) -> None:
    damaged = answer[:at] + noise + answer[at + len(noise) :]
    found = read(cut(damaged, cuts), closed=closed)
    assert not (found.reusable and not found.complete)
    assert not (closed and not found.complete and not found.broken)


def test_what_is_read_of_each_answer() -> None:
    """The cuts above compare; this says what with."""
    found = [read([answer], closed=True) for answer in ANSWERS]
    assert [one.status for one in found] == [
        200, 200, 429, 204, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 0, 0, 200
    ]  # fmt: skip
    assert [one.body for one in found[:10]] == [
        BODY, BODY, b"", b"", BODY + b"x", b"hello", BODY, BODY, BODY, b"ok"
    ]  # fmt: skip
    assert [one.complete for one in found] == [True] * 12 + [False] * 5 + [True]
    assert [one.broken for one in found] == [False] * 12 + [True] * 5 + [False]
    reusable = [read([answer], closed=False).reusable for answer in ANSWERS]
    assert reusable == [True, False, *[True] * 5, False, False, True, *[False] * 7, True]
    assert found[10].body == found[11].body == BODY
    assert (b"x-two", b"1") in found[7].headers
