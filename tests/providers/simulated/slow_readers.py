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

    __slots__ = ("connection", "ended", "head", "received", "written")

    def __init__(self, port: int) -> None:
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
        self.connection.setblocking(False)
        self.head = b""
        self.received = 0
        self.written = False
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
        elif len(self.head) < 12:
            self.head += data[:12]
        self.received += len(data)


def _open(port: int, request: bytes, count: int, per_second: int) -> list[Reader]:
    """Connects and asks, so many a second; returns when every request has been written or has failed."""
    readers: list[Reader] = []
    poll = select.epoll()
    waiting: dict[int, Reader] = {}
    began = time.monotonic()
    while len(readers) < count or waiting:
        due = min(count, int((time.monotonic() - began) * per_second) + 1)
        while len(readers) < due:
            reader = Reader(port)
            readers.append(reader)
            if reader.ended is None:
                waiting[reader.connection.fileno()] = reader
                poll.register(reader.connection.fileno(), select.EPOLLOUT)
        for number, _ in poll.poll(0.01):
            reader = waiting.pop(number)
            poll.unregister(number)
            code = reader.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                reader.ended = errno.errorcode[code]
            else:
                reader.connection.send(request)
    poll.close()
    return readers


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
    parser.add_argument("--per-second", type=int, default=1500)
    parser.add_argument("--limit", type=float, default=45.0, help="seconds to wait for the answers")
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
    readers = _open(chosen.port, request, chosen.count, chosen.per_second)
    os.set_blocking(sys.stdin.fileno(), False)
    told = False
    while True:
        round_began = time.monotonic()
        for reader in readers:
            if reader.ended is None:
                reader.sip()
        settled = all(len(reader.head) >= 12 or reader.ended for reader in readers)
        if not told and (settled or time.monotonic() - began > chosen.limit):
            told = True
            sys.stdout.write(_summary(readers, time.monotonic() - began) + "\n")
            sys.stdout.flush()
        ready, _, _ = select.select([sys.stdin], [], [], max(0.0, round_began + 1 - time.monotonic()))
        if ready and not sys.stdin.buffer.read():
            break
    sys.stdout.write(_summary(readers, time.monotonic() - began) + "\n")
    for reader in readers:
        reader.connection.close()


main()
