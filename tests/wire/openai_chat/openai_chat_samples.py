"""Short ways to say what the tests of this dialect need."""

from __future__ import annotations

import json
from typing import Any

from freehold.core.answer import Answer
from freehold.core.events import Event
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Message, Part, Text
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee, Quirks, Recipient
from freehold.wire.openai_chat.dialect import DIALECT

Json = dict[str, Any]


def decoded(**fields: Any) -> ChatRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}
    return DIALECT.decode_request(json.dumps(body).encode())


def encoded(request: ChatRequest, origin: str = "there", **quirks: Any) -> tuple[Json, tuple[str, ...]]:
    losses = Losses()
    recipient = Recipient(model="theirs", origin=origin, quirks=Quirks(**quirks))
    return json.loads(DIALECT.encode_request(request, recipient, losses)), losses.names


def foreign(*messages: Message, **fields: Any) -> ChatRequest:
    """A request that came in another dialect."""
    told = list(messages) or [user(Text(text="hello"))]
    return ChatRequest(model="m", messages=told, dialect="anthropic-messages", **fields)


def user(*parts: Part) -> Message:
    return Message(role="user", parts=list(parts))


def assistant(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def answer_of(message: Json, finish_reason: str | None = "stop", **fields: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return DIALECT.decode_answer(json.dumps({"id": "x", "choices": [choice], **fields}).encode())


def addressee(request: ChatRequest | None = None) -> Addressee:
    return Addressee(request=request or decoded(), id="call_77", created=1_700_000_000)


def written(answer: Answer, request: ChatRequest | None = None) -> tuple[Json, tuple[str, ...]]:
    losses = Losses()
    return json.loads(DIALECT.encode_answer(answer, addressee(request), losses)), losses.names


def frame(
    delta: Json | None = None, finish_reason: str | None = None, index: int = 0, **fields: Any
) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + json.dumps({"id": "x", "model": "m", "choices": choices, **fields}).encode()


DONE = b"data: [DONE]"


def read(*frames: bytes) -> list[Event]:
    reader = DIALECT.decode_stream()
    events = [event for one in frames for event in reader.read(one)]
    return events + reader.finish()


def gathered(*frames: bytes) -> Answer:
    gathering = Gathering()
    for event in read(*frames):
        gathering.add(event)
    return gathering.finish()


def streamed(events: list[Event], request: ChatRequest | None = None) -> tuple[list[bytes], tuple[str, ...]]:
    """The frames of a stream for a client."""
    losses = Losses()
    writer = DIALECT.encode_stream(addressee(request), losses)
    body = b"".join(writer.write(event) for event in events)
    return [one for one in body.split(b"\n\n") if one], losses.names


def chunks(frames: list[bytes]) -> list[Json]:
    return [json.loads(one.removeprefix(b"data: ")) for one in frames if one != DONE]
