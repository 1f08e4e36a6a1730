"""The four dialects as a client speaks them: how to ask, and what of an answer has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Event = dict[str, Any]
Message = dict[str, str]


class Heard(msgspec.Struct):
    """An answer as far as it came."""

    text: str = ""
    ended: bool = False
    """It says that it is complete."""
    failed: bool = False
    """It says that it failed, in the dialect's own form of an error."""


class Dialect(msgspec.Struct, frozen=True):
    """One dialect, by hand and without Freehold's own translations: these are what is tested."""

    name: str
    path: Callable[[str, bool], str]
    """Of a route, and whether it is streamed."""
    body: Callable[[str, list[Message], bool], Event]
    hear: Callable[[Heard, Event], None]
    """One event of a stream."""
    read: Callable[[Heard, Event], None]
    """A whole answer."""
    is_error: Callable[[Event], bool]
    """Whether a body is an error of this dialect."""


def _hear_chat(heard: Heard, event: Event) -> None:
    heard.failed = heard.failed or isinstance(event.get("error"), dict)
    for choice in event.get("choices") or ():
        heard.text += (choice.get("delta") or {}).get("content") or ""
        heard.ended = heard.ended or choice.get("finish_reason") is not None


def _read_chat(heard: Heard, body: Event) -> None:
    choice = body["choices"][0]
    heard.text, heard.ended = choice["message"]["content"] or "", choice["finish_reason"] is not None


def _hear_responses(heard: Heard, event: Event) -> None:
    kind = event.get("type")
    if kind == "response.output_text.delta":
        heard.text += event["delta"]
    heard.ended = heard.ended or kind == "response.completed"
    heard.failed = heard.failed or kind in ("error", "response.failed")


def _read_responses(heard: Heard, body: Event) -> None:
    heard.text = "".join(
        part["text"]
        for item in body["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    )
    heard.ended = body["status"] == "completed"


def _hear_messages(heard: Heard, event: Event) -> None:
    kind = event.get("type")
    if kind == "content_block_delta":
        heard.text += event["delta"].get("text") or ""
    heard.ended = heard.ended or kind == "message_stop"
    heard.failed = heard.failed or kind == "error"


def _read_messages(heard: Heard, body: Event) -> None:
    heard.text = "".join(part.get("text") or "" for part in body["content"])
    heard.ended = body["stop_reason"] is not None


def _hear_gemini(heard: Heard, event: Event) -> None:
    heard.failed = heard.failed or isinstance(event.get("error"), dict)
    for candidate in event.get("candidates") or ():
        parts = (candidate.get("content") or {}).get("parts") or ()
        heard.text += "".join(part.get("text") or "" for part in parts)
        heard.ended = heard.ended or candidate.get("finishReason") is not None


def _in_error(body: Event) -> bool:
    return isinstance(body.get("error"), dict) and bool(body["error"].get("message"))


DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        "openai-chat",
        lambda route, streamed: "/v1/chat/completions",
        lambda route, said, streamed: {"model": route, "stream": streamed, "messages": said},
        _hear_chat,
        _read_chat,
        _in_error,
    ),
    Dialect(
        "openai-responses",
        lambda route, streamed: "/v1/responses",
        lambda route, said, streamed: {"model": route, "stream": streamed, "input": said},
        _hear_responses,
        _read_responses,
        _in_error,
    ),
    Dialect(
        "anthropic-messages",
        lambda route, streamed: "/v1/messages",
        lambda route, said, streamed: {
            "model": route,
            "stream": streamed,
            "max_tokens": 1000,
            "messages": said,
        },
        _hear_messages,
        _read_messages,
        lambda body: body.get("type") == "error" and _in_error(body),
    ),
    Dialect(
        "gemini",
        lambda route, streamed: (
            f"/v1beta/models/{route}:" + ("streamGenerateContent?alt=sse" if streamed else "generateContent")
        ),
        lambda route, said, streamed: {
            "contents": [
                {
                    "role": "model" if one["role"] == "assistant" else "user",
                    "parts": [{"text": one["content"]}],
                }
                for one in said
            ]
        },
        _hear_gemini,
        _hear_gemini,
        lambda body: _in_error(body) and isinstance(body["error"].get("code"), int),
    ),
)
