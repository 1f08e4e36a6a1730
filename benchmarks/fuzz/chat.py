"""Chat in one dialect: requests, whole answers and streams are read, and what was understood is written in each."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import get_args
from zlib import crc32

import msgspec

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.errors import BadRequest
from freehold.core.events import Event
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.parts import Message, Part, Reasoning, State, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.counting import COUNTING, counter_of
from freehold.wire.dialect import STANDARD, Addressee, DialectName, NotAnAnswer, Quirks, Recipient
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.token_estimate import estimated_tokens

from ..reality.recordings import recordings_in
from .damage import Frames
from .judging import need_json, need_order, need_stream
from .target import LARGEST_SEED, Target, Wrong

CLIENTS: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
ADDRESSEE = Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=1)
_LONGEST_JUDGED = 20_000
"""Bytes of an input: judging takes longer than what is judged."""
_LONGEST_STREAM = 60
"""Frames of a recorded one."""


def dice_for(frames: Frames) -> random.Random:
    """Chance that is the same for the same input."""
    return random.Random(crc32(b"\n".join(frames)))


def targets_of(dialect: DialectName, folder: Path) -> list[Target]:
    """Its directions: three where clients speak it, else two."""
    seeds = _seeds_of(dialect, folder)
    readers = {"request": read_request, "answer": read_answer, "stream": read_stream}
    return [
        Target(f"{dialect} {way}", seeds[way], partial(readers[way], dialect))
        for way in readers
        if seeds.get(way)
    ]


def _seeds_of(dialect: DialectName, folder: Path) -> dict[str, list[Frames]]:
    seeds: dict[str, list[Frames]] = {"request": [], "answer": [], "stream": []}
    for one in recordings_in(folder):
        if one.dialect != dialect:
            continue
        if one.request and len(one.request) < LARGEST_SEED and dialect in CLIENTS:
            seeds["request"].append([one.request])
        if one.answer and len(one.answer) < LARGEST_SEED:
            seeds["answer"].append([one.answer])
        if one.frames:
            seeds["stream"].append(one.frames[: _LONGEST_STREAM - 8] + one.frames[-8:])
    if dialect in CLIENTS:
        speaker = dialect_of(dialect)
        seeds["answer"].append([speaker.encode_answer(made_answer(), ADDRESSEE, Losses())])
        writer = speaker.encode_stream(ADDRESSEE, Losses())
        written = b"".join(writer.write(event) for event in events_of(made_answer()))
        seeds["stream"].append([frame for frame in written.replace(b"\r\n", b"\n").split(b"\n\n") if frame])
        small = ChatRequest(model="m", messages=[Message(role="user", parts=[Text(text="Hello")])])
        seeds["request"].append(
            [_with_model(speaker.encode_request(small, Recipient(model="m", origin="o"), Losses()))]
        )
    return seeds


def made_answer() -> Answer:
    """An answer with reasoning, words and two calls."""
    parts: list[Part] = [
        Reasoning(text="hm", state=State(data="c2ln", kind="signature")),
        Text(text="Hello"),
        ToolCall(id="call_a", name="look", arguments='{"a":1}'),
        ToolCall(id="call_b", name="look", arguments='{"a":2}'),
    ]
    usage = Usage(10, 5, 4, None, 2, source="provider")
    choice = Choice(parts=parts, stop=Stop(reason="tool_calls"))
    return Answer(id="x", model="m", created=1, choices=[choice], usage=usage, dialect="")


def _is_judged(frames: Frames, dice: random.Random) -> bool:
    """Whether what is written is read again: every fourth time."""
    return dice.random() < 0.25 and sum(map(len, frames)) < _LONGEST_JUDGED


def read_request(dialect: DialectName, frames: Frames) -> None:
    """Decode one request, encode it for every provider's dialect, count its tokens, and read again what was written."""
    dice = dice_for(frames)
    body = b"".join(frames)
    request = dialect_of(dialect).decode_request(body)
    again = _is_judged(frames, dice)
    quirks = STANDARD if dice.random() < 0.5 else _any_quirks(dice)
    for name in NAMES:
        recipient = Recipient(model="m", origin="o", quirks=quirks)
        try:
            written = dialect_of(name).encode_request(request, recipient, Losses())
            if name in COUNTING and again:
                counter_of(name).encode_count_request(request, recipient, Losses())
        except BadRequest:
            continue
        if again:
            need_json(written, name)
            if name in CLIENTS and any(message.parts for message in request.messages):
                _need_request(written, name)
    if again:
        estimated_tokens(request)
        if dialect in COUNTING:
            counter_of(dialect).decode_count_request(body)


def _with_model(body: bytes) -> bytes:
    """The request with its model, which Gemini has in the URL."""
    return msgspec.json.encode({**msgspec.json.decode(body, type=dict[str, msgspec.Raw]), "model": "m"})


def _need_request(written: bytes, name: DialectName) -> None:
    try:
        dialect_of(name).decode_request(_with_model(written))
    except BadRequest as error:
        raise Wrong(f"{name} does not read its own request") from error


_KINDS = ("image", "audio", "video", "document")
_UNSUPPORTED = (
    "seed",
    "n",
    "logit_bias",
    "top_k",
    "stop",
    "tools",
    "temperature",
    "parallel_tool_calls",
    "metadata",
)


def _any_quirks(dice: random.Random) -> Quirks:
    """A provider that differs from the original in anything."""
    fields = {field.name: field for field in msgspec.structs.fields(Quirks)}
    chosen: dict[str, object] = {}
    for name, field in fields.items():
        if field.type is bool:
            chosen[name] = dice.random() < 0.5
        elif words := [word for word in get_args(field.type) if isinstance(word, str)]:
            chosen[name] = dice.choice(words)
    return Quirks(
        **chosen,  # type: ignore[arg-type]
        unsupported=tuple(dice.sample(_UNSUPPORTED, dice.randrange(4))),
        input_media=tuple(dice.sample(_KINDS, dice.randrange(5))),
        default_max_tokens=dice.choice((None, 1024)),
    )


def read_answer(dialect: DialectName, frames: Frames) -> None:
    """Decode one answer, and encode it for every client's dialect, whole and as a stream."""
    dice = dice_for(frames)
    body = b"".join(frames)
    speaker = dialect_of(dialect)
    told = speaker.decode_error(400, body)
    speaker.decode_usage(body)
    answer = speaker.decode_answer(body)
    again = _is_judged(frames, dice)
    for name in CLIENTS:
        client = dialect_of(name)
        written = client.encode_answer(answer, ADDRESSEE, Losses())
        if again:
            need_json(written, name)
            need_json(client.encode_error(told), name)
            try:
                client.decode_answer(written)
            except NotAnAnswer as error:
                raise Wrong(f"{name} does not read its own answer") from error
            # What only this dialect has is passed on as it came, and none of ours makes a stream of it.
            _write_stream(name, list(events_of(answer)), judge=name != dialect)


def read_stream(dialect: DialectName, frames: Frames) -> None:
    """Decode one stream, and encode it for every client's dialect, as far as it can be read."""
    reader = dialect_of(dialect).decode_stream()
    events: list[Event] = []
    failed: NotAnAnswer | None = None
    try:
        for frame in frames:
            events += reader.read(frame)
        events += reader.finish()
    except NotAnAnswer as error:
        failed = error
    need_order(events)
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    answer = gathering.finish()
    again = _is_judged(frames, dice_for(frames))
    for name in CLIENTS:
        _write_stream(name, events, judge=again)
        if again and answer.choices:
            need_json(dialect_of(name).encode_answer(answer, ADDRESSEE, Losses()), name)
    if failed:
        raise failed


def _write_stream(name: DialectName, events: list[Event], *, judge: bool) -> None:
    client = dialect_of(name)
    writer = client.encode_stream(ADDRESSEE, Losses())
    written = [writer.write(event) for event in events]
    if judge:
        need_stream(b"".join(written), client)
