"""Models that call tools, think in secret, and know what they said: an HTTP server in Anthropic's dialect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from types import TracebackType
from typing import Any, Self

_LONGEST_LOOP = 6


class Models:
    """One provider. Use it as `async with Models("one") as one`."""

    def __init__(self, name: str, *, fails: float, seed: int, latency_s: float = 0.0) -> None:
        """`fails`: the share of requests that it answers with an error."""
        self.name = name
        self.url = ""
        self.asked = 0
        self.strange = 0
        """Results of tools that came to it although another provider's model had called them last."""
        self._fails = fails
        self._latency_s = latency_s
        self._draw = Random(f"{seed} {name}")
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                body = json.loads(await reader.readexactly(length))
                self.asked += 1
                if self._latency_s:
                    await asyncio.sleep(self._latency_s)
                writer.write(self._answer(body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _answer(self, body: dict[str, Any]) -> bytes:
        if self._draw.random() < self._fails:
            told = {"type": "error", "error": {"type": "overloaded_error", "message": "Not now."}}
            return _framed(529, "application/json", json.dumps(told).encode())
        message = self._message(body)
        if body.get("stream"):
            events = b"".join(
                f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in _events(message)
            )
            return _framed(200, "text/event-stream", events)
        return _framed(200, "application/json", json.dumps(message).encode())

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        draw, content = self._draw, list[dict[str, Any]]()
        rounds = _rounds(body["messages"])
        if rounds and _last_called(body["messages"]) not in ("", self.name):
            self.strange += 1
        if draw.random() < 0.3:
            words = f"I, {self.name}, think."
            content.append({"type": "thinking", "thinking": words, "signature": self._signed(words)})
        called = bool(body.get("tools")) and rounds < _LONGEST_LOOP and draw.random() < 0.6
        if not called or draw.random() < 0.3:
            content.append({"type": "text", "text": f"I am {self.name}, {draw.getrandbits(64):x}."})
        if called:
            content += [
                {
                    "type": "tool_use",
                    "id": f"toolu_{draw.getrandbits(96):024x}",
                    "name": "look",
                    "input": {"by": self.name, "at": draw.getrandbits(32)},
                }
                for _ in range(draw.choice((1, 1, 2)))
            ]
        return {
            "id": f"msg_{draw.getrandbits(96):024x}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": "tool_use" if called else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 10},
        }

    def _signed(self, words: str) -> str:
        return blake2b(f"{self.name} {words}".encode()).hexdigest()


def _rounds(messages: list[dict[str, Any]]) -> int:
    """How many rounds of tools the conversation ends with."""
    count = 0
    for message in reversed(messages):
        content = message["content"]
        if message["role"] == "assistant":
            continue
        if isinstance(content, str) or not any(one["type"] == "tool_result" for one in content):
            break
        count += 1
    return count


def _last_called(messages: list[dict[str, Any]]) -> str:
    """Whose the last tool call is; empty when there is none."""
    for message in reversed(messages):
        if message["role"] == "assistant" and not isinstance(message["content"], str):
            for part in message["content"]:
                if part["type"] == "tool_use":
                    return str(part["input"].get("by", ""))
    return ""


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    for index, part in enumerate(message["content"]):
        where = {"index": index}
        if part["type"] == "text":
            yield {"type": "content_block_start", **where, "content_block": {"type": "text", "text": ""}}
            yield _delta(index, "text_delta", text=part["text"])
        elif part["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            yield {"type": "content_block_start", **where, "content_block": empty}
            yield _delta(index, "thinking_delta", thinking=part["thinking"])
            yield _delta(index, "signature_delta", signature=part["signature"])
        else:
            yield {"type": "content_block_start", **where, "content_block": {**part, "input": {}}}
            yield _delta(index, "input_json_delta", partial_json=json.dumps(part["input"]))
        yield {"type": "content_block_stop", **where}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _delta(index: int, kind: str, **words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **words}}


def _framed(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
