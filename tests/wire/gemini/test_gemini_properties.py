"""What holds for every request, answer and stream of Gemini's."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.errors import BadRequest
from freehold.core.events import Event
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.parts import Media, Message, Part, Reasoning, State, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.core.usage import Usage
from freehold.wire.dialect import Addressee, NotAnAnswer, Recipient
from freehold.wire.gemini.dialect import DIALECT
from freehold.wire.gemini.embeddings import decode_embeddings, decode_embeddings_request
from freehold.wire.sse import EventSplitter

RECIPIENT = Recipient(model="m", origin="google")
CLIENT = Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=1)

few = settings(max_examples=150, deadline=None)

words = st.text(max_size=12)
names = st.text("abcdefgh_", min_size=1, max_size=8)
objects = st.dictionaries(names, st.one_of(words, st.integers(-9, 9), st.none()), max_size=3).map(json.dumps)
states = st.none() | st.builds(
    State, data=st.binary(min_size=1, max_size=9).map(lambda b: b.hex() * 4), kind=st.just("signature")
)
texts = st.builds(Text, text=words, state=states)
thoughts = st.builds(Reasoning, text=words, state=states)
calls = st.builds(ToolCall, id=names, name=names, arguments=objects, state=states)
pictures = st.builds(
    Media, kind=st.just("image"), mime_type=st.just("image/png"), data=st.just("AAAA"), state=states
)
results = st.builds(
    ToolResult,
    call_id=names,
    name=names,
    content=st.lists(st.builds(Text, text=words), min_size=1, max_size=1),
)


def alternating(turns: list[list[Part]]) -> list[Message]:
    return [Message(role="assistant" if at % 2 else "user", parts=parts) for at, parts in enumerate(turns)]


turns: st.SearchStrategy[list[list[Part]]] = st.lists(
    st.lists(st.one_of(texts, pictures, calls, thoughts), min_size=1, max_size=4), min_size=1, max_size=4
)
requests = st.builds(
    ChatRequest,
    model=st.just("m"),
    messages=turns.map(alternating),
    tools=st.lists(
        st.builds(
            Tool, name=names, description=st.none() | words, schema=st.none() | objects.map(str.encode)
        ),
        max_size=2,
    ),
    tool_choice=st.none() | st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    response_format=st.none()
    | st.builds(ResponseFormat, kind=st.just("schema"), schema=objects.map(str.encode)),
    reasoning=st.none()
    | st.builds(ReasoningWish, effort=st.none() | st.just("low"), shown=st.none() | st.booleans()),
    max_tokens=st.none() | st.integers(1, 99),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1, 99),
    presence_penalty=st.none() | st.floats(-2, 2),
    frequency_penalty=st.none() | st.floats(-2, 2),
    stop=st.lists(words, max_size=2),
    seed=st.none() | st.integers(0, 9),
    n=st.none() | st.integers(1, 3),
    logprobs=st.none() | st.booleans(),
    top_logprobs=st.none() | st.integers(0, 5),
    modalities=st.just([]) | st.just(["text", "image"]),
    metadata=st.none() | objects.map(str.encode),
    service_tier=st.none() | st.just("flex"),
    stream_usage=st.just(True),
    dialect=st.just("gemini"),
)


@few
@given(requests)
def test_requests_survive_the_wire(request: ChatRequest) -> None:
    losses = Losses()
    body = json.loads(DIALECT.encode_request(request, RECIPIENT, losses))
    again = DIALECT.decode_request(json.dumps({**body, "model": "m", "stream": False}).encode())
    if again.reasoning is None and request.reasoning == ReasoningWish():
        again.reasoning = request.reasoning
    assert plain(again) == plain(request)
    assert losses.names == ()


def plain(value: Any) -> Any:
    """JSON is compared as what it means."""
    found = msgspec.to_builtins(value, enc_hook=lambda raw: json.loads(bytes(raw)))
    return json.loads(json.dumps(found), object_hook=_meaning)


def _meaning(fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("arguments", "schema", "metadata"):
        if isinstance(fields.get(name), str):
            with suppress(ValueError):
                text = fields[name] if name == "arguments" else msgspec.convert(fields[name], bytes).decode()
                fields[name] = json.loads(text)
    return fields


@few
@given(st.lists(results, min_size=1, max_size=3), words)
def test_results_survive_the_wire(found: list[ToolResult], text: str) -> None:
    messages = [Message(role="tool", parts=[*found]), Message(role="user", parts=[Text(text=text)])]
    request = ChatRequest(model="m", messages=messages, dialect="gemini", stream_usage=True)
    body = json.loads(DIALECT.encode_request(request, RECIPIENT, Losses()))
    assert len(body["contents"]) == 1
    assert DIALECT.decode_request(json.dumps({**body, "model": "m"}).encode()) == request


parts: st.SearchStrategy[list[Part]] = st.lists(st.one_of(texts, thoughts, calls, pictures), max_size=5)
counts = st.integers(0, 99)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    found = draw(parts)
    calls = any(isinstance(part, ToolCall) for part in found)
    stop = Stop(reason="tool_calls" if calls else "stop", raw="STOP")
    raw = {"promptTokenCount": draw(counts), "candidatesTokenCount": draw(counts)}
    usage = Usage(
        input_tokens=raw["promptTokenCount"], output_tokens=raw["candidatesTokenCount"], source="provider"
    )
    return Answer(
        id="r",
        model="m",
        choices=[Choice(parts=found, stop=stop)],
        usage=usage,
        raw_usage=json.dumps(raw).encode(),
        dialect="gemini",
    )


@few
@given(answers())
def test_answers_survive_the_wire(answer: Answer) -> None:
    losses = Losses()
    body = DIALECT.encode_answer(answer, CLIENT, losses)
    types.GenerateContentResponse.model_validate_json(body)
    assert plain({"a": DIALECT.decode_answer(body)})["a"]["choices"] == plain({"a": answer})["a"]["choices"]
    assert losses.names == ()


@few
@given(answers())
def test_streams_survive_the_wire(answer: Answer) -> None:
    losses = Losses()
    writer = DIALECT.encode_stream(CLIENT, losses)
    out = b"".join(writer.write(event) for event in events_of(answer))
    again = gathered(read([one for one in out.split(b"\r\n\r\n") if one]))
    assert joined(again.choices[0].parts) == joined(answer.choices[0].parts)
    assert (again.choices[0].stop, again.usage) == (answer.choices[0].stop, answer.usage)
    assert losses.names == ()


def joined(found: list[Part]) -> Any:
    """Neighbours of one kind are one text in a stream, and a text without words or signature is nothing."""
    whole: list[Any] = []
    for part in found:
        if isinstance(part, Text | Reasoning):
            kind = type(part).__name__
            if whole and whole[-1][0] == kind:
                whole[-1][1] += part.text
            elif part.text or part.state:
                whole.append([kind, part.text, []])
            if part.state is not None:
                whole[-1][2].append(part.state.data)
        else:
            whole.append(["other", plain({"a": part})])
    return whole


def read(frames: list[bytes]) -> list[Event]:
    reader = DIALECT.decode_stream()
    return [event for frame in frames for event in reader.read(frame)] + reader.finish()


def gathered(events: list[Event]) -> Answer:
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.finish()


@few
@given(answers(), st.lists(st.integers(0, 2000), max_size=6))
def test_every_cut_of_a_stream_gives_the_same(answer: Answer, cuts: list[int]) -> None:
    writer = DIALECT.encode_stream(CLIENT, Losses())
    out = b"".join(writer.write(event) for event in events_of(answer))
    places = sorted({0, *(cut % (len(out) + 1) for cut in cuts), len(out)})
    splitter = EventSplitter()
    frames = [frame for at, to in pairwise(places) for frame in splitter.feed(out[at:to])]
    assert read(frames) == read([one for one in out.split(b"\r\n\r\n") if one])


KEYS = """
    candidates content parts text thought thoughtSignature functionCall functionResponse name args id
    partialArgs jsonPath stringValue willContinue finishReason index usageMetadata promptTokenCount
    promptTokensDetails modality groundingMetadata groundingChunks groundingSupports segment endIndex web
    uri logprobsResult chosenCandidates topCandidates promptFeedback blockReason error code message
    status details createTime contents systemInstruction tools functionDeclarations parameters type
    properties toolConfig functionCallingConfig mode allowedFunctionNames generationConfig topK
    thinkingConfig thinkingLevel responseSchema responseMimeType speechConfig inlineData fileData
    mimeType data fileUri model stream requests top_k response executableCode role
"""
keys = st.sampled_from(KEYS.split())
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["STOP", "model", "a", "1s", "$.a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
documents = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)


@settings(max_examples=400, deadline=None)
@given(documents)
def test_arbitrary_bytes_raise_what_is_promised(body: bytes) -> None:
    with suppress(BadRequest):
        request = DIALECT.decode_request(body)
        DIALECT.encode_request(request, RECIPIENT, Losses())
    with suppress(BadRequest):
        decode_embeddings_request(body)
    with suppress(NotAnAnswer):
        DIALECT.encode_answer(DIALECT.decode_answer(body), CLIENT, Losses())
    with suppress(NotAnAnswer):
        decode_embeddings(body)
    with suppress(NotAnAnswer):
        writer = DIALECT.encode_stream(CLIENT, Losses())
        for event in read([b"data: " + body, body]):
            writer.write(event)
    DIALECT.decode_error(500, body)
    DIALECT.decode_usage(body)


@settings(max_examples=300, deadline=None)
@given(st.lists(values, max_size=3), st.lists(values, max_size=3), values)
def test_arbitrary_parts_raise_what_is_promised(first: list[Any], second: list[Any], rest: Any) -> None:
    more = rest if isinstance(rest, dict) else {}
    body = {
        "model": "m",
        "contents": [{"parts": first}, {"role": "model", "parts": second}],
        "generationConfig": rest,
    }
    with suppress(BadRequest):
        request = DIALECT.decode_request(json.dumps(body).encode())
        DIALECT.encode_request(request, RECIPIENT, Losses())
    answer = json.dumps(
        {"candidates": [{**more, "content": {"parts": first}}, {"content": {"parts": second}}]}
    ).encode()
    with suppress(NotAnAnswer):
        DIALECT.encode_answer(DIALECT.decode_answer(answer), CLIENT, Losses())
    with suppress(NotAnAnswer):
        writer = DIALECT.encode_stream(CLIENT, Losses())
        for event in read([b"data: " + answer, answer]):
            writer.write(event)


def test_deep_nesting_is_no_crash() -> None:
    for deep in (
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"model":"m","contents":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ):
        with suppress(BadRequest):
            DIALECT.decode_request(deep)
        with suppress(NotAnAnswer):
            DIALECT.decode_answer(deep)
        with suppress(NotAnAnswer):
            read([b"data: " + deep])
        DIALECT.decode_error(500, deep)
    schema = b'{"items":' * 700 + b"{}" + b"}" * 700
    body = (
        b'{"model":"m","contents":[],"tools":[{"functionDeclarations":[{"name":"f","parameters":'
        + schema
        + b"}]}]}"
    )
    with suppress(BadRequest):
        DIALECT.decode_request(body)
