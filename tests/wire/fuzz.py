"""Damaged frames for one dialect's decoders: `python tests/wire/fuzz.py DIALECT SECONDS`.

Recorded bodies (where they are) and ones of our own are damaged, as bytes and as JSON, and read. Out of a decoder
come BadRequest and NotAnAnswer alone; what it understood is written in every dialect, which must not fail either;
and no input takes longer than its size allows. Each finding is told once, with what made it; the exit code counts them.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.reality.aws_frames import aws_frame  # noqa: E402
from benchmarks.reality.recordings import recordings_in  # noqa: E402
from freehold.core.answer import Answer, Choice, Stop  # noqa: E402
from freehold.core.errors import BadRequest, FreeholdError  # noqa: E402
from freehold.core.events import Event  # noqa: E402
from freehold.core.gathering import Gathering, events_of  # noqa: E402
from freehold.core.losses import Losses  # noqa: E402
from freehold.core.parts import Message, Part, Reasoning, State, Text, ToolCall  # noqa: E402
from freehold.core.request import ChatRequest  # noqa: E402
from freehold.core.usage import Usage  # noqa: E402
from freehold.wire.bedrock.frames import AwsEventSplitter, parse  # noqa: E402
from freehold.wire.dialect import Addressee, DialectName, NotAnAnswer, Recipient  # noqa: E402
from freehold.wire.dialects import NAMES, dialect_of  # noqa: E402

CLIENTS: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
LARGEST_SEED = 30_000
SECONDS_PER_MEGABYTE = 4.0
"""Processor time: fifty times what is usual, so that a busy machine is no finding."""
GRACE = 0.25

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 10**400, 1e308, -0.0, 0.5, "", " ", "a", "null",
    "{}", "[]", "{", '{"a":', "\x00", "\ud800", "\udfff", "é\u2028😀", "x" * 300, "data:image/png;base64,AAAA",
    "freehold", "freeholdAAAA", "http://[", "text", "function", [], {}, [None], [[]], [{}], {"type": None},
    {"type": "text"}, {"type": "text", "text": None}, {"type": "function"}, {"": ""}, [1, "a", None],
)  # fmt: skip


class Finding(Exception):
    """Something went wrong that must not."""


def seeds_of(dialect: DialectName, folder: Path) -> dict[str, list[list[bytes]]]:
    """By direction what to damage: a body is a stream of one frame."""
    seeds: dict[str, list[list[bytes]]] = {"request": [], "answer": [], "stream": []}
    for one in recordings_in(folder):
        if one.dialect != dialect:
            continue
        if one.request and len(one.request) < LARGEST_SEED:
            seeds["request"].append([one.request])
        if one.answer and len(one.answer) < LARGEST_SEED:
            seeds["answer"].append([one.answer])
        if one.frames:
            seeds["stream"].append(one.frames[:60] if len(one.frames) > 120 else one.frames)
    if dialect in CLIENTS:
        made = _made_answer()
        speaker = dialect_of(dialect)
        asked = Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=1)
        seeds["answer"].append([speaker.encode_answer(made, asked, Losses())])
        writer = speaker.encode_stream(asked, Losses())
        written = b"".join(writer.write(event) for event in events_of(made))
        cut = written.replace(b"\r\n", b"\n").split(b"\n\n")
        seeds["stream"].append([frame for frame in cut if frame])
        small = ChatRequest(model="m", messages=[Message(role="user", parts=[Text(text="Hello")])])
        seeds["request"].append([speaker.encode_request(small, Recipient(model="m", origin="o"), Losses())])
    else:
        seeds.pop("request")
    return {direction: found for direction, found in seeds.items() if found}


def _made_answer() -> Answer:
    parts: list[Part] = [
        Reasoning(text="hm", state=State(data="c2ln", kind="signature")),
        Text(text="Hello"),
        ToolCall(id="call_a", name="look", arguments='{"a":1}'),
        ToolCall(id="call_b", name="look", arguments='{"a":2}'),
    ]
    usage = Usage(10, 5, 4, None, 2, source="provider")
    choice = Choice(parts=parts, stop=Stop(reason="tool_calls"))
    return Answer(id="x", model="m", created=1, choices=[choice], usage=usage, dialect="")


# Damage -----------------------------------------------------------------------------------------


def damage(frames: list[bytes], dice: random.Random) -> list[bytes]:
    """The frames with one to four things wrong."""
    frames = list(frames)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        if len(frames) > 1 and dice.random() < 0.15:
            frames = _shuffle(frames, dice)
            continue
        if not frames:
            break
        at = dice.randrange(len(frames))
        head, body, tail = _opened(frames[at])
        if dice.random() < 0.75:
            try:
                body = _dump(_damage_tree(json.loads(body), dice), dice)
            except (ValueError, RecursionError, UnicodeError):
                body = _damage_bytes(body, dice)
        else:
            body = _damage_bytes(body, dice)
        frames[at] = aws_frame(tail, body) if tail else head + body
    return frames


def _opened(frame: bytes) -> tuple[bytes, bytes, str]:
    """What stands before the JSON, the JSON, and the kind of an AWS message."""
    if frame.startswith(b"\x00"):
        try:
            message = parse(frame)
        except NotAnAnswer:
            return b"", frame, ""
        return b"", message.payload, message.kind or "messageStart"
    at = frame.find(b"data:")
    return (b"", frame, "") if at < 0 else (frame[: at + 5], frame[at + 5 :], "")


def _shuffle(frames: list[bytes], dice: random.Random) -> list[bytes]:
    at, other = dice.randrange(len(frames)), dice.randrange(len(frames))
    match dice.randrange(5):
        case 0:
            return frames[:at] + frames[at + 1 :]
        case 1:
            return [*frames[:at], frames[other], *frames[at:]]
        case 2:
            return frames[:at]
        case 3:
            frames[at], frames[other] = frames[other], frames[at]
            return frames
        case _:
            return frames[at:]


def _damage_bytes(body: bytes, dice: random.Random) -> bytes:  # noqa: PLR0911 - one for each kind
    if not body:
        return dice.randbytes(8)
    at = dice.randrange(len(body))
    match dice.randrange(8):
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
        case _:
            return (
                body[:at]
                + dice.choice((b"1e999", b"-", b"NaN", b"\\u0000", b"\xff", b"\xed\xa0\x80"))
                + body[at:]
            )


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every value in the tree as its container and key."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        inner: Iterable[Any] = (
            one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        )
        for key in inner:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                waiting.append(one[key])
    return found


def _damage_tree(tree: Any, dice: random.Random) -> Any:
    places = _places(tree)
    if not places:
        return dice.choice(ODD)
    holder, key = dice.choice(places)
    other_holder, other_key = dice.choice(places)
    match dice.randrange(9):
        case 0 | 1 | 2:
            holder[key] = dice.choice(ODD)
        case 3:
            del holder[key]
        case 4:
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        case 5 if isinstance(holder, list):
            holder[key:key] = [holder[key]] * dice.choice((1, 3, 200))
        case 6 if isinstance(holder, dict):
            holder[dice.choice(("type", "id", "text", "content", "index", "x"))] = dice.choice(ODD)
        case 7:
            holder[key] = [holder[key]]
        case 8 if isinstance(holder[key], str):
            text = holder[key]
            holder[key] = dice.choice((text[: len(text) // 2], text + "\ud83d", text * 30, text.upper()))
        case _:
            holder[key] = {"type": holder[key]}
    return tree


def _dump(tree: Any, dice: random.Random) -> bytes:
    text = json.dumps(tree, ensure_ascii=dice.random() < 0.7).encode("utf-8", "surrogatepass")
    if dice.random() < 0.1 and text.startswith(b"{") and len(text) > 2:
        text = text[:-1] + b"," + text[1:]  # every field twice
    return text


# Reading ----------------------------------------------------------------------------------------


def read_request(dialect: DialectName, frames: list[bytes]) -> None:
    """Decode one request and encode it for every provider's dialect."""
    request = dialect_of(dialect).decode_request(b"".join(frames))
    for name in NAMES:
        try:
            dialect_of(name).encode_request(request, Recipient(model="m", origin="o"), Losses())
        except BadRequest:
            continue


def read_answer(dialect: DialectName, frames: list[bytes]) -> None:
    """Decode one answer and encode it for every client's dialect."""
    body = b"".join(frames)
    speaker = dialect_of(dialect)
    speaker.decode_error(400, body)
    speaker.decode_usage(body)
    answer = speaker.decode_answer(body)
    for name in CLIENTS:
        dialect_of(name).encode_answer(answer, _addressee(), Losses())


def read_stream(dialect: DialectName, frames: list[bytes]) -> None:
    """Decode one stream and encode it for every client's dialect, as far as it can be read."""
    reader = dialect_of(dialect).decode_stream()
    events: list[Event] = []
    failed: NotAnAnswer | None = None
    try:
        for frame in frames:
            events += reader.read(frame)
        events += reader.finish()
    except NotAnAnswer as error:
        failed = error
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    gathering.finish()
    for name in CLIENTS:
        writer = dialect_of(name).encode_stream(_addressee(), Losses())
        for event in events:
            writer.write(event)
    if dialect == "bedrock-converse":
        AwsEventSplitter().feed(b"".join(frames))
    if failed:
        raise failed


def _addressee() -> Addressee:
    return Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=1)


READERS: dict[str, Callable[[DialectName, list[bytes]], None]] = {
    "request": read_request,
    "answer": read_answer,
    "stream": read_stream,
}


# Growth -----------------------------------------------------------------------------------------


def grown(frames: list[bytes], dice: random.Random) -> list[list[bytes]]:
    """The same input four times, each twice as large as the one before: one list of it, one text, or the frames."""
    if len(frames) > 2 and dice.random() < 0.4:
        start = dice.randrange(len(frames) - 1)
        end = dice.randrange(start + 1, min(start + 4, len(frames)) + 1)
        return [frames[:start] + frames[start:end] * times + frames[end:] for times in _sizes(2000)]
    at = dice.randrange(len(frames))
    head, body, kind = _opened(frames[at])
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return []
    places = [
        (holder, key)
        for holder, key in _places(tree)
        if isinstance(holder, list) or isinstance(holder[key], str)
    ]
    if not places:
        return []
    holder, key = dice.choice(places)
    kept = holder[key]
    found = []
    for times in _sizes(2000):
        if isinstance(holder, list):
            rest = holder[key + 1 :]
            holder[key:] = [kept] * times + rest
            body = json.dumps(tree).encode()
            holder[key:] = [kept, *rest]
        else:
            holder[key] = (kept or '[{"') * times
            body = json.dumps(tree).encode()
            holder[key] = kept
        if len(body) > 4_000_000:
            break
        found.append([*frames[:at], aws_frame(kind, body) if kind else head + body, *frames[at + 1 :]])
    return found


def _sizes(most: int) -> list[int]:
    return [most // 8, most // 4, most // 2, most]


# The run ----------------------------------------------------------------------------------------


def attempt(dialect: DialectName, direction: str, frames: list[bytes]) -> float:
    """Read the frames; how long it took. Raises Finding."""
    size = sum(map(len, frames))
    begun = time.thread_time()
    try:
        READERS[direction](dialect, frames)
    except (BadRequest, NotAnAnswer):
        pass
    except FreeholdError as error:
        if type(error).__name__ != "EventTooLarge":
            raise Finding(_told(error)) from error
    except Exception as error:
        raise Finding(_told(error)) from error
    took = time.thread_time() - begun
    if took > GRACE + size / 1e6 * SECONDS_PER_MEGABYTE:
        raise Finding(f"{took:.2f} s for {size} bytes")
    return took


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/freehold/" in frame.filename]
    where = (
        f"{Path(ours[-1].filename).parent.name}/{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        if ours
        else "?"
    )
    way = " < ".join(
        f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}"
        for frame in ours[-2::-1][:3]
    )
    return f"{type(error).__name__} in {where} ({str(error)[:120]}) < {' < '.join(way[:-4:-1])}"


def smaller(dialect: DialectName, direction: str, frames: list[bytes], same: str) -> list[bytes]:
    """The frames without those that the finding does not need."""
    at = 0
    while at < len(frames) and len(frames) > 1:
        fewer = frames[:at] + frames[at + 1 :]
        try:
            attempt(dialect, direction, fewer)
        except Finding as finding:
            if str(finding).split(" (")[0] == same:
                frames = fewer
                continue
        at += 1
    return frames


def fuzz(
    dialect: DialectName, direction: str, seeds: list[list[bytes]], seconds: float, dice: random.Random
) -> int:
    """Damage and read for so long. The number of findings."""
    known: Counter[str] = Counter()
    tried = grew = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if tried % 500 == 0:
            gc.collect()  # at a time of its own, so that no input is blamed for it
        seed = dice.choice(seeds)
        if dice.random() < 0.01:
            batches = grown(seed, dice)
            grew += bool(batches)
        else:
            batches = [damage(seed, dice)]
        times: list[float] = []
        for frames in batches:
            tried += 1
            try:
                times.append(attempt(dialect, direction, frames))
                if len(times) > 2 and times[-1] > 0.15 and times[-1] > 3 * times[-2] > 9 * times[-3]:
                    raise Finding(f"grows faster than its input: {[round(one, 3) for one in times]}")
            except Finding as finding:
                key = str(finding).split(" (")[0] if " in " in str(finding) else str(finding).split(":")[0]
                known[key] += 1
                if known[key] == 1:
                    report(
                        dialect,
                        direction,
                        str(finding),
                        frames if len(frames) > 300 else smaller(dialect, direction, frames, key),
                    )
                break
    say(
        f"{dialect} {direction}: {tried} inputs, {grew} grown, in {seconds:.0f} s; {len(known)} findings {dict(known)}",
    )
    return len(known)


def say(text: str) -> None:
    """Tell it at once: the run may be ended at any time."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def report(dialect: str, direction: str, finding: str, frames: list[bytes]) -> None:
    """Tell of a finding, with what made it."""
    say(f"FOUND {dialect} {direction}: {finding}")
    size = sum(map(len, frames))
    say(f"  {len(frames)} frames, {size} bytes: {[frame[:1500] for frame in frames[:12]]}")


def main() -> int:
    """Run for the dialect and the time that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialect", choices=NAMES)
    parser.add_argument("seconds", type=float, help="of each direction")
    parser.add_argument("--direction", choices=tuple(READERS))
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--recordings", type=Path, default=ROOT.parent / "shared" / "data" / "wire")
    asked = parser.parse_args()
    number = random.randrange(2**32) if asked.seed is None else asked.seed
    say(f"seed {number}")
    found = 0
    for name in NAMES:
        dialect_of(name)  # loading one takes longer than any input
    gc.disable()
    for direction, seeds in seeds_of(asked.dialect, asked.recordings).items():
        if asked.direction in (None, direction):
            found += fuzz(asked.dialect, direction, seeds, asked.seconds, random.Random(number))
    return min(found, 100)


if __name__ == "__main__":
    raise SystemExit(main())
