"""What programs make of a streamed answer: the same as of a whole one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def whole_of(dialect: str, stream: bytes) -> bytes:
    """The answer that a stream amounts to, in the form of a whole one."""
    events = [json.loads(data) for data in _data(stream)]
    made = {"anthropic-messages": _anthropic, "openai-responses": _responses, "gemini": _gemini}[dialect](
        events
    )
    return json.dumps(made, separators=(",", ":")).encode()


def _data(stream: bytes) -> Iterator[bytes]:
    for line in stream.splitlines():
        if line.startswith(b"data:") and line != b"data: [DONE]":
            yield line[5:]


def _responses(events: list[dict[str, Any]]) -> dict[str, Any]:
    ended = next(one for one in events if one["type"] in ("response.completed", "response.incomplete"))
    response: dict[str, Any] = ended["response"]
    return response


def _gemini(events: list[dict[str, Any]]) -> dict[str, Any]:
    parts = [
        part
        for one in events
        for candidate in one.get("candidates", ())
        for part in candidate.get("content", {}).get("parts", ())
    ]
    return {"candidates": [{"content": {"role": "model", "parts": parts}}]}


def _anthropic(events: list[dict[str, Any]]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    written: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            content.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            part, delta = content[event["index"]], event["delta"]
            if delta["type"] == "input_json_delta":
                index = event["index"]
                written[index] = written.get(index, "") + delta["partial_json"]
            else:
                name = delta["type"].removesuffix("_delta")
                part[name] = part.get(name, "") + delta[name]
    for index, arguments in written.items():
        content[index]["input"] = json.loads(arguments or "{}")
    return {"content": content}
