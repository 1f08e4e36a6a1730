"""Recorded requests, answers and streams of many providers, taken apart and put together again."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion
from pydantic import ValidationError
from recordings import Exchange, Fixture, exchanges, fixtures, needs_recordings

from freehold.core.answer import Answer, Stop
from freehold.core.errors import BadRequest
from freehold.core.events import End, ErrorSeen, Event
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.parts import Reasoning
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee, NotAnAnswer, Quirks, Recipient
from freehold.wire.openai_chat.calls import sent_id
from freehold.wire.openai_chat.dialect import DIALECT

pytestmark = needs_recordings

PACKAGES = [
    "openai",
    "groq",
    "mistral",
    "xai",
    "deepseek",
    "moonshotai",
    "openai-compatible",
    "togetherai",
    "alibaba",
    "perplexity",
]
NO_CHAT = (
    "/responses/",
    "/completion/",
    "/embedding/",
    "/image/",
    "/skills/",
    "/transcription/",
    "/speech",
    "/rerank",
)

Json = dict[str, Any]


def is_chat(exchange: Exchange) -> bool:
    return exchange.path.endswith("/chat/completions")


def is_chat_fixture(fixture: Fixture) -> bool:
    path = fixture.path
    return fixture.package in PACKAGES and not any(
        word in path for word in (*NO_CHAT, "transcription", "error")
    )


REQUESTS = exchanges(lambda one: is_chat(one) and bool(one.request))
ANSWERS = exchanges(lambda one: is_chat(one) and one.status == 200 and not one.streamed)
STREAMS = exchanges(lambda one: is_chat(one) and one.status == 200 and one.streamed)
REFUSALS = exchanges(lambda one: is_chat(one) and one.status >= 400)
WHOLE = fixtures(lambda one: is_chat_fixture(one) and not one.is_stream)
STREAMED = fixtures(lambda one: is_chat_fixture(one) and one.is_stream)


def name_of(one: Exchange | Fixture) -> str:
    return one.name if isinstance(one, Exchange) else one.path.rsplit("/", 1)[-1]


# Requests ---------------------------------------------------------------------------------------


def quirks_for(body: Json) -> Quirks:
    """The quirks of a provider that takes the request as it was written."""
    wish = "effort"
    if "thinking" in body:
        wish = "thinking"
    elif "reasoning" in body:
        wish = "object"
    elif "chat_template_kwargs" in body:
        wish = "template"
    replay = "none"
    for message in body["messages"]:
        for field in ("reasoning_content", "reasoning", "reasoning_details"):
            if field in message:
                replay = field
        content = message.get("content")
        if isinstance(content, list) and any(part.get("type") == "thinking" for part in content):
            replay = "content"
    return Quirks(
        max_tokens="max_tokens" if "max_tokens" in body else "max_completion_tokens",
        reasoning_wish=wish,  # type: ignore[arg-type]
        reasoning_replay=replay,  # type: ignore[arg-type]
        documents="document_url" if '"document_url"' in json.dumps(body) else "file",
    )


def plain_request(body: Json) -> Json:
    """The request without what says nothing; each line has its reason."""
    body = without_nulls(body)
    if body.get("stream") is False:
        del body["stream"]  # the default
    if not body.get("tools"):
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            body.pop(name, None)  # nothing can be chosen among no tools
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"  # Mistral's word for the same
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    if body.get("reasoning") == {}:
        del body["reasoning"]
    for tool in body.get("tools", ()):
        tool.setdefault("type", "function")  # Mistral's SDK leaves it out
    for message in body["messages"]:
        plain_message(message)
    return body


def plain_message(message: Json) -> None:
    if message["role"] == "assistant":
        for name in ("content", "reasoning_content", "tool_calls"):
            if not message.get(name):
                message.pop(name, None)  # null, empty and absent are one
    if isinstance(message.get("content"), list):
        for part in message["content"]:
            if part["type"] == "thinking":
                part["thinking"] = "".join(piece["text"] for piece in part["thinking"])
            if isinstance(part.get("image_url"), str):
                part["image_url"] = {"url": part["image_url"]}  # Mistral allows both
    if "tool_call_id" in message:
        message["tool_call_id"] = sent_id(message["tool_call_id"], "any")  # OpenAI refuses long ones
    for call in message.get("tool_calls", ()):
        call["id"] = sent_id(call["id"], "any")
        call.pop("index", None)  # its place in the list says the same
        call.setdefault("type", "function")
        call["function"]["arguments"] = call["function"]["arguments"] or "{}"


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("exchange", REQUESTS, ids=name_of)
def test_requests_say_the_same_again(exchange: Exchange) -> None:
    sent = json.loads(exchange.request)
    request = DIALECT.decode_request(exchange.request)
    losses = Losses()
    recipient = Recipient(
        model=request.model, origin="there", quirks=quirks_for(sent), stream_usage=request.stream_usage
    )
    again = json.loads(DIALECT.encode_request(request, recipient, losses))
    assert plain_request(again) == plain_request(sent)
    assert losses.names == ()


# Whole answers ----------------------------------------------------------------------------------


def addressee_of(one: Exchange | Fixture) -> Addressee:
    request = ChatRequest(model="asked", messages=[], dialect="openai-chat", stream_usage=True)
    if isinstance(one, Exchange) and one.request:
        request = DIALECT.decode_request(one.request)
        request.stream_usage = True
    return Addressee(request=request, id="call_1", created=1)


def plain_answer(body: Json) -> Json:
    """The answer without what says nothing, and with reasoning in one place; each line has its reason."""
    body = without_nulls(body)
    for name in ("id", "model", "created", "service_tier", "system_fingerprint"):
        if not body.get(name):
            body.pop(name, None)  # ours, where the provider sends none or an empty one
    body.pop("object", None)  # some leave it out
    for choice in body["choices"]:
        choice["finish_reason"] = choice.get("finish_reason") or "any"  # some send none
        if choice.get("logprobs") == {}:
            del choice["logprobs"]
        plain_answer_message(choice["message"])
    return body


def plain_answer_message(message: Json) -> None:
    message.setdefault("role", "assistant")
    thought = [part for part in listed(message.get("content")) if part["type"] == "thinking"]
    if isinstance(message.get("content"), list):  # Mistral's form of the same
        message["content"] = "".join(part.get("text", "") for part in message["content"])
        message["reasoning_content"] = "\n\n".join(
            "".join(piece["text"] for piece in part["thinking"]) for part in thought
        )
    reasoning = message.pop("reasoning", None)
    if reasoning:
        message.setdefault("reasoning_content", reasoning)  # one place of several
    details = message.pop("reasoning_details", [])
    states = [one.get("signature") or one.get("data") for one in details]
    message["states"] = [state for state in states if state]
    texts = [text for one in details if (text := one.get("text") or one.get("summary"))]
    if texts:
        message["reasoning_content"] = "\n\n".join(texts)
    for name in ("content", "refusal", "reasoning_content", "annotations", "images"):
        if not message.get(name):
            message.pop(name, None)  # nothing, however it is written
    if not (message.get("audio") or {"id": ""})["id"]:
        message.pop("audio", None)  # Snowflake's empty one
    if not (message.get("function_call") or {"name": ""})["name"]:
        message.pop("function_call", None)
    message.pop("thought_signature", None)  # twice in Gemini's answer
    message.get("extra_content", {}).get("google", {}).pop("thought", None)
    plain_calls(message)


def plain_calls(message: Json) -> None:
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call.setdefault("type", "function")
        if not (call.get("custom") or {"name": ""})["name"]:
            call.pop("custom", None)
        if call["id"] == "" or call["id"].startswith("call_0"):
            call["id"] = "made"
        if call["type"] == "function":
            call["function"]["arguments"] = call["function"].get("arguments") or "{}"
    if not message.get("tool_calls"):
        message.pop("tool_calls", None)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def same_answer(told: Json, again: Json) -> None:
    told, again = plain_answer(told), plain_answer(again)
    for name in ("id", "model", "created"):
        if name not in told:
            again.pop(name)
    for choice, other in zip(told["choices"], again["choices"], strict=True):
        if choice["finish_reason"] != other["finish_reason"]:
            assert choice["finish_reason"] == "any" or choice["finish_reason"] not in (
                "stop",
                "length",
                "tool_calls",
            )
            choice["finish_reason"] = other["finish_reason"]
        if "annotations" in other["message"]:
            for annotation in other["message"]["annotations"]:
                told_one = choice["message"]["annotations"].pop(0)
                for name in ("start_index", "end_index"):
                    told_one.get("url_citation", {}).setdefault(name, 0)
                assert annotation == told_one
            del choice["message"]["annotations"], other["message"]["annotations"]
    assert again == told


@pytest.mark.parametrize("one", [*ANSWERS, *WHOLE], ids=name_of)
def test_answers_say_the_same_again(one: Exchange | Fixture) -> None:
    body = one.response if isinstance(one, Exchange) else one.text.encode()
    losses = Losses()
    answer = DIALECT.decode_answer(body)
    encoded = DIALECT.encode_answer(answer, addressee_of(one), losses)
    same_answer(json.loads(body), json.loads(encoded))
    assert set(losses.names) <= {"stop.reason"}
    if is_valid(body):
        assert is_valid(encoded)


def is_valid(body: bytes) -> bool:
    """Whether the SDK's types allow it strictly, which not every provider keeps to."""
    try:
        ChatCompletion.model_validate_json(body)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("one", [*ANSWERS, *WHOLE], ids=name_of)
def test_answers_are_the_same_as_streams(one: Exchange | Fixture) -> None:
    answer = DIALECT.decode_answer(one.response if isinstance(one, Exchange) else one.text.encode())
    addressee = addressee_of(one)
    writer = DIALECT.encode_stream(addressee, Losses())
    written = b"".join(writer.write(event) for event in events_of(answer))
    again = gathered(frames_of(written))
    expected = DIALECT.decode_answer(DIALECT.encode_answer(answer, addressee, Losses()))
    for choice in expected.choices:
        choice.extra = {}  # no place in a stream's events
    again.extra = expected.extra = {}
    assert without_made_up(again) == without_made_up(expected)


def without_made_up(answer: Answer) -> Any:
    for choice in answer.choices:
        for part in choice.parts:
            if isinstance(part, Reasoning):  # a stream tells these too late, and a summary as text
                part.item_id, part.extra = None, {}
                part.text, part.summary = part.text or "\n\n".join(part.summary), []
    told = json.loads(msgspec.json.encode(msgspec.structs.replace(answer, raw_usage=None)))
    for choice in told["choices"]:
        if choice["logprobs"] is not None:
            choice["logprobs"] = without_nulls(msgspec.json.decode(answer.choices[0].logprobs or b"{}"))
            choice["logprobs"].pop("refusal", None)
    return told


# Streams ----------------------------------------------------------------------------------------


def frames_of(stream: bytes) -> list[bytes]:
    return [frame for frame in stream.replace(b"\r\n", b"\n").split(b"\n\n") if frame.strip()]


def frames(one: Exchange | Fixture) -> list[bytes]:
    return frames_of(one.response) if isinstance(one, Exchange) else one.frames()


def events(told: list[bytes]) -> list[Event]:
    reader = DIALECT.decode_stream()
    found = [event for frame in told for event in reader.read(frame)]
    return found + reader.finish()


def gathered(told: list[bytes]) -> Answer:
    gathering = Gathering()
    for event in events(told):
        gathering.add(event)
    return gathering.finish()


def told_by(told: list[bytes]) -> Counter[str]:
    """What a stream says, put together without our reader: text by its kind, and the calls."""
    said: Counter[str] = Counter()
    for frame in told:
        for line in frame.split(b"\n"):
            data = line.removeprefix(b"data:").strip()
            if not line.startswith(b"data:") or data in (b"[DONE]", b""):
                continue
            for choice in json.loads(data).get("choices", ()):
                delta = choice.get("delta", {})
                content = delta.get("content") or ""
                for part in listed(content):
                    said["text"] += len(part.get("text", ""))
                    said["thought"] += sum(len(piece["text"]) for piece in part.get("thinking", ()))
                said["text"] += len(content) if isinstance(content, str) else 0
                thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
                if not thought and not any(b'"reasoning_content"' in one for one in told):
                    thought = "".join(one.get("text") or "" for one in delta.get("reasoning_details") or ())
                said["thought"] += len(thought)
                for call in delta.get("tool_calls") or ():
                    said["calls"] += bool(call.get("function", {}).get("name"))
                    said["arguments"] += len(call.get("function", {}).get("arguments") or "")
                said["cited"] += len(delta.get("annotations") or ())
    return +said


@pytest.mark.parametrize("one", [*STREAMS, *STREAMED], ids=name_of)
def test_streams_say_the_same_again(one: Exchange | Fixture) -> None:
    told = frames(one)
    losses = Losses()
    writer = DIALECT.encode_stream(addressee_of(one), losses)
    found = events(told)
    written = b"".join(writer.write(event) for event in found)
    again = frames_of(written)
    expected = told_by(told)
    if not any(isinstance(event, ErrorSeen) for event in found):
        assert isinstance(found[-1], End)
        assert told_by(again) == expected
        assert without_guesses(gathered(told), gathered(told)) == without_guesses(
            gathered(again), gathered(told)
        )
        assert again[-1] == b"data: [DONE]"
    assert set(losses.names) <= {"stop.reason"}


def without_guesses(answer: Answer, told: Answer) -> Any:
    """The answer without what we say where the provider says nothing."""
    answer.extra = {}
    for name in ("id", "model", "created"):
        if getattr(told, name) is None:
            setattr(answer, name, None)
    for choice in answer.choices:
        assert choice.stop is not None
        reason = "stop" if choice.stop.reason == "other" else choice.stop.reason
        choice.stop = Stop(reason=reason)
    return without_made_up(answer)


def test_recorded_refusals_have_a_message() -> None:
    for one in REFUSALS:
        error = DIALECT.decode_error(one.status, one.response)
        assert error.status == one.status
        assert error.message
        assert not error.message.startswith("{"), one.name


def test_what_is_no_answer_is_told_apart() -> None:
    for one in REFUSALS:
        with pytest.raises(NotAnAnswer):
            DIALECT.decode_answer(one.response)
    with pytest.raises(BadRequest):
        DIALECT.decode_request(b"{}")


def test_the_recordings_are_these() -> None:
    sys.stdout.write(
        f"{len(REQUESTS)} requests, {len(ANSWERS)} + {len(WHOLE)} answers, "
        f"{len(STREAMS)} + {len(STREAMED)} streams, {len(REFUSALS)} refusals\n"
    )
    assert min(len(REQUESTS), len(ANSWERS), len(STREAMS), len(WHOLE), len(STREAMED), len(REFUSALS)) > 0
