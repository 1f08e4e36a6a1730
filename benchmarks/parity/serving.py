"""The files that requests name by URL, on loopback."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.parity.features.files import FILES, PDF, PICTURE

_KINDS = {
    "cat.png": ("image/png", base64.b64decode(PICTURE)),
    "report.pdf": ("application/pdf", base64.b64decode(PDF)),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, data = _KINDS[self.path.strip("/")]
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Their URL, without a path."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def placed(written: Any, url: str) -> Any:
    """A request that names the files where they are served."""
    if isinstance(written, dict):
        return {key: placed(one, url) for key, one in written.items()}
    if isinstance(written, list):
        return [placed(one, url) for one in written]
    return written.replace(FILES, url) if isinstance(written, str) else written


def resolved(understood: Any, url: str) -> Any:
    """A description in which a file is the same whether it came itself or was named by its URL."""
    if isinstance(understood, list):
        return [resolved(one, url) for one in understood]
    if not isinstance(understood, dict):
        return understood
    reference = understood.get("reference")
    if isinstance(reference, str) and reference.startswith(url):
        data = _KINDS[reference.rpartition("/")[2]][1]
        return {"media": understood["media"], "sha256": sha256(data).hexdigest()}
    return {key: resolved(one, url) for key, one in understood.items()}
