"""The same input in four sizes, each twice the one before: what takes much more than twice as long grows too fast."""

from __future__ import annotations

import json
import random
from typing import Any

from ..reality.aws_frames import aws_frame
from .damage import Frames, opened
from .trees import places_in

LARGEST = 4_000_000
_SIZES = (250, 500, 1000, 2000)


def grown(frames: Frames, dice: random.Random) -> list[Frames]:
    """Some of the frames repeated; or one item of a list, one field of an object, one text, at times beside another."""
    if len(frames) > 2 and dice.random() < 0.4:
        start = dice.randrange(len(frames) - 1)
        end = dice.randrange(start + 1, min(start + 4, len(frames)) + 1)
        return [frames[:start] + frames[start:end] * times + frames[end:] for times in _SIZES]
    at = dice.randrange(len(frames))
    head, body, kind = opened(frames[at])
    try:
        tree = json.loads(body)
        places = [(holder, key) for holder, key in places_in(tree) if _can_grow(holder, key)]
        if not places:
            return []
        holder, key = dice.choice(places)
        texts = [place for place in places if isinstance(place[0][place[1]], str) and place[0] is not holder]
        beside = dice.choice(texts) if texts and dice.random() < 0.4 else None
        bodies = _repeated(tree, holder, key, beside)
    except (ValueError, RecursionError):
        return []
    return [
        [*frames[:at], aws_frame(kind, body) if kind else head + body, *frames[at + 1 :]] for body in bodies
    ]


def _can_grow(holder: object, key: object) -> bool:
    return isinstance(holder, list) or isinstance(holder[key], str | dict)  # type: ignore[index]


def _repeated(tree: object, holder: object, key: object, beside: tuple[Any, Any] | None) -> list[bytes]:
    """`beside`: the place of a text that grows as well: each of many may be looked for in all of it."""
    bodies: list[bytes] = []
    text = "" if beside is None else beside[0][beside[1]][:200] or "é"
    for times in _SIZES:
        if beside is not None:
            beside[0][beside[1]] = text * times
        if isinstance(holder, list):
            assert isinstance(key, int)
            kept, rest = holder[key], holder[key + 1 :]
            holder[key:] = [_numbered(kept, at) for at in range(times)] + rest
            body = json.dumps(tree).encode()
            holder[key:] = [kept, *rest]
        else:
            assert isinstance(holder, dict)
            kept = holder[key]
            holder[key] = (kept or '[{"') * times if isinstance(kept, str) else _widened(kept, times)
            body = json.dumps(tree).encode()
            holder[key] = kept
        if len(body) > LARGEST:
            break
        bodies.append(body)
    return bodies


def _numbered(item: object, at: int) -> object:
    """Every other item has a name and a number of its own: what is found by them must not be searched for."""
    if not isinstance(item, dict) or at % 2:
        return item
    own = {
        name: f"{item[name]}{at}"
        for name in ("id", "call_id", "name", "tool_use_id", "custom_id")
        if name in item
    }
    return {**item, **own, **({"index": at} if "index" in item else {})}


def _widened(value: dict[str, object], times: int) -> dict[str, object]:
    inner = next(iter(value.values()), 1)
    return {**value, **{f"x{at}": inner for at in range(times)}}
