"""Thousands of clients, each of which reads its stream as slowly as it can. Runs as a process of its own.

It sends one request on each connection and then reads from every connection a little, once a
second. It prints one line of JSON when all have an answer (`{"answered": n, ...}`), goes on
until its standard input ends, and prints a second one about the whole.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import resource
import select
import socket
import sys
import time
from collections import Counter

_WINDOW = 4096
"""Bytes that the kernel may take for a connection before the sender has to wait."""
_SIP = 512
"""Bytes read from a connection at once."""


class Reader:
    """One connection."""

    __slots__ = ("asked", "connection", "ended", "head", "received")

    def __init__(self, port: int) -> None:
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        self.connection.setblocking(False)
        self.head = b""
        self.received = 0
        self.asked = False
        self.ended: str | None = None
        code = self.connection.connect_ex(("127.0.0.1", port))
        if code not in (0, errno.EINPROGRESS):
            self.ended = errno.errorcode[code]

    def sip(self) -> None:
        """Reads a little, if there is anything."""
        try:
            data = self.connection.recv(_SIP)
        except BlockingIOError:
            return
        except OSError as error:
            self.ended = errno.errorcode[error.errno or 0]
            return
        if not data:
            self.ended = "FIN"
        elif not self.head:
            self.head = data[:12]
        self.received += len(data)


class Crowd:
    """All readers; never more than `at_once` of them wait for the beginning of their answer."""

    def __init__(self, port: int, request: bytes, at_once: int) -> None:
        self.readers: list[Reader] = []
        self._port = port
        self._request = request
        self._at_once = at_once
        self._poll = select.epoll()
        self._unanswered: dict[int, Reader] = {}

    def gather(self, count: int, limit: float) -> None:
        """Connects, asks and takes the first sip of every answer; returns when all have it, or after the limit."""
        end = time.monotonic() + limit
        sipped = time.monotonic()
        while (len(self.readers) < count or self._unanswered) and time.monotonic() < end:
            while len(self.readers) < count and len(self._unanswered) < self._at_once:
                self._add()
            for number, _ in self._poll.poll(0.1):
                self._go_on(number)
            if time.monotonic() - sipped > 1:
                sipped = time.monotonic()
                self.sip()
        self._poll.close()

    def sip(self) -> None:
        """Everybody reads a little."""
        for reader in self.readers:
            if reader.ended is None and reader.head:
                reader.sip()

    def _add(self) -> None:
        reader = Reader(self._port)
        self.readers.append(reader)
        if reader.ended is None:
            number = reader.connection.fileno()
            self._unanswered[number] = reader
            self._poll.register(number, select.EPOLLOUT)

    def _go_on(self, number: int) -> None:
        reader = self._unanswered[number]
        if not reader.asked:
            code = reader.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                reader.ended = errno.errorcode[code]
            else:
                reader.connection.send(self._request)
                reader.asked = True
                self._poll.modify(number, select.EPOLLIN)
        else:
            reader.sip()
        if reader.head or reader.ended is not None:
            self._poll.unregister(number)
            del self._unanswered[number]


def _summary(readers: list[Reader], seconds: float) -> str:
    return json.dumps(
        {
            "answered": sum(len(reader.head) >= 12 for reader in readers),
            "statuses": Counter(reader.head[9:12].decode("latin-1") for reader in readers),
            "ended": Counter(reader.ended for reader in readers if reader.ended is not None),
            "bytes": sum(reader.received for reader in readers),
            "least": min(reader.received for reader in readers),
            "seconds": round(seconds, 2),
        }
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--key", default="none")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--at-once", type=int, default=200, help="most clients that wait for an answer")
    parser.add_argument("--limit", type=float, default=45.0, help="seconds to wait for all answers")
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    body = json.dumps(
        {"model": chosen.model, "stream": True, "messages": [{"role": "user", "content": "go on"}]}
    )
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {chosen.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()
    began = time.monotonic()
    crowd = Crowd(chosen.port, request, chosen.at_once)
    crowd.gather(chosen.count, chosen.limit)
    sys.stdout.write(_summary(crowd.readers, time.monotonic() - began) + "\n")
    sys.stdout.flush()
    os.set_blocking(sys.stdin.fileno(), False)
    while True:
        next_round = time.monotonic() + 1
        crowd.sip()
        ready, _, _ = select.select([sys.stdin], [], [], max(0.0, next_round - time.monotonic()))
        if ready and not sys.stdin.buffer.read():
            break
    sys.stdout.write(_summary(crowd.readers, time.monotonic() - began) + "\n")
    for reader in crowd.readers:
        reader.connection.close()


main()
