"""What must hold of openai-chat for all inputs: nothing but its own errors, any cut, there and back."""

from __future__ import annotations

import contextlib
import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_chat_samples import DONE, addressee, encoded, frame, gathered, read, written

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.errors import BadRequest
from freehold.core.events import End, Event, PartBegin, PartEnd
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.parts import Media, Message, Part, Reasoning, Refusal, State, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire.dialect import NotAnAnswer, Recipient
from freehold.wire.openai_chat.dialect import DIALECT
from freehold.wire.sse import EventSplitter

few = settings(max_examples=150, deadline=None)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
some_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
KNOWN = st.sampled_from(
    [
        *("choices", "delta", "message", "content", "tool_calls", "function", "index", "id", "finish_reason"),
        *(
            "reasoning_details",
            "reasoning",
            "usage",
            "error",
            "messages",
            "role",
            "model",
            "tools",
            "tool_choice",
        ),
        *(
            "type",
            "text",
            "image_url",
            "url",
            "audio",
            "annotations",
            "url_citation",
            "logprobs",
            "name",
            "file",
        ),
        *(
            "response_format",
            "stop",
            "stream_options",
            "thinking",
            "chat_template_kwargs",
            "functions",
            "data",
        ),
        *(
            "function_call",
            "arguments",
            "extra_content",
            "google",
            "images",
            "refusal",
            "signature",
            "summary",
        ),
        *("input_audio", "transcript", "custom", "input", "expires_at"),
    ]
)
VALUES = st.sampled_from(
    ["assistant", "user", "tool", "text", "image_url", "reasoning.encrypted", "function", "", "m"]
)
wire_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KNOWN, inner, max_size=5),
    max_leaves=25,
)
bodies = st.binary(max_size=60) | wire_like.map(lambda one: json.dumps(one).encode())


@few
@given(bodies)
def test_arbitrary_bytes_raise_only_what_they_may(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        DIALECT.decode_request(body)
    with contextlib.suppress(NotAnAnswer):
        DIALECT.decode_answer(body)
    with contextlib.suppress(NotAnAnswer):
        read(b"data: " + body.replace(b"\n", b""), DONE)
    DIALECT.decode_usage(body)
    DIALECT.encode_error(DIALECT.decode_error(500, body))


@few
@given(wire_like, st.booleans())
def test_requests_like_the_real_ones_raise_only_what_they_may(content: object, as_message: bool) -> None:
    message = content if as_message else {"role": "assistant", "content": content}
    with contextlib.suppress(BadRequest):
        request = DIALECT.decode_request(json.dumps({"model": "m", "messages": [message]}).encode())
        body, _ = encoded(request)
        assert body["model"] == "theirs"


@few
@given(st.lists(wire_like, max_size=3), st.booleans())
def test_answers_like_the_real_ones_raise_only_what_they_may(deltas: list[object], whole: bool) -> None:
    with contextlib.suppress(NotAnAnswer):
        if whole:
            choices = [{"message": delta, "finish_reason": "stop"} for delta in deltas]
            written(DIALECT.decode_answer(json.dumps({"choices": choices}).encode()))
        else:
            frames = [b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() for delta in deltas]
            events = read(*frames, DONE)
            writer = DIALECT.encode_stream(addressee(), Losses())
            for event in events:
                writer.write(event)
            assert_well_formed(events)


def assert_well_formed(events: list[Event]) -> None:
    """Parts are numbered in order, and nothing is said of them after their end."""
    begun: dict[int, int] = {}
    ended: set[tuple[int, int]] = set()
    for event in events:
        choice, index = getattr(event, "choice", -1), getattr(event, "index", -1)
        if isinstance(event, PartBegin):
            assert index == begun.get(choice, 0)
            begun[choice] = index + 1
        elif index >= 0:
            assert index < begun[choice]
            assert (choice, index) not in ended
        if isinstance(event, PartEnd):
            ended.add((choice, index))
    assert isinstance(events[-1], End)
    assert len(ended) == sum(begun.values())


STREAM = b"".join(
    one + b"\n\n"
    for one in (
        b": ping",
        frame({"role": "assistant", "content": "", "reasoning_content": "hm"}),
        frame({"content": "grüße"}),
        frame({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]}),
        frame({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
        frame({}, "tool_calls"),
        frame(usage={"prompt_tokens": 1, "completion_tokens": 2}),
        DONE,
    )
)


def answer_to(pieces: list[bytes]) -> Answer:
    splitter, reader, gathering = EventSplitter(), DIALECT.decode_stream(), Gathering()
    for piece in pieces:
        for one in splitter.feed(piece):
            for event in reader.read(one):
                gathering.add(event)
    for event in reader.finish():
        gathering.add(event)
    return gathering.finish()


def test_every_cut_gives_the_same() -> None:
    for stream in (STREAM, STREAM.replace(b"\n", b"\r\n")):
        whole = answer_to([stream])
        assert [type(part) for part in whole.choices[0].parts] == [Reasoning, Text, ToolCall]
        for cut in range(len(stream)):
            assert answer_to([stream[:cut], stream[cut:]]) == whole


states = st.builds(
    State,
    data=some_words,
    kind=st.sampled_from(["signature", "encrypted", "redacted"]),
    origin=st.just("there"),
)
signatures = st.builds(State, data=some_words, kind=st.just("signature"), origin=st.just("there"))
texts = st.builds(Text, text=some_words, state=st.none() | signatures)
thoughts = st.builds(Reasoning, text=some_words, state=st.none() | states)
calls = st.builds(
    ToolCall,
    id=st.uuids().map(lambda one: f"call_{one.hex}"),
    name=some_words,
    arguments=some_words,
    state=st.none() | signatures,
)
pictures = st.builds(Media, kind=st.just("image"), mime_type=st.just("image/png"), data=st.just("AAAA"))


@st.composite
def assistants(draw: st.DrawFn) -> list[Part]:
    """Parts in the order in which this dialect tells them."""
    parts: list[Part] = [*draw(st.lists(thoughts, max_size=3))]
    parts += draw(st.lists(texts, max_size=1))
    parts += draw(st.lists(st.builds(Refusal, text=some_words), max_size=1))
    parts += draw(st.lists(pictures, max_size=2))
    parts += draw(st.lists(calls, max_size=3))
    return parts


@few
@given(assistants(), st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
def test_answers_come_back_whole_and_streamed(parts: list[Part], reason: str) -> None:
    """What a client is told it sends back, and all of it is there again; unsigned thoughts join."""
    answer = Answer(choices=[Choice(parts=list(parts), stop=Stop(reason=reason))])  # type: ignore[arg-type]
    body, losses = written(answer)
    assert losses == ()
    message = body["choices"][0]["message"]
    request = DIALECT.decode_request(json.dumps({"model": "m", "messages": [message]}).encode())
    assert request.messages[0].parts == joined(parts)
    writer = DIALECT.encode_stream(addressee(), Losses())
    frames = b"".join(writer.write(event) for event in events_of(answer)).split(b"\n\n")
    again = gathered(*frames)
    assert again.choices[0].stop is not None
    assert texts_of(again.choices[0].parts) == texts_of(parts)


def joined(parts: list[Part]) -> list[Part]:
    thought = [part for part in parts if isinstance(part, Reasoning)]
    if any(part.state is not None for part in thought) or len(thought) < 2:
        return parts
    text = "\n\n".join(part.text for part in thought)
    return [Reasoning(text=text), *parts[len(thought) :]]


def texts_of(parts: list[Part]) -> list[object]:
    said: list[object] = ["".join(part.text for part in parts if isinstance(part, Text))]
    said.append("".join(part.text for part in parts if isinstance(part, Reasoning)).replace("\n", ""))
    said += [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]
    return said


messages = st.one_of(
    st.builds(
        Message,
        role=st.sampled_from(["system", "developer"]),
        parts=st.lists(st.builds(Text, text=words), min_size=1, max_size=2),
    ),
    st.builds(
        Message,
        role=st.just("user"),
        parts=st.lists(st.builds(Text, text=words) | pictures, min_size=1, max_size=3),
    ),
    st.builds(Message, role=st.just("assistant"), parts=assistants().filter(bool)),
    st.builds(
        Message,
        role=st.just("tool"),
        parts=st.lists(
            st.builds(
                ToolResult,
                call_id=some_words,
                content=st.lists(st.builds(Text, text=words), min_size=1, max_size=2),
            ),
            min_size=1,
            max_size=1,
        ),
    ),
)
requests = st.builds(
    ChatRequest,
    model=st.just("m"),
    messages=st.lists(messages, min_size=1, max_size=4),
    tools=st.lists(
        st.builds(Tool, name=some_words, description=st.none() | words, schema=st.just(b"{}")),
        min_size=1,
        max_size=2,
    ),
    tool_choice=st.none() | st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    parallel_tool_calls=st.none() | st.booleans(),
    response_format=st.none() | st.builds(ResponseFormat, kind=st.sampled_from(["text", "json"])),
    reasoning=st.none() | st.builds(ReasoningWish, effort=st.sampled_from(["none", "low", "high"])),
    max_tokens=st.none() | st.integers(1, 9),
    temperature=st.none() | st.floats(0, 2),
    stop=st.lists(words, max_size=2),
    seed=st.none() | st.integers(0, 9),
    logit_bias=st.none() | st.just(b'{"1":2}'),
    modalities=st.lists(st.just("text"), max_size=1),
    stream=st.booleans(),
    dialect=st.just("openai-chat"),
    extra=st.dictionaries(
        st.just("odd"),
        json_values.filter(lambda one: one is not None).map(
            lambda one: msgspec.Raw(json.dumps(one).encode())
        ),
    ),
)


@few
@given(requests)
def test_requests_come_back(request: ChatRequest) -> None:
    losses = Losses()
    quirks = msgspec.convert(
        {"reasoning_replay": "reasoning_details"}, type=type(Recipient(model="", origin="").quirks)
    )
    recipient = Recipient(model="m", origin="there", stream_usage=False, quirks=quirks)
    again = DIALECT.decode_request(DIALECT.encode_request(request, recipient, losses))
    assert losses.names == ()
    assert comparable(again) == comparable(request)


def comparable(request: ChatRequest) -> object:
    told = msgspec.json.encode(request)
    plain = json.loads(told)
    for message in plain["messages"]:
        message["plain"] = False
        for part in message["parts"]:
            # On the wire state has no origin, and encrypted and redacted reasoning look alike.
            if part.get("state"):
                part["state"] = part["state"]["data"]
    return plain
