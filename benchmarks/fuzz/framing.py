"""Bytes cut into frames, and whole streams on their way to a client, however the bytes arrive."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from freehold.core.errors import ProviderBroken, ProviderRefused
from freehold.engine.asked import Asked
from freehold.engine.exchange import AnswerStream, Passing, Translating
from freehold.engine.streams import ListedStream
from freehold.wire.anthropic.invoked import InvokedSplitter
from freehold.wire.aws_frames import AwsEventSplitter, parse
from freehold.wire.dialect import DialectName, NotAnAnswer
from freehold.wire.dialects import NAMES
from freehold.wire.errors import encode_error_in, retry_after_in
from freehold.wire.framing import Splitter
from freehold.wire.request import (
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)
from freehold.wire.sse import EventSplitter, data_of

from ..reality.aws_frames import aws_frame
from . import chat
from .asking import settings_of
from .damage import Frames
from .judging import need_json
from .target import Target, Wrong
from .vectors import seeds_of

_ERRORS = [
    {"error": {"message": "m", "type": "rate_limit_error", "param": None, "code": "x"}},
    {"type": "error", "error": {"type": "overloaded_error", "message": "m"}, "request_id": "r"},
    {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "m",
            "details": [{"retryDelay": "3.5s"}],
        }
    },
    [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
    {"message": "m", "__type": "ThrottlingException"},
    {"id": "x", "message": "m"},
    {"detail": [{"loc": ["body"], "msg": "m"}]},
]
_STATUSES = (200, 400, 401, 404, 413, 429, 500, 503, 529)


def frame_targets_in(folder: Path) -> list[Target]:
    """Splitters, and errors, which come in any form."""
    streams = {name: _streams_of(name, folder) for name in NAMES}
    events = [
        [b"".join(frame + b"\n\n" for frame in frames)]
        for name, seeds in streams.items()
        if name != "bedrock-converse"
        for frames in seeds[:6]
    ]
    messages = [[b"".join(frames)] for frames in streams["bedrock-converse"][:20]]
    chunk = aws_frame("chunk", b'{"bytes":"eyJ0eXBlIjoicGluZyJ9","p":"abc"}')
    return [
        Target("sse frames", events, _read_events),
        Target("aws frames", [*messages, [chunk * 3]], _read_messages),
        Target("aws single", [*streams["bedrock-converse"], [chunk] * 3], _read_each_message),
        Target("errors", seeds_of(_ERRORS), _read_error),
    ]


def stream_targets_in(folder: Path) -> list[Target]:
    """What the engine makes of the bytes of a stream: forwarded, as a list, translated."""
    found = []
    for name in NAMES:
        end = b"" if name == "bedrock-converse" else b"\n\n"
        seeds = [[frame + end for frame in frames] for frames in _streams_of(name, folder)]
        if seeds:
            found.append(Target(f"{name} engine-stream", seeds, partial(_pass_on, name)))
    return found


def _streams_of(name: DialectName, folder: Path) -> list[Frames]:
    return next((one.seeds for one in chat.targets_of(name, folder) if one.name.endswith(" stream")), [])


def pieces_of(frames: Frames) -> list[bytes]:
    """The bytes cut anywhere."""
    dice = chat.dice_for(frames)
    data = b"".join(frames)
    cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.choice((0, 1, 4, 30))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _read_events(frames: Frames) -> None:
    whole, cut = EventSplitter(), EventSplitter()
    expected = whole.feed(b"".join(frames))
    found = [frame for piece in pieces_of(frames) for frame in cut.feed(piece)]
    if (found, cut.take_rest().lstrip(b"\n")) != (expected, whole.take_rest().lstrip(b"\n")):
        raise Wrong("events depend on where they are cut")
    for frame in expected:
        data_of(frame)


def _read_messages(frames: Frames) -> None:
    expected, rest, failed = _split(AwsEventSplitter(), [b"".join(frames)])
    found = _split(AwsEventSplitter(), pieces_of(frames))
    if failed is None and found != (expected, rest, None):
        raise Wrong("messages depend on where they are cut")
    for message in expected:
        parse(message)
    if failed:
        raise failed


def _split(splitter: Splitter, pieces: list[bytes]) -> tuple[list[bytes], bytes, NotAnAnswer | None]:
    found: list[bytes] = []
    try:
        for piece in pieces:
            found += splitter.feed(piece)
        return found, splitter.take_rest(), None
    except NotAnAnswer as error:
        return found, b"", error


def _read_each_message(frames: Frames) -> None:
    for frame in frames:
        splitter = InvokedSplitter()
        splitter.feed(frame)
        splitter.take_rest()


def _read_error(frames: Frames) -> None:
    body = b"".join(frames)
    dice = chat.dice_for(frames)
    status = dice.choice(_STATUSES)
    for spoken in NAMES:
        waits = retry_after_in(spoken, status, body)
        error = ProviderRefused(
            "m",
            provider="p",
            status=status,
            body=body,
            dialect=spoken,
            retry_after=dice.choice((waits, "1", "x", None)),
        )
        for client in chat.CLIENTS:
            told = encode_error_in(client, error)
            if told != body:
                need_json(told, client)


def _pass_on(name: DialectName, frames: Frames) -> None:
    pieces = pieces_of(frames)
    for stream in _streams_for(name):
        told: list[bytes] = []
        try:
            told.extend(map(stream.feed, pieces))  # what came before an error was told
            told.append(stream.finish())
            if stream.complete and not stream.finished and stream.error is None:
                told.append(stream.close())
        except NotAnAnswer:
            told.append(stream.fail(ProviderBroken("m", provider="p")))
        stream.usage_so_far()
        if isinstance(stream, ListedStream):
            written = b"".join(told)
            if written.endswith(b"]"):
                need_json(written, "a list")


_TURN = b'"role":"user","content":"a"'
_ASKED = [
    read_chat_request(b'{"model":"m","stream":true,"messages":[{%b}]}' % _TURN),
    read_responses_request(b'{"model":"m","stream":true,"input":"a"}'),
    read_messages_request(b'{"model":"m","max_tokens":9,"stream":true,"messages":[{%b}]}' % _TURN),
    read_gemini_request(b'{"contents":[{"parts":[{"text":"a"}]}]}', "m", stream=True),
    read_gemini_request(b'{"contents":[{"parts":[{"text":"a"}]}]}', "m", stream=True, framing="json-array"),
]
"""What the stream answers, in every client's form."""


def _streams_for(name: DialectName) -> list[AnswerStream]:
    """As the engine opens them: to the same dialect, and to all."""
    settings = settings_of(name)
    found: list[AnswerStream] = []
    for request in _ASKED:
        if request.dialect == name:
            kept = "resp_y" if name == "openai-responses" else None
            found.append(Passing(request, settings, "m", embeddings=False, call_name=kept).open_stream())
        exchange = Translating(
            Asked(request, None), request.decoded(), settings, "m", name, id="call_1", created=1
        )
        found.append(exchange.open_stream())
    return found
