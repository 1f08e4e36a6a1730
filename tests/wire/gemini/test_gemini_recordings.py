"""Recorded Gemini traffic, decoded and encoded again, comes out the same but for what is listed here."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from typing import Any

import msgspec
import pytest
from google.genai import types
from recordings import FOLDER, Exchange, exchanges, fixtures, needs_recordings

from freehold.core.events import End, Event
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee, Recipient
from freehold.wire.gemini.count_tokens import decode_count, decode_count_request
from freehold.wire.gemini.dialect import DIALECT
from freehold.wire.gemini.embeddings import decode_embeddings, decode_embeddings_request
from freehold.wire.gemini.fields import camel
from freehold.wire.gemini.schema import json_schema

pytestmark = needs_recordings

ADDRESSEE = Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=1)
RECIPIENT = Recipient(model="m", origin="google")

IRRELEVANT = {
    "createTime": "when the answer was made changes nothing of it",
    "responseId": "a name; where the provider gave none, ours is told",
    "index": "said always; some servers leave zero out",
    "content without parts": "an empty list of parts says the same",
    "alphabet": "bytes may be in base64 of either alphabet, padded or not",
    "spelling": "names may be in camelCase or snake_case",
    "schemas": "OpenAPI's form of a schema is put as JSON Schema",
    "systemInstruction.role": "Gemini does not look at it",
    "neighbours": "a model's turn, and results with the words after them, are one content however they were cut",
    "tools": "functions stand in one object, hosted tools in one each",
    "whole numbers": "40.0 is 40",
    "empty settings": "an object without fields says nothing",
    "empty text": "in a stream a piece with no words says nothing",
    "no arguments": "in a stream a call without arguments is given `{}`",
}
"""Every difference that is no difference, with its reason."""


def google(exchange: Exchange, method: str) -> bool:
    """Whether the exchange is one with Google's own API."""
    return exchange.provider in ("google-gemini", "google-vertex") and f":{method}" in exchange.uri


def named(found: list[Exchange]) -> list[Any]:
    return [pytest.param(one, id=one.name) for one in found]


GENERATED = exchanges(lambda one: google(one, "generateContent") or google(one, "streamGenerateContent"))
ANSWERED = [one for one in GENERATED if one.status == 200 and not one.streamed]
STREAMED = [one for one in GENERATED if one.status == 200 and one.streamed]
BODIES = fixtures(lambda one: "packages/google/src/__fixtures__/" in one.path or "google-vertex/" in one.path)


def with_url_fields(exchange: Exchange) -> bytes:
    """The body as the endpoint hands it on: with what stands in the URL."""
    return json.dumps({**json.loads(exchange.request), "model": "m", "stream": exchange.streamed}).encode()


@pytest.mark.parametrize("exchange", named(GENERATED))
def test_requests_come_out_as_they_went_in(exchange: Exchange) -> None:
    losses = Losses()
    request = DIALECT.decode_request(with_url_fields(exchange))
    body = json.loads(DIALECT.encode_request(request, RECIPIENT, losses))
    assert losses.names == ()
    assert canonical_request(body) == canonical_request(json.loads(exchange.request))


@pytest.mark.parametrize("exchange", named(ANSWERED))
def test_answers_come_out_as_they_went_in(exchange: Exchange) -> None:
    same_answer(exchange.response)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(one, id=one.path.rsplit("/", 1)[-1])
        for one in BODIES
        if not one.is_stream and '"candidates"' in one.text
    ],
)
def test_recorded_bodies_come_out_as_they_went_in(body: Any) -> None:
    same_answer(body.text.encode())


def sdk_reads(body: dict[str, Any]) -> None:
    """As the official SDK reads what the API answers: fields that it does not know yet are left out."""
    types.GenerateContentResponse._from_response(response=copy.deepcopy(body), kwargs={})


def same_answer(body: bytes) -> None:
    losses = Losses()
    out = DIALECT.encode_answer(DIALECT.decode_answer(body), ADDRESSEE, losses)
    assert losses.names == ()
    sdk_reads(json.loads(out))
    assert canonical_answer(json.loads(out)) == canonical_answer(json.loads(body))


STREAMS = [
    pytest.param(
        [
            frame.encode()
            for frame in one.response.decode().replace("\r\n", "\n").split("\n\n")
            if frame.strip()
        ],
        id=one.name,
    )
    for one in STREAMED
] + [pytest.param(one.frames(), id=one.path.rsplit("/", 1)[-1]) for one in BODIES if one.is_stream]


@pytest.mark.parametrize("frames", STREAMS)
@pytest.mark.parametrize("framing", ["sse", "json-array"])
def test_streams_come_out_as_they_went_in(frames: list[bytes], framing: Any) -> None:
    losses = Losses()
    events = decoded(frames)
    assert isinstance(events[-1], End)
    writer = DIALECT.encode_stream(msgspec.structs.replace(ADDRESSEE, framing=framing), losses)
    out = b"".join(writer.write(event) for event in events)
    assert losses.names == ()
    again = pieces_of(out, framing)
    for piece in again:
        sdk_reads(piece)
    before = [json.loads(frame.removeprefix(b"data: ")) for frame in frames]
    if not any("partialArgs" in str(piece) for piece in before):
        assert canonical_stream(copy.deepcopy(again)) == canonical_stream(before)
    assert gathered(decoded([json.dumps(piece).encode() for piece in again])) == gathered(events)


def decoded(frames: list[bytes]) -> list[Event]:
    reader = DIALECT.decode_stream()
    return [event for frame in frames for event in reader.read(frame)] + reader.finish()


def pieces_of(out: bytes, framing: str) -> list[Any]:
    if framing == "json-array":
        found: list[Any] = json.loads(out)
        return found
    assert out.endswith(b"\r\n\r\n")
    return [json.loads(event.removeprefix(b"data: ")) for event in out.split(b"\r\n\r\n")[:-1]]


def gathered(events: list[Event]) -> Any:
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    answer = msgspec.to_builtins(gathering.finish(), enc_hook=lambda raw: json.loads(bytes(raw)))
    for name in (
        "created",
        "service_tier",
        "raw_usage",
    ):  # told as it is in raw_usage, which is compared elsewhere
        del answer[name]
    for choice in answer["choices"]:
        for part in choice["parts"]:
            if "arguments" in part:
                part["arguments"] = json.loads(part["arguments"])
            if "raw" in part:
                part["raw"] = json.loads(base64.b64decode(part["raw"]))
    return answer


@pytest.mark.parametrize("exchange", named([one for one in GENERATED if one.status >= 400]))
def test_errors_are_understood(exchange: Exchange) -> None:
    error = DIALECT.decode_error(exchange.status, exchange.response)
    said = json.loads(exchange.response)["error"]
    assert (error.status, error.message, error.kind) == (exchange.status, said["message"], said["status"])
    assert json.loads(DIALECT.encode_error(error)) == {"error": said}


def test_the_delay_of_a_recorded_refusal_is_found() -> None:
    body = next(one for one in BODIES if "429" in one.path)
    assert DIALECT.decode_error(429, body.text.encode()).retry_after == 34.4


@pytest.mark.parametrize(
    "exchange", named(exchanges(lambda one: google(one, "countTokens") and one.status == 200))
)
def test_counts_are_read(exchange: Exchange) -> None:
    assert decode_count(exchange.response) == json.loads(exchange.response)["totalTokens"]
    assert decode_count_request(with_url_fields(exchange)).messages


@pytest.mark.parametrize("method", ["batchEmbedContents", "embedContent", "predict"])
def test_embeddings_are_read(method: str) -> None:
    for exchange in exchanges(lambda one: google(one, method) and one.status == 200):
        answer = decode_embeddings(exchange.response)
        assert all(len(vector) > 1 for vector in answer.vectors)
        if method != "predict":
            request = decode_embeddings_request(with_url_fields(exchange))
            assert len(request.texts) == len(answer.vectors)


def test_usage_is_counted_as_the_price_list_expects() -> None:
    path = FOLDER.parent / "prices" / "genai_prices_usages.jsonl.gz"
    if not path.is_file():
        pytest.skip("the recorded usages are not here")
    with gzip.open(path, "rb") as file:
        rows = [json.loads(line) for line in file]
    counted, wrong = 0, []
    for row in rows:
        raw = row["body"].get("usageMetadata")
        if raw is None:
            continue
        for extracted in row["extracted"]:
            counted += 1
            if (found := expected_form(json.dumps(raw).encode())) != only_known(extracted["usage"]):
                wrong.append((raw, found, extracted["usage"]))
    assert counted > 0
    assert not wrong[:3], f"{len(wrong)} of {counted} are not as expected"


def expected_form(raw: bytes) -> dict[str, int]:
    """Our usage in the price list's words, which count documents among the pictures."""
    usage = DIALECT.decode_usage(raw)
    pictures = [
        count for count in (usage.input_image_tokens, usage.input_document_tokens) if count is not None
    ]
    found = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.input_audio_tokens,
        "output_audio_tokens": usage.output_audio_tokens,
        "input_image_tokens": sum(pictures) if pictures else None,
        "input_video_tokens": usage.input_video_tokens,
        "output_image_tokens": usage.output_image_tokens,
    }
    return {name: count for name, count in found.items() if count is not None}


def only_known(usage: dict[str, int]) -> dict[str, int]:
    """Without what follows from the rest (text), and the cache by modality, which no price of ours depends on."""
    return {
        name: count
        for name, count in usage.items()
        if ("text" not in name and not name.startswith("cache_") and name != "input_tool_tokens")
        or name == "cache_read_tokens"
    }


# What is the same in both is written in one way.

OPAQUE = {
    "args",
    "response",
    "parametersJsonSchema",
    "responseJsonSchema",
    "parameters",
    "responseSchema",
    "labels",
}


def spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {camel(k): v if camel(k) in OPAQUE else spelled(v) for k, v in value.items()}
    return [spelled(item) for item in value] if isinstance(value, list) else value


def same_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))


def canonical_part(part: dict[str, Any]) -> dict[str, Any]:
    if "thoughtSignature" in part:
        part["thoughtSignature"] = same_bytes(part["thoughtSignature"])
    if "inlineData" in part:
        part["inlineData"]["data"] = same_bytes(part["inlineData"]["data"])
    for inner in part.get("functionResponse", {}).get("parts", []):
        canonical_part(inner)
    return part


def canonical_request(body: dict[str, Any]) -> dict[str, Any]:
    body = spelled(body)
    contents: list[Any] = []
    for content in body["contents"]:
        parts = [canonical_part(part) for part in content["parts"]]
        role = content.get("role", "user")
        results = bool(contents) and any("functionResponse" in part for part in contents[-1]["parts"])
        if contents and contents[-1]["role"] == role and (role == "model" or results):
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    body["contents"] = contents
    if "systemInstruction" in body:
        body["systemInstruction"].pop("role", None)
    tools = body.pop("tools", [])
    body["tools"] = canonical_tools(tools if isinstance(tools, list) else [tools])
    config = body.get("generationConfig", {})
    if "responseSchema" in config:
        config["responseJsonSchema"] = json.loads(
            json_schema(json.dumps(config.pop("responseSchema")).encode())
        )
    return {name: value for name, value in body.items() if value not in ({}, [])}


def canonical_tools(tools: list[Any]) -> Any:
    functions, hosted = [], []
    for tool in tools:
        for name, value in tool.items():
            if name != "functionDeclarations":
                hosted.append({name: value})
                continue
            for function in value:
                if "parameters" in function:
                    older = json.dumps(function.pop("parameters")).encode()
                    function["parametersJsonSchema"] = json.loads(json_schema(older))
                functions.append(function)
    return [*functions, *hosted]


def canonical_answer(body: dict[str, Any]) -> dict[str, Any]:
    body.pop("createTime", None)
    body.pop("responseId", None)
    for candidate in body.get("candidates", []):
        candidate.pop("index", None)
        if not candidate.get("content", {}).get("parts"):
            candidate.pop("content", None)
    return body


def canonical_stream(pieces: list[Any]) -> Any:
    """What the pieces say together: the parts with their words joined, and the last word on everything else."""
    parts: list[Any] = []
    last: dict[str, Any] = {}
    for piece in pieces:
        body = canonical_answer(piece)
        for candidate in body.pop("candidates", []):
            for part in candidate.pop("content", {}).get("parts", []):
                add_part(parts, part)
            grounding = {**last.get("groundingMetadata", {}), **candidate.pop("groundingMetadata", {})}
            last.update(candidate)
            if grounding:
                last["groundingMetadata"] = grounding
        last.update(body)
    last.pop("groundingMetadata") if not last.get(
        "groundingMetadata"
    ) and "groundingMetadata" in last else None
    return parts, last


def add_part(parts: list[Any], part: dict[str, Any]) -> None:
    if "functionCall" in part:
        part["functionCall"].setdefault("args", {})
    elif part.get("text") == "" and "thoughtSignature" not in part:
        return
    before = parts[-1] if parts else {}
    plain = {"text", "thought"}
    if (
        "text" in part
        and "text" in before
        and not (set(part) | set(before)) - plain
        and part.get("thought") == before.get("thought")
    ):
        before["text"] += part["text"]
    else:
        parts.append(part)
