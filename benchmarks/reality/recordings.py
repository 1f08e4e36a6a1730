"""Recorded exchanges read from a folder: every line of every `.jsonl` and `.jsonl.gz` in it, however deep.

A line is an exchange (`uri`, `status`, `request_body`, `response_body`, each with its kind) or a body alone
(`path`, `text`). Which dialect it speaks is told by its address, and by what it says where there is none.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.core.errors import FreeholdError
from freehold.wire.aws_frames import AwsEventSplitter
from freehold.wire.dialect import DialectName
from freehold.wire.sse import EventSplitter

from .aws_frames import aws_frame


@dataclass(frozen=True)
class Recorded:
    """What was recorded of one call, as far as it was."""

    name: str
    dialect: DialectName
    status: int = 200
    request: bytes | None = None
    answer: bytes | None = None
    """A whole answer."""
    frames: list[bytes] | None = None
    """A stream."""


def recordings_in(folder: Path) -> list[Recorded]:
    """Everything in the folder that speaks a dialect. Lines that cannot be read are left out."""
    found: list[Recorded] = []
    for path in sorted([*folder.rglob("*.jsonl"), *folder.rglob("*.jsonl.gz")]):
        for number, line in enumerate(_lines(path), 1):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict):
                found += _read(said, f"{path.parent.name}/{path.name.split('.')[0]}:{number}")
    return found


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield from (line for line in file if line.strip())
    except (OSError, EOFError, zlib.error):  # cut off: what came before it counts
        return


def _read(said: dict[str, Any], place: str) -> Iterator[Recorded]:
    if isinstance(said.get("uri"), str):
        name = f"{said.get('provider')}:{Path(str(said.get('file', place))).stem}:{said.get('i', 0)}"
        yield from _exchange(said, name)
    elif isinstance(said.get("text"), str):
        name = str(said.get("path", place))
        if said.get("kind") == "stream_chunks" or name.endswith((".chunks.txt", ".sse", ".txt")):
            yield from _stream(said["text"], name)
        else:
            yield from _bodies(said["text"], name)


def _exchange(said: dict[str, Any], name: str) -> Iterator[Recorded]:
    uri: str = said["uri"]
    dialect = _dialect_of_address(uri)
    status = said.get("status")
    request = _bytes(said.get("request_body"), said.get("request_body_kind"))
    response = _bytes(said.get("response_body"), said.get("response_body_kind"))
    if dialect is None or status is None or said.get("method", "POST") != "POST":
        return
    if dialect == "gemini" or uri.endswith("/invoke"):
        request = _with_address(request, uri)
    if not _is_object(request):
        request = b""  # not recorded, or cut off
    frames = answer = None
    if status == 200:
        if _is_object(response):
            answer = response
        elif response:
            frames = _frames(response, dialect)
    yield Recorded(name, dialect, int(status), request or None, answer, frames)


def _bodies(text: str, name: str) -> Iterator[Recorded]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(said, dict):
        if dialect := _dialect_of_answer(said):
            yield Recorded(name, dialect, answer=text.encode())
        return
    for at, one in enumerate(said if isinstance(said, list) else ()):
        try:
            request, response = one["request"], one["response"]
            url, status, body = request["url"], int(response["status_code"]), response["body"]
        except (KeyError, TypeError, ValueError):
            continue
        exchange = {"uri": url, "status": status, "request_body": request.get("body"), "response_body": body}
        yield from _exchange(exchange, f"{name}:{at}")


def _stream(text: str, name: str) -> Iterator[Recorded]:
    text = text.replace("\r\n", "\n")
    if text.startswith(("data:", "event:", ":")):
        frames = [event.encode() for event in text.split("\n\n") if event.strip()]
    else:
        frames = [b"data: " + line.encode() for line in text.splitlines() if line.strip()]
    dialect = None
    for frame in frames[:8]:
        try:
            said = json.loads(frame.partition(b"data:")[2])
        except (ValueError, RecursionError):
            continue
        dialect = dialect or (_dialect_of_chunk(said) if isinstance(said, dict) else None)
    if dialect == "bedrock-converse":
        events = [json.loads(frame.removeprefix(b"data: ")) for frame in frames]
        frames = [
            aws_frame(kind, json.dumps(value).encode())
            for event in events
            if isinstance(event, dict)
            for kind, value in event.items()
        ]
    if dialect is not None:
        yield Recorded(name, dialect, frames=frames)


def _dialect_of_address(uri: str) -> DialectName | None:
    path = uri.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].rstrip("/")
    if path.endswith("/chat/completions"):
        return "openai-chat"
    if path.endswith("/responses"):
        return "openai-responses"
    if path.endswith("/v1/messages") or ("anthropic" in path and path.endswith(("/invoke", "rawPredict"))):
        return "anthropic-messages"
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return "gemini"
    if "/model/" in path and path.endswith(("/converse", "/converse-stream")):
        return "bedrock-converse"
    return "cohere" if path.endswith("/v2/chat") else None


def _dialect_of_answer(said: dict[str, Any]) -> DialectName | None:
    if said.get("object") == "response" and "output" in said:
        return "openai-responses"
    if said.get("type") == "message" and "content" in said:
        return "anthropic-messages"
    if "candidates" in said or "promptFeedback" in said:
        return "gemini"
    choices = said.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return "openai-chat" if "message" in choices[0] else None
    if isinstance(said.get("output"), dict) and "message" in said["output"] and "stopReason" in said:
        return "bedrock-converse"
    return "cohere" if isinstance(said.get("message"), dict) and "finish_reason" in said else None


def _dialect_of_chunk(said: dict[str, Any]) -> DialectName | None:
    kind = str(said.get("type", ""))
    if kind.startswith("response."):
        return "openai-responses"
    if kind == "message_start":
        return "anthropic-messages"
    if kind == "message-start":
        return "cohere"
    if "candidates" in said:
        return "gemini"
    if "messageStart" in said:
        return "bedrock-converse"
    choices = said.get("choices")
    chat = isinstance(choices, list) and all(isinstance(one, dict) and "delta" in one for one in choices)
    return "openai-chat" if chat else None


def _frames(body: bytes, dialect: DialectName) -> list[bytes] | None:
    if dialect == "bedrock-converse":
        try:
            return AwsEventSplitter().feed(body)
        except (ValueError, FreeholdError):
            return None
    if body.lstrip().startswith(b"["):  # Gemini's other framing
        try:
            return [json.dumps(piece).encode() for piece in json.loads(body)]
        except (ValueError, RecursionError):
            return None
    splitter = EventSplitter()
    frames = [frame for frame in splitter.feed(body) if frame.strip()]
    rest = splitter.take_rest()
    return [*frames, rest] if rest.strip() else frames


def _bytes(body: Any, kind: Any) -> bytes:
    if body is None:
        return b""
    if kind == "base64":
        try:
            return base64.b64decode(body)
        except (binascii.Error, ValueError, TypeError):
            return b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _with_address(body: bytes, uri: str) -> bytes:
    """The body as the endpoint hands it on: with what Gemini and Bedrock have in the address."""
    if not _is_object(body):
        return b""
    if uri.endswith("/invoke"):
        return json.dumps({"model": uri.split("/model/", 1)[-1], **json.loads(body)}).encode()
    model = uri.split("/models/", 1)[-1].split(":", 1)[0]
    streamed = ":streamGenerateContent" in uri
    return json.dumps({**json.loads(body), "model": model, "stream": streamed}).encode()


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False
