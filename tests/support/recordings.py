"""Recorded exchanges of real providers, for whoever has them: without the folder the tests that need it are skipped."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "wire"

needs_recordings = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded exchanges are not here")


class Exchange(msgspec.Struct, kw_only=True):
    """One recorded HTTP exchange."""

    file: str
    provider: str
    method: str
    uri: str
    status: int
    content_type: str | None = None
    features: list[str] = []
    model: str | None = None
    request_body: Any = None
    request_body_kind: str | None = None
    response_headers: Any = None
    response_body: Any = None
    response_body_kind: str | None = None
    i: int = 0

    @property
    def name(self) -> str:
        """For the names of tests and reports."""
        return f"{self.provider}:{Path(self.file).stem}:{self.i}"

    @property
    def path(self) -> str:
        """The URI's path."""
        return "/" + self.uri.split("://", 1)[-1].split("?", 1)[0].split("/", 1)[-1]

    @property
    def request(self) -> bytes:
        """The request's bytes; empty when there was no body."""
        return _bytes(self.request_body, self.request_body_kind)

    @property
    def response(self) -> bytes:
        """The response's bytes."""
        return _bytes(self.response_body, self.response_body_kind)

    @property
    def streamed(self) -> bool:
        """Whether the response is a stream."""
        kind = self.content_type or ""
        return "event-stream" in kind or "eventstream" in kind or "stream" in self.features


class Fixture(msgspec.Struct, kw_only=True):
    """One recorded response body without its request."""

    path: str
    text: str
    package: str = "anthropic-sdk"
    kind: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream: events as they came (`.txt` of anthropic-sdk, `.sse`), or one event's data a line."""
        return self.path.endswith((".chunks.txt", ".sse", ".txt"))

    def frames(self) -> list[bytes]:
        """The stream's events."""
        text = self.text
        if self.path.endswith(".chunks.txt"):
            return [b"data: " + line.encode() for line in text.splitlines() if line.strip()]
        return [event.encode() for event in text.replace("\r\n", "\n").split("\n\n") if event.strip()]


def _bytes(body: Any, kind: str | None) -> bytes:
    if body is None:
        return b""
    if kind == "base64":
        return base64.b64decode(body)
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _lines(path: Path) -> Iterator[bytes]:
    if path.is_file():
        with gzip.open(path, "rb") as file:
            yield from file


@cache
def _exchanges() -> tuple[Exchange, ...]:
    decode = msgspec.json.Decoder(Exchange).decode
    return tuple(decode(line) for line in _lines(FOLDER / "pydantic-ai" / "interactions.jsonl.gz"))


@cache
def _fixtures() -> tuple[Fixture, ...]:
    decode = msgspec.json.Decoder(Fixture).decode
    folders = ("anthropic-sdk", "vercel-ai")
    return tuple(decode(line) for name in folders for line in _lines(FOLDER / name / "fixtures.jsonl.gz"))


def exchanges(wanted: Callable[[Exchange], bool]) -> list[Exchange]:
    """The recorded exchanges that are wanted; none when there are no recordings."""
    return [one for one in _exchanges() if wanted(one)]


def fixtures(wanted: Callable[[Fixture], bool]) -> list[Fixture]:
    """The recorded bodies that are wanted."""
    return [one for one in _fixtures() if wanted(one)]
