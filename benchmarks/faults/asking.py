"""A client that asks a question, reads the answer as it comes, and knows what it should have been."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

import httptools
import msgspec

from freehold.providers.simulated.words import recital

from .sicknesses import WORDS

DEADLINE = 10.0
"""Seconds within which an answer is of use."""
_HANGS_AFTER = DEADLINE + 3.0

Verdict = Literal["right", "late", "refused", "broken", "truncated", "duplicated", "wrong", "hung"]
"""
right       everything, once, inside the deadline
late        right, but too late
refused     an error instead of an answer
broken      a stream that ended with an error, or with its connection
truncated   an end as if it were complete, with something missing
duplicated  something came twice
wrong       anything else
hung        no end, seconds after the deadline
"""


class Outcome(msgspec.Struct):
    """What a client saw of one call."""

    group: str
    fault: str
    streamed: bool
    verdict: Verdict
    first_s: float | None
    """Until the first word."""
    seconds: float
    words: int
    """Words of the answer that came."""
    told: str
    """Status and the end of what came, where it was not right."""


class _Reading:
    """The answer as far as it came."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.complete = False
        self.first_at: float | None = None

    def on_body(self, body: bytes) -> None:
        """Some more of it."""
        self.body += body
        if self.first_at is None and b'"content":"' in self.body.replace(b'"content":""', b"").replace(
            b": ", b":"
        ):
            self.first_at = time.monotonic()

    def on_message_complete(self) -> None:
        """All of it, as far as HTTP knows."""
        self.complete = True


async def ask(
    port: int,
    key: str,
    model: str,
    question: str,
    *,
    streamed: bool,
    fault: str,
    group: str,
    patience: float = _HANGS_AFTER,
) -> Outcome:
    """Ask once, on a connection of its own, and judge what comes."""
    began = time.monotonic()
    reading = _Reading()
    hung = False
    try:
        async with asyncio.timeout(patience):
            await _exchange(port, _request(key, model, question, streamed=streamed), reading)
    except TimeoutError:
        hung = True
    except (OSError, httptools.HttpParserError):
        pass
    seconds = time.monotonic() - began
    status = reading.parser.get_status_code() if reading.body or reading.complete else 0
    text, ended, failed = _said(bytes(reading.body), streamed=streamed)
    verdict = _verdict(
        text, recital(question, WORDS), ended=ended and reading.complete, failed=failed or status != 200
    )
    if hung:
        verdict = "hung"
    elif verdict == "right" and seconds > DEADLINE:
        verdict = "late"
    elif status != 200:
        verdict = "refused"
    first = None if reading.first_at is None else reading.first_at - began
    told = "" if verdict == "right" else f"{status} …{bytes(reading.body[-300:]).decode(errors='replace')}"
    return Outcome(group, fault, streamed, verdict, first, seconds, len(text.split()), told)


def _request(key: str, model: str, question: str, *, streamed: bool) -> bytes:
    body = msgspec.json.encode(
        {"model": model, "stream": streamed, "messages": [{"role": "user", "content": question}]}
    )
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body


async def _exchange(port: int, request: bytes, reading: _Reading) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        while not reading.complete and (piece := await reader.read(65536)):
            reading.parser.feed_data(piece)
    finally:
        writer.transport.abort()


def _said(body: bytes, *, streamed: bool) -> tuple[str, bool, bool]:
    """The text of an answer, whether it says that it is complete, and whether it says that it failed."""
    if not streamed:
        try:
            choice = msgspec.json.decode(body)["choices"][0]
            return choice["message"]["content"] or "", choice["finish_reason"] is not None, False
        except (msgspec.DecodeError, LookupError, TypeError):
            return "", False, True
    text, ended, failed = "", False, False
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        for line in event.split(b"\n"):
            if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
                continue
            try:
                read: dict[str, Any] = msgspec.json.decode(line[5:])
            except msgspec.DecodeError:
                failed = True
                continue
            failed = failed or "error" in read
            for choice in read.get("choices") or ():
                text += (choice.get("delta") or {}).get("content") or ""
                ended = ended or choice.get("finish_reason") is not None
    return text, ended, failed


def _verdict(text: str, wanted: str, *, ended: bool, failed: bool) -> Verdict:
    if text == wanted and ended and not failed:
        return "right"
    words = text.split()
    if len(words) != len(set(words)):
        return "duplicated"
    if failed or not ended:
        return "broken"
    return "truncated" if wanted.startswith(text) else "wrong"
