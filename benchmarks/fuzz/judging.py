"""Whether what was written can be read: by anybody's JSON reader, and by our own decoder of the same dialect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

from freehold.core.events import Begin, Cite, End, ErrorSeen, Event, Grow, PartBegin, PartEnd, Sign
from freehold.core.gathering import Gathering
from freehold.wire.dialect import Dialect, NotAnAnswer
from freehold.wire.sse import EventSplitter, data_of

from .target import Wrong


def need_json(written: bytes, what: str) -> None:
    """Raises Wrong for what is no JSON. Numbers and depths that only some readers take are the sender's own."""
    try:
        json.loads(written.decode(), parse_constant=_refuse, parse_int=str)
    except RecursionError:
        return
    except ValueError as error:
        raise Wrong(f"{what} writes what is no JSON") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def need_order(events: Iterable[Event]) -> None:
    """Raises Wrong for events that come in another order than `core/events.py` promises."""
    begun = ended = False
    parts: Counter[int] = Counter()
    open_parts: set[tuple[int, int]] = set()
    for event in events:
        if ended:
            raise Wrong("something is said after the end")
        if isinstance(event, Begin) == begun and not isinstance(event, ErrorSeen):
            raise Wrong("the answer begins not once and first")
        begun = True
        ended = isinstance(event, End | ErrorSeen)
        if isinstance(event, PartBegin):
            if event.index != parts[event.choice]:
                raise Wrong("parts are not numbered in order")
            parts[event.choice] += 1
            open_parts.add((event.choice, event.index))
        elif isinstance(event, Grow | Sign | Cite | PartEnd):
            if (event.choice, event.index) not in open_parts:
                raise Wrong(f"{type(event).__name__} is about a part that is not open")
            if isinstance(event, PartEnd):
                open_parts.discard((event.choice, event.index))


def need_stream(written: bytes, speaker: Dialect) -> None:
    """Raises Wrong for a stream that its own dialect's decoder does not take."""
    splitter = EventSplitter()
    frames = splitter.feed(written)
    if splitter.take_rest():
        raise Wrong(f"{speaker.name} leaves an event open")
    reader = speaker.decode_stream()
    gathering = Gathering()
    try:
        for frame in frames:
            data = data_of(frame)
            if data is not None and data != b"[DONE]":
                need_json(data, speaker.name)
            for event in reader.read(frame):
                gathering.add(event)
        for event in reader.finish():
            gathering.add(event)
    except NotAnAnswer as error:
        raise Wrong(f"{speaker.name} does not read its own stream") from error
    gathering.finish()
