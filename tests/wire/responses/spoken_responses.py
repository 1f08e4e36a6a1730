"""What the tests of this dialect share: short ways to translate, and answers in the internal form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.events import Event
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Part
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import STANDARD, Addressee, Quirks, Recipient
from freehold.wire.responses.dialect import DIALECT

CALL = "call_0123456789abcdef0123456789abcdef"
SUFFIX = CALL.removeprefix("call_")
USAGE = Usage(10, 5, 4, None, 2, source="provider")


def read(**fields: Any) -> ChatRequest:
    """A client's request as it is understood."""
    return DIALECT.decode_request(json.dumps({"model": "m", "input": "hi", **fields}).encode())


def sent(
    request: ChatRequest, *, origin: str = "p", quirks: Quirks = STANDARD
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a provider gets of it, and what is lost."""
    losses = Losses()
    recipient = Recipient(model="theirs", origin=origin, quirks=quirks)
    body = DIALECT.encode_request(request, recipient, losses)
    return json.loads(body), losses.names


def passed(**fields: Any) -> dict[str, Any]:
    """A client's request as the same dialect's provider gets it, without a loss."""
    body, losses = sent(read(**fields))
    assert losses == ()
    return body


def addressee(request: ChatRequest | None = None) -> Addressee:
    return Addressee(request=request or read(), id=CALL, created=1_700_000_000)


def answer_of(*parts: Part, stop: str = "stop", **fields: Any) -> Answer:
    reason: Any = stop
    choice = Choice(parts=list(parts), stop=Stop(reason=reason))
    return Answer(id="x", model="m-1", choices=[choice], usage=USAGE, raw_usage=b"{}", **fields)


def given(answer: Answer, request: ChatRequest | None = None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a client gets of an answer, and what is lost."""
    losses = Losses()
    body = DIALECT.encode_answer(answer, addressee(request), losses)
    return json.loads(body), losses.names


def streamed(events: Iterable[Event], request: ChatRequest | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The stream that a client gets, and what is lost."""
    losses = Losses()
    encoder = DIALECT.encode_stream(addressee(request), losses)
    return b"".join(encoder.write(event) for event in events), losses.names


def frames_of(stream: bytes) -> list[bytes]:
    return [frame for frame in stream.split(b"\n\n") if frame]


def events_in(stream: bytes) -> list[dict[str, Any]]:
    """The events of an encoded stream as JSON; each says its type twice."""
    events = []
    for frame in frames_of(stream):
        name, data = frame.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        events.append(event)
    return events


def heard(frames: Sequence[bytes]) -> list[Event]:
    """What a provider's stream says."""
    decoder = DIALECT.decode_stream()
    events = [event for frame in frames for event in decoder.read(frame)]
    return events + decoder.finish()


def frame(kind: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, **fields}).encode()


def gathered(events: Iterable[Event]) -> Answer:
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.finish()
