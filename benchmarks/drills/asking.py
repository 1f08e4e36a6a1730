"""A client that asks in one of the dialects, reads the answer as it comes, and knows what it should have been."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import httptools
import msgspec

from benchmarks.faults.sicknesses import WORDS
from freehold.providers.simulated.words import recital

from .dialects import Dialect, Heard, Message

DEADLINE = 10.0
"""Seconds within which an answer is of use: that of the routes."""
_HANGS_AFTER = DEADLINE + 3.0

Verdict = Literal["right", "late", "refused", "broken", "silent", "truncated", "duplicated", "wrong", "hung"]
"""
right       everything, once, inside the deadline
late        right, but too late
refused     an error in the client's dialect in place of an answer
broken      a stream that ended with a proper error in the client's dialect
silent      the connection ended, and neither an end nor an error was told
truncated   an end as if it were complete, with something missing
duplicated  something came twice
wrong       anything else
hung        no end, seconds after the deadline
"""


class Outcome(msgspec.Struct):
    """What a client saw of one call."""

    policy: str
    fault: str
    dialect: str
    streamed: bool
    verdict: Verdict
    seconds: float
    lag: float
    """Seconds by which the call went out late, as the load's own process was busy."""
    call: str
    """Its id on record."""
    told: str
    """Status and the end of what came, where it was not right."""
    follows: str | None = None
    """The call whose tool call it answers."""


class _Reading:
    """The answer as far as it came."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.complete = False
        self.call = ""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if name.lower() == b"x-freehold-call":
            self.call = value.decode()

    def on_body(self, body: bytes) -> None:
        """Some more of it."""
        self.body += body

    def on_message_complete(self) -> None:
        """All of it, as far as HTTP knows."""
        self.complete = True


class Question(msgspec.Struct, frozen=True):
    """What is asked, where, and how."""

    policy: str
    fault: str
    route: str
    dialect: Dialect
    said: list[Message]
    streamed: bool
    conversation: str | None = None
    tools: list[object] = []
    follows: str | None = None


async def ask(port: int, key: str, question: Question, due: float) -> Outcome:
    """Ask once, on a connection of its own, and judge what comes. `due`: when the call should have gone out."""
    began = time.monotonic()
    reading, hung = _Reading(), False
    try:
        async with asyncio.timeout(_HANGS_AFTER):
            await _exchange(port, _request(key, question), reading)
    except TimeoutError:
        hung = True
    except (OSError, httptools.HttpParserError):
        pass
    seconds = time.monotonic() - began
    status = reading.parser.get_status_code() if reading.body or reading.complete else 0
    verdict = _verdict(question, bytes(reading.body), status, complete=reading.complete)
    if hung:
        verdict = "hung"
    elif verdict == "right" and seconds > DEADLINE:
        verdict = "late"
    told = "" if verdict == "right" else f"{status} …{bytes(reading.body[-300:]).decode(errors='replace')}"
    return Outcome(
        question.policy,
        question.fault,
        question.dialect.name,
        question.streamed,
        verdict,
        seconds,
        began - due,
        reading.call,
        told,
        question.follows,
    )


def _request(key: str, question: Question) -> bytes:
    dialect = question.dialect
    fields = dialect.body(question.route, question.said, question.streamed)
    if question.tools:
        fields["tools"] = question.tools
    body = msgspec.json.encode(fields)
    named = "" if question.conversation is None else f"x-freehold-conversation: {question.conversation}\r\n"
    return (
        f"POST {dialect.path(question.route, question.streamed)} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {key}\r\nanthropic-version: 2023-06-01\r\n{named}"
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


def _verdict(question: Question, body: bytes, status: int, *, complete: bool) -> Verdict:
    if status != 200:
        proper = complete and question.dialect.is_error(_object(body))
        return "refused" if proper else "silent"
    heard = Heard()
    try:
        if question.streamed:
            for event in _events(body):
                question.dialect.hear(heard, event)
        else:
            question.dialect.read(heard, _object(body))
            if heard.failed:  # an error that says it is an answer
                return "silent"
    except (LookupError, TypeError):
        return "silent"
    last = question.said[-1]
    # The provider recites by what was said in words; what a tool gave is none to it.
    wanted = recital("" if last["role"] == "tool" else last["content"], WORDS)
    return _judged(heard, wanted)


def _judged(heard: Heard, wanted: str) -> Verdict:
    if heard.text == wanted and heard.ended and not heard.failed:
        return "right"
    words = heard.text.split()
    if len(words) != len(set(words)):
        return "duplicated"
    if heard.failed:
        return "broken"
    if not heard.ended:
        return "silent"
    return "truncated" if wanted.startswith(heard.text) else "wrong"


def _object(body: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _events(body: bytes) -> list[dict[str, object]]:
    lines = [
        line[5:].strip()
        for event in body.replace(b"\r\n", b"\n").split(b"\n\n")
        for line in event.split(b"\n")
        if line.startswith(b"data:")
    ]
    return [_object(line) for line in lines if line != b"[DONE]"]
