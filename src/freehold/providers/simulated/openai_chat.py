"""The dialect `openai-chat`: chat completions, whole and as an event stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.providers.simulated import openai_form as form
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.happenings import (
    Ask,
    Finished,
    Happening,
    Text,
    ToolOpened,
    ToolPiece,
    tokens_in,
)
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply
from freehold.providers.simulated.script import UsageNumbers
from freehold.providers.simulated.turns import Turn
from freehold.providers.simulated.words import count_tokens

_encode = msgspec.json.Encoder().encode
_MESSAGE_OVERHEAD = 3
"""Tokens that each message costs beside its text, as with OpenAI's own counting."""


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None

    def text(self) -> str:
        """Its text parts, joined."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Request(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = 1


_read = msgspec.json.Decoder(_Request).decode


class OpenAIChat:
    """`POST /v1/chat/completions`."""

    stream_type = "text/event-stream; charset=utf-8"

    def key_of(self, request: ReceivedRequest) -> str | None:
        """The bearer token."""
        return form.key_of(request)

    def error(self, error: Refused) -> Reply:
        """An error answer in OpenAI's form."""
        return form.error(error)

    def ask(self, request: ReceivedRequest) -> Ask:
        """What the request asks for. Raises Refusal."""
        try:
            wanted = _read(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise form.wrong(f"We could not parse the JSON body of your request: {error}") from None
        if wanted.n not in (None, 1):
            raise form.wrong("Only one choice is simulated.", "n")
        if not wanted.messages:
            raise form.wrong("There must be at least one message.", "messages")
        said = next((one.text() for one in reversed(wanted.messages) if one.role == "user"), "")
        return Ask(
            model=wanted.model,
            stream=bool(wanted.stream),
            include_usage=wanted.stream_options is not None and wanted.stream_options.include_usage,
            said=said,
            input_tokens=sum(count_tokens(one.text()) + _MESSAGE_OVERHEAD for one in wanted.messages),
            limit=wanted.max_completion_tokens or wanted.max_tokens,
        )

    def body(self, ask: Ask, turn: Turn, happenings: list[Happening]) -> bytes:
        """A whole answer."""
        text = "".join(one.piece for one in happenings if isinstance(one, Text))
        calls = [
            {
                "id": opened.id,
                "type": "function",
                "function": {
                    "name": opened.name,
                    "arguments": "".join(
                        one.arguments
                        for one in happenings
                        if isinstance(one, ToolPiece) and one.index == opened.index
                    ),
                },
            }
            for opened in happenings
            if isinstance(opened, ToolOpened)
        ]
        message: dict[str, object] = {
            "role": "assistant",
            "content": text or (None if calls else ""),
            "refusal": None,
        }
        if calls:
            message["tool_calls"] = calls
        end = next(one for one in happenings if isinstance(one, Finished))
        answer = _envelope(ask, turn, "chat.completion")
        answer["choices"] = [{"index": 0, "message": message, "logprobs": None, "finish_reason": end.reason}]
        if end.usage is not None:
            answer["usage"] = _usage(end.usage)
        return _encode(answer)

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream: the role, then pieces, then the reason of the end, then, if asked for, the usage."""
        envelope = _encode(_envelope(ask, turn, "chat.completion.chunk"))[:-1]
        # Template by hand: ten thousand streams at once are made of this line.
        start = b"data: " + envelope + b',"choices":[{"index":0,"delta":'
        rest = b',"usage":null}\n\n' if ask.include_usage else b"}\n\n"
        middle = b',"logprobs":null,"finish_reason":null}]' + rest
        opened = False
        for one in happenings:
            if isinstance(one, float):
                yield one
                continue
            if not opened:
                opened = True
                seen.chunks += 1
                yield start + b'{"role":"assistant","content":"","refusal":null}' + middle
            seen.chunks += 1
            if isinstance(one, Text):
                seen.tokens += one.tokens
                yield start + b'{"content":' + _encode(one.piece) + b"}" + middle
            elif isinstance(one, Finished):
                yield start + b'{},"logprobs":null,"finish_reason":' + _encode(one.reason) + b"}]" + rest
                if ask.include_usage and one.usage is not None:
                    seen.chunks += 1
                    yield (
                        b"data: "
                        + envelope
                        + b',"choices":[],"usage":'
                        + _encode(_usage(one.usage))
                        + b"}\n\n"
                    )
            else:
                seen.tokens += tokens_in(one)
                yield start + b'{"tool_calls":[' + _encode(_tool_delta(one)) + b"]}" + middle
        yield b"data: [DONE]\n\n"

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return form.error_body(error)

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        return b"data: " + form.error_body(error) + b"\n\n"


def _envelope(ask: Ask, turn: Turn, kind: str) -> dict[str, object]:
    # The time of creation is part of what repeats, so it counts calls and not seconds.
    return {
        "id": f"chatcmpl-{turn.identifier}",
        "object": kind,
        "created": 1_700_000_000 + turn.number,
        "model": ask.model,
        "system_fingerprint": "fp_simulated",
    }


def _usage(usage: UsageNumbers) -> dict[str, object]:
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens or 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }


def _tool_delta(one: ToolOpened | ToolPiece) -> dict[str, object]:
    if isinstance(one, ToolPiece):
        return {"index": one.index, "function": {"arguments": one.arguments}}
    return {
        "index": one.index,
        "id": one.id,
        "type": "function",
        "function": {"name": one.name, "arguments": ""},
    }
