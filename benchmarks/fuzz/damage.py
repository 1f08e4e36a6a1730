"""Input with something wrong: in its bytes, in its JSON, or in the order of its frames."""

from __future__ import annotations

import json
import random

from freehold.wire.aws_frames import parse
from freehold.wire.dialect import NotAnAnswer

from ..reality.aws_frames import aws_frame
from .trees import damaged_tree, dumped

Frames = list[bytes]
"""A body is a list of one."""
_LARGEST = 250_000
"""Bytes: what one damage has made larger has no more, as each may make two hundred times as much of it."""

_BETWEEN = (
    b"data: [DONE]", b"data:", b": ping", b"event: error\ndata: {}", b"data: {}", b"data: null", b"data: []", b"",
    b"event: ping\ndata: {\"type\": \"ping\"}", b"id: 1\nretry: 5", b'data: {"error":{"message":"x"}}', b"\xff",
    b'data: {"type":"error","error":{"type":"x","message":"y"}}', b"data: {\ndata: }", b"data: [DONE]\r",
)  # fmt: skip


def damaged(frames: Frames, donor: Frames, dice: random.Random) -> Frames:
    """The frames with one to six things wrong, some of them taken from the donor."""
    frames = list(frames)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        if sum(map(len, frames)) > _LARGEST:
            break
        if (len(frames) > 1 and dice.random() < 0.25) or not frames:
            frames = _reordered(frames, donor, dice)
            continue
        at = dice.randrange(len(frames))
        head, body, kind = opened(frames[at])
        if dice.random() < 0.8:
            try:
                body = dumped(damaged_tree(json.loads(body), [opened(dice.choice(donor))[1]], dice), dice)
            except (ValueError, RecursionError, UnicodeError):
                body = _damaged_bytes(body, donor, dice)
        else:
            body = _damaged_bytes(body, donor, dice)
        frames[at] = aws_frame(kind, body) if kind else head + body
        if kind and dice.random() < 0.03:
            frames[at] = _damaged_bytes(frames[at], donor, dice)
    return frames


def opened(frame: bytes) -> tuple[bytes, bytes, str]:
    """What stands before the JSON, the JSON, and the kind of an AWS message."""
    if frame.startswith(b"\x00"):
        try:
            message = parse(frame)
        except NotAnAnswer:
            return b"", frame, ""
        return b"", message.payload, message.kind or "messageStart"
    at = frame.find(b"data:")
    return (b"", frame, "") if at < 0 or frame[:1] in b"{[" else (frame[: at + 5], frame[at + 5 :], "")


def _reordered(frames: Frames, donor: Frames, dice: random.Random) -> Frames:  # noqa: PLR0911 - one for each kind
    if not frames:
        return list(donor)
    at, other = dice.randrange(len(frames)), dice.randrange(len(frames))
    match dice.randrange(10):
        case 0:
            return frames[:at] + frames[at + 1 :]
        case 1:
            return [*frames[:at], frames[other], *frames[at:]]
        case 2:
            return frames[:at]
        case 3:
            frames[at], frames[other] = frames[other], frames[at]
            return frames
        case 4:
            return frames[at:]
        case 5:  # two streams at once
            theirs = iter(donor[:30])
            return [one for mine in frames for one in (mine, next(theirs, b"")) if one]
        case 6:  # one stream that goes on as another
            return frames[:at] + donor[dice.randrange(len(donor)) :]
        case 7:
            return [*frames, *frames[-dice.randrange(1, 4) :]]
        case 8:
            return [*frames[:at], dice.choice(_BETWEEN), *frames[at:]]
        case _:
            low, high = sorted((at, other))
            middle = frames[low:high]
            dice.shuffle(middle)
            return frames[:low] + middle + frames[high:]


def _damaged_bytes(body: bytes, donor: Frames, dice: random.Random) -> bytes:  # noqa: PLR0911 - one for each kind
    if not body:
        return dice.randbytes(8)
    at = dice.randrange(len(body))
    match dice.randrange(10):
        case 0:
            return body[:at] + bytes([body[at] ^ (1 << dice.randrange(8))]) + body[at + 1 :]
        case 1:
            return body[:at]
        case 2:
            return body[at:]
        case 3:
            return body[:at] + dice.randbytes(dice.choice((1, 2, 9))) + body[at:]
        case 4:
            return body.replace(b'"', b'"\\ud800', dice.randrange(1, 6))
        case 5:
            deep = dice.choice((10, 500, 5000))
            return body[:at] + b"[" * deep + b"]" * deep + body[at:]
        case 6:
            return b'{"a":' * dice.choice((10, 2000)) + body
        case 7:
            theirs = dice.choice(donor)
            return body[:at] + theirs[dice.randrange(len(theirs) + 1) :]
        case 8:
            end = min(len(body), at + dice.choice((1, 2, 8, 64)))
            return body[:at] + body[at:end] * dice.choice((2, 5, 40)) + body[end:]
        case _:
            signs = (
                b"1e999",
                b"-",
                b"NaN",
                b"\\u0000",
                b"\xff",
                b"\xed\xa0\x80",
                b"\n",
                b"\r",
                b"\n\n",
                b"\x00",
            )
            return body[:at] + dice.choice((*signs, b" " * 50, b"\\udfff", b"\xef\xbb\xbf")) + body[at:]
