"""A model that answers by a function of what it is asked, for data whose making is known beforehand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import msgspec

Says = Callable[[dict[str, Any]], str]
"""From the body of an `openai-chat` request to the text of the answer; one that ends in `…` was cut off."""


class TeachingProvider:
    """Use it as a context manager; it speaks `openai-chat` without streams."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.asked: list[dict[str, Any]] = []
        """The bodies of all requests."""
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """For the configuration."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer_to(self, body: bytes) -> bytes:
        """The whole answer."""
        request = msgspec.json.decode(body)
        with self._lock:
            self.asked.append(request)
            text = self.says(request)
        reason = "length" if text.endswith("…") else "stop"
        message = {"role": "assistant", "content": text}
        return msgspec.json.encode(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
            }
        )

    def __enter__(self) -> Self:
        teacher = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                answer = teacher.answer_to(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Whoever asked is gone: that is what is tested."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def said(request: dict[str, Any]) -> str:
    """The last thing that was asked."""
    return str(request["messages"][-1]["content"])
