"""Answers of a provider in OpenAI's form, as bytes."""

from __future__ import annotations

import json
from typing import Any

from byte_server import LAST_CHUNK, STREAM_HEAD, Step, chunk, whole

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def answer(text: str = "hello", **fields: Any) -> bytes:
    """A whole chat answer's body."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json.dumps({"model": "m-1", "choices": choices, "usage": USAGE, **fields}).encode()


def event(finish_reason: str | None = None, **delta: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"model": "m-1", "choices": [choice]}).encode() + b"\n\n"


def error_event(message: str = "overloaded") -> bytes:
    return b"data: " + json.dumps({"error": {"message": message}}).encode() + b"\n\n"


PING = b": ping\n\n"
ROLE = event(role="assistant", content="")
WORD = event(content="word")
STOP = event("stop")
ONLY_USAGE = b'data: {"model":"m-1","choices":[],"usage":%b}\n\n' % json.dumps(USAGE).encode()
DONE = b"data: [DONE]\n\n"


def streamed(*events: bytes, ended: bool = True) -> list[Step]:
    """A stream of `events`, each in a chunk of its own."""
    return [STREAM_HEAD, *map(chunk, events), *([LAST_CHUNK] if ended else [])]


GOOD_WHOLE: list[Step] = [whole(answer())]
GOOD_STREAM = streamed(ROLE, WORD, WORD, STOP, ONLY_USAGE, DONE)
SHOWN_STREAM = ROLE + WORD + WORD + STOP + DONE
"""What a client that did not ask for usage gets of GOOD_STREAM."""
