"""A server that speaks as much of S3 as files need: objects, ranges, lists, uploads in parts.

Signatures have to be there; whether they are right it does not check.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

KEY_ID = "AKIDEXAMPLE"


class ObjectStore:
    """What it holds, and what it was asked."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        """`bucket/key` -> content."""
        self.parts: dict[str, dict[int, bytes]] = {}
        """Uploads that are not complete."""
        self.uploads = 0
        self.unsigned: list[str] = []
        """Requests that nobody signed."""
        self.fail_puts = False
        """Whether everything that is sent is refused."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def storing() -> Iterator[ObjectStore]:
    """A server that runs until the end."""
    store = ObjectStore()
    thread = threading.Thread(target=store.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.server.shutdown()
        store.server.server_close()
        thread.join()


def _handler_of(store: ObjectStore) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        held = store

    return Handler


class _Handler(BaseHTTPRequestHandler):
    held: ObjectStore
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = self._target()
        if "list-type" in query:
            self._list(path, query)
            return
        content = self.held.objects.get(path)
        if content is None:
            self._answer(404, _error("NoSuchKey"))
            return
        given = self.headers.get("range")
        if given is None:
            self._answer(200, content)
            return
        first, last = given.removeprefix("bytes=").split("-")
        part = content[int(first) : int(last) + 1 if last else None]
        self._answer(
            206, part, {"content-range": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"}
        )

    def do_HEAD(self) -> None:
        path, _ = self._target()
        content = self.held.objects.get(path)
        is_bucket = "/" not in path
        status = 200 if content is not None or is_bucket else 404
        self._answer(status, b"", {"content-length": str(len(content or b""))})

    def do_PUT(self) -> None:
        path, query = self._target()
        content = self._body()
        if self.held.fail_puts:
            self._answer(403, _error("AccessDenied"))
        elif "uploadId" in query:
            self.held.parts[query["uploadId"][0]][int(query["partNumber"][0])] = content
            self._answer(200, b"", {"etag": '"part"'})
        else:
            self.held.objects[path] = content
            self._answer(200, b"", {"etag": '"whole"'})

    def do_POST(self) -> None:
        path, query = self._target()
        self._body()
        if self.held.fail_puts:
            self._answer(403, _error("AccessDenied"))
        elif "uploads" in query:
            self.held.uploads += 1
            upload = f"upload-{self.held.uploads}"
            self.held.parts[upload] = {}
            bucket, _, key = path.partition("/")
            told = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            self._answer(200, _xml("InitiateMultipartUploadResult", told))
        elif "uploadId" in query:
            parts = self.held.parts.pop(query["uploadId"][0])
            self.held.objects[path] = b"".join(parts[number] for number in sorted(parts))
            self._answer(200, _xml("CompleteMultipartUploadResult", '<ETag>"whole"</ETag>'))
        else:
            self._answer(400, _error("InvalidRequest"))

    def do_DELETE(self) -> None:
        path, query = self._target()
        if "uploadId" in query:
            self.held.parts.pop(query["uploadId"][0], None)
        self.held.objects.pop(path, None)
        self._answer(204, b"")

    def log_message(self, *_: object) -> None:
        """Nobody wants to read it."""

    def _target(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        if f"Credential={KEY_ID}/" not in self.headers.get("authorization", ""):
            self.held.unsigned.append(self.path)
        return unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            content = b"".join(self._chunks())
        else:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
        if "aws-chunked" in self.headers.get("content-encoding", ""):
            return b"".join(_unchunked(content))
        return content

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        keys = [name.partition("/")[2] for name in self.held.objects if name.startswith(f"{bucket}/{prefix}")]
        told = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.held.objects[f'{bucket}/{key}'])}</Size></Contents>"
            for key in sorted(keys)
        )
        count = f"<KeyCount>{len(keys)}</KeyCount><IsTruncated>false</IsTruncated>"
        self._answer(200, _xml("ListBucketResult", f"<Name>{bucket}</Name>{count}{told}"))

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        told = {"content-length": str(len(content)), **(headers or {})}
        if status == 204:
            told.pop("content-length")
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _unchunked(content: bytes) -> Iterator[bytes]:
    while content:
        line, _, content = content.partition(b"\r\n")
        size = int(line.partition(b";")[0] or b"0", 16)
        if not size:
            return
        yield content[:size]
        content = content[size + 2 :]


def _xml(name: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{name}>{inner}</{name}>'.encode()


def _error(code: str) -> bytes:
    return _xml("Error", f"<Code>{code}</Code><Message>{code}</Message>")
