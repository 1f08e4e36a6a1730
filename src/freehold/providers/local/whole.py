"""A whole chat answer put together from a streamed one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.core.errors import FreeholdError
from freehold.wire.sse import EventSplitter, data_of

_COLLECTED = ("content", "reasoning_content", "refusal")
"""Parts of a message that arrive as pieces of text."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class StreamFailed(FreeholdError):
    """The stream said that it goes on no further. `body` is what it said, in the server's error form."""

    status = 502
    code = "provider_broken"

    def __init__(self, body: bytes) -> None:
        super().__init__("The stream ended with an error.")
        self.body = body


def chunks_of(splitter: EventSplitter, piece: bytes) -> Iterator[dict[str, Any] | None]:
    """The chunks that are complete with the next bytes of a stream; None: it said `[DONE]`. Raises StreamFailed."""
    for event in splitter.feed(piece):
        data = data_of(event)
        if data == b"[DONE]":
            yield None
        elif data is not None:
            chunk = _decode(data)
            if "error" in chunk:
                raise StreamFailed(data)
            yield chunk


class WholeAnswer:
    """Takes in the events of one `chat.completion.chunk` stream with one choice."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self._top: dict[str, Any] = {}
        self._text: dict[str, list[str]] = {"content": []}
        self._calls: list[dict[str, Any]] = []
        self._logprobs: list[Any] = []
        self._finish_reason: str | None = None
        self.done = False
        """The stream said `[DONE]`."""

    def feed(self, piece: bytes) -> None:
        """The next bytes of the stream. Raises StreamFailed when they tell of an error."""
        for chunk in chunks_of(self._splitter, piece):
            if chunk is None:
                self.done = True
            else:
                self.take(chunk)

    def take(self, chunk: dict[str, Any]) -> None:
        """The next chunk."""
        for choice in chunk.pop("choices", ()):
            delta = choice.get("delta") or {}
            for name in _COLLECTED:
                if delta.get(name):
                    self._text.setdefault(name, []).append(delta[name])
            self._calls += delta.get("tool_calls") or ()
            self._logprobs += (choice.get("logprobs") or {}).get("content") or ()
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
        self._top |= chunk

    def encode(self) -> bytes:
        """The answer as a response body."""
        message: dict[str, Any] = {"role": "assistant"}
        message |= {name: "".join(parts) for name, parts in self._text.items()}
        if self._calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [
                {name: value for name, value in call.items() if name != "index"} for call in self._calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        return _encode({**self._top, "object": "chat.completion", "choices": [choice]})
