"""A provider that says word for word what it was told to, for answers that are known by their bytes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import msgspec


class ToldProvider:
    """Gives the first request the first answer, and so on; the last one stays. Use it as a context manager."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        """The bodies of the requests since it was told what to say, decoded."""
        self._answers: list[bytes] = []
        self._lock = threading.Lock()

    def tell(self, *answers: bytes) -> None:
        """What to say. An answer that begins with `data:` or `event:` is a stream of events, any other one is JSON."""
        with self._lock:
            self._answers = list(answers)
            self.asked.clear()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer_to(self, body: bytes) -> bytes:
        """The next answer."""
        with self._lock:
            self.asked.append(msgspec.json.decode(body))
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def __enter__(self) -> Self:
        told = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                answer = told.answer_to(self.rfile.read(int(self.headers["content-length"])))
                is_stream = answer.startswith((b"data:", b"event:"))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def data_events(*values: Any) -> bytes:
    """A stream of events without names."""
    return b"".join(b"data: " + msgspec.json.encode(value) + b"\n\n" for value in values)
