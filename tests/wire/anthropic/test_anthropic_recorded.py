"""Recorded reality: everything that was recorded of this dialect is decoded and encoded again without a difference."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from recordings import Exchange, exchanges, fixtures, needs_recordings

from freehold.core.answer import Answer
from freehold.core.events import End, ErrorSeen, Event
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.anthropic.count_tokens import decode_count, decode_count_request, encode_count
from freehold.wire.anthropic.dialect import DIALECT
from freehold.wire.dialect import Addressee, NotAnAnswer, Recipient

pytestmark = needs_recordings

SPLICED = "spliced-message-start"
"""Two answers in one stream: refused, since what came of the first must not be taken for the second's."""
IRRELEVANT_IN_ANSWERS = {
    "id": "each call has its own",
    "null": "a field that is null says as little as one that is absent",
    "citations": "an empty list says as little as none",
    "caller": "`direct` is what every call is that nobody says more about",
}
IRRELEVANT_IN_REQUESTS = {
    **IRRELEVANT_IN_ANSWERS,
    "string": "a string is a list of one text block",
    "turns": "neighbours of one role are one turn",
    "type": "`custom` is what every tool is that names no other type",
    "stream": "false is the default",
    "output_format": "is what `output_config.format` was called before",
    "stop_sequences": "an empty list is none, and so are empty lists of tools",
}


def is_messages(exchange: Exchange) -> bool:
    hosted = exchange.path.endswith("/invoke") and "anthropic" in exchange.path
    return exchange.method == "POST" and (exchange.path.endswith("/v1/messages") or hosted)


def good(exchange: Exchange) -> bool:
    return is_messages(exchange) and exchange.status == 200


WHOLE = exchanges(lambda one: good(one) and not one.streamed)
STREAMED = exchanges(lambda one: good(one) and one.streamed)
REQUESTS = exchanges(lambda one: is_messages(one) and one.path.endswith("/v1/messages"))
COUNTS = exchanges(lambda one: one.path.endswith("/v1/messages/count_tokens"))
FAILED = exchanges(lambda one: one.path.startswith("/v1/messages") and one.status >= 400)
FIXTURES = fixtures(lambda one: one.package in ("anthropic", "anthropic-sdk") and "/skills/" not in one.path)


CONVERSATIONS: list[tuple[str, list[Any]]] = [
    (one.path, [exchange for exchange in body if exchange["response"]["status_code"] == "200"])
    for one in FIXTURES
    if not one.is_stream and isinstance(body := msgspec.json.decode(one.text), list)
]
"""Recorded requests with their answers, whole or streamed."""


def addressee() -> Addressee:
    return Addressee(request=ChatRequest(model="asked", messages=[]), id="call_0123", created=1)


def recorded_answers() -> list[tuple[str, bytes]]:
    found = [(one.name, one.response) for one in WHOLE]
    for fixture in FIXTURES:
        if not fixture.is_stream:
            body = msgspec.json.decode(fixture.text)
            if not isinstance(body, list):
                found.append((fixture.path, fixture.text.encode()))
    for path, talk in CONVERSATIONS:
        bodies = [one["response"]["body"] for one in talk]
        found += [(path, msgspec.json.encode(body)) for body in bodies if isinstance(body, dict)]
    return found


def recorded_streams() -> list[tuple[str, list[bytes]]]:
    found = [(one.name, as_frames(one.response)) for one in STREAMED]
    found += [(one.path, one.frames()) for one in FIXTURES if one.is_stream and SPLICED not in one.path]
    for path, talk in CONVERSATIONS:
        bodies = [one["response"]["body"] for one in talk]
        found += [(path, as_frames(body.encode())) for body in bodies if isinstance(body, str)]
    return found


def as_frames(body: bytes) -> list[bytes]:
    return [frame for frame in body.replace(b"\r\n", b"\n").split(b"\n\n") if frame.strip()]


def read_all(frames: list[bytes]) -> list[Event]:
    reader = DIALECT.decode_stream()
    events = [event for frame in frames for event in reader.read(frame)]
    return events + reader.finish()


def gathered(events: list[Event]) -> Answer:
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.finish()


def written(events: list[Event], losses: Losses) -> list[bytes]:
    writer = DIALECT.encode_stream(addressee(), losses)
    return as_frames(b"".join(writer.write(event) for event in events))


def relevant(value: Any) -> Any:
    """Without what makes no difference; the reasons are in the tables above."""
    if isinstance(value, list):
        return [relevant(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: relevant(inner) for name, inner in value.items() if inner is not None}
    if kept.get("citations") == []:
        del kept["citations"]
    if kept.get("caller") == {"type": "direct"}:
        del kept["caller"]
    return kept


def relevant_answer(body: bytes) -> Any:
    answer = relevant(msgspec.json.decode(body))
    return {name: value for name, value in answer.items() if name != "id"}


def _blocks(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def relevant_request(body: Any) -> Any:
    request = relevant(body)
    if "system" in request:
        request["system"] = _blocks(request["system"])
    turns: list[Any] = []
    for message in request["messages"]:
        content = _blocks(message["content"])
        for block in content:
            if block["type"] == "tool_result":
                block["content"] = _blocks(block.get("content", []))
        if turns and turns[-1]["role"] == message["role"] != "system":
            turns[-1]["content"] += content
        else:
            turns.append({**message, "content": content})
    request["messages"] = turns
    for tool in request.get("tools", ()):
        if tool.get("type") == "custom":
            del tool["type"]
    if "output_format" in request:
        request.setdefault("output_config", {})["format"] = request.pop("output_format")
    if request.get("stream") is False:
        del request["stream"]
    return {name: value for name, value in request.items() if value != []}


def comparable(answer: Answer) -> Any:
    """An answer of the internal form as plain values."""
    answer.id = None
    return msgspec.to_builtins(answer, builtin_types=(msgspec.Raw, bytes))


def test_there_is_something_to_test() -> None:
    assert len(WHOLE) >= 280
    assert len(recorded_streams()) >= 45


def test_answers_survive() -> None:
    for name, body in recorded_answers():
        answer, losses = DIALECT.decode_answer(body), Losses()
        again = DIALECT.encode_answer(answer, addressee(), losses)
        assert relevant_answer(again) == relevant_answer(body), name
        assert not losses.names, name


def test_answers_survive_as_streams() -> None:
    for name, body in recorded_answers():
        answer, losses = DIALECT.decode_answer(body), Losses()
        again = gathered(read_all(written(list(events_of(answer)), losses)))
        assert not losses.names, name
        expected = relevant_answer(body)
        assert relevant_answer(DIALECT.encode_answer(again, addressee(), losses)) == expected, name


def test_streams_survive() -> None:
    for name, frames in recorded_streams():
        events, losses = read_all(frames), Losses()
        assert isinstance(events[-1], End | ErrorSeen), name
        again = read_all(written(events, losses))
        assert not losses.names, name
        assert comparable(gathered(again)) == comparable(gathered(events)), name


def test_spliced_streams_are_refused() -> None:
    spliced = [one for one in FIXTURES if SPLICED in one.path]
    assert spliced
    for fixture in spliced:
        with pytest.raises(NotAnAnswer, match="spliced"):
            read_all(fixture.frames())


def _origin_of(request: ChatRequest) -> Recipient:
    return Recipient(model=request.model, origin="anthropic")


def recorded_requests() -> list[tuple[str, bytes]]:
    found = [(one.name, one.request) for one in REQUESTS if one.status == 200]
    for path, talk in CONVERSATIONS:
        found += [(path, msgspec.json.encode(one["request"]["body"])) for one in talk]
    return found


def test_requests_mean_the_same() -> None:
    for name, body in recorded_requests():
        request, losses = DIALECT.decode_request(body), Losses()
        again = DIALECT.encode_request(request, _origin_of(request), losses)
        expected = relevant_request(msgspec.json.decode(body))
        assert relevant_request(msgspec.json.decode(again)) == expected, name
        assert not losses.names, name


def test_an_effort_that_was_refused_is_put_as_the_nearest() -> None:
    refused = [one for one in REQUESTS if one.status == 400 and b"effort level" in one.response]
    assert refused
    for exchange in refused:
        request, losses = DIALECT.decode_request(exchange.request), Losses()
        body = msgspec.json.decode(DIALECT.encode_request(request, _origin_of(request), losses))
        assert body["output_config"]["effort"] in exchange.response.decode()
        assert losses.names == ("reasoning.effort",)


def test_counts() -> None:
    assert COUNTS
    for exchange in COUNTS:
        request = decode_count_request(exchange.request)
        assert request.max_tokens is None
        if exchange.status == 200:
            count = decode_count(exchange.response)
            assert msgspec.json.decode(encode_count(count)) == msgspec.json.decode(exchange.response)


def test_errors() -> None:
    assert FAILED
    for exchange in FAILED:
        error = DIALECT.decode_error(exchange.status, exchange.response)
        told = msgspec.json.decode(exchange.response)["error"]
        assert msgspec.json.decode(DIALECT.encode_error(error))["error"] == told
