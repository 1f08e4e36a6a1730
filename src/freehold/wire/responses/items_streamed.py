"""The items of a stream, from their beginning to their end.

What an item's last event says in full is compared with what was streamed, and the rest is added: some providers
leave deltas out, or send everything at once.
"""

from __future__ import annotations

import msgspec

from freehold.core.events import Cite, Event, Grow, PartBegin, PartEnd, Sign
from freehold.core.parts import Foreign, Part, Reasoning, Refusal, Text, ToolCall
from freehold.wire.reading import Object
from freehold.wire.responses.answer_in import state_of_provider
from freehold.wire.responses.citations import read_citation
from freehold.wire.responses.items_in import CALLS, read_model_item
from freehold.wire.responses.parts_in import read_part


class _Open:
    """A part that has begun."""

    __slots__ = ("cited", "ended", "grown", "index", "places", "sections")

    def __init__(self, index: int) -> None:
        self.index = index
        self.grown: list[str] = []
        self.sections: list[list[str]] = []
        """Of reasoning, the pieces of each section, in the order in which they began."""
        self.places: dict[int, int] = {}
        """Where in `sections` one is, by the number that the provider gave it."""
        self.cited = 0
        self.ended = False


class _Item:
    """An item that has begun. Its parts are known by their place in its content; an item that is one part has one."""

    __slots__ = ("ended", "first", "kind", "parts")

    def __init__(self, kind: str, first: Text | None = None) -> None:
        self.kind = kind
        self.first = first
        """What was said of a message as a whole."""
        self.parts: dict[int, _Open] = {}
        self.ended = False


class StreamedItems:
    """All items of one stream."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        """The parts as they began."""
        self._items: dict[int, _Item] = {}
        self._ids: set[str | None] = set()
        """Of the items that are complete."""

    def _begin_part(self, item: _Item, place: int, part: Part) -> tuple[_Open, list[Event]]:
        opened = _Open(len(self.parts))
        item.parts[place] = opened
        self.parts.append(part)
        return opened, [PartBegin(0, opened.index, part)]

    def begin(self, number: int, raw: msgspec.Raw) -> list[Event]:
        """An item begins. Of a call and of reasoning that is the beginning of a part."""
        if number in self._items:
            return []
        kind = Object(raw).need("type", str)
        item = self._items[number] = _Item(kind)
        if kind == "message":
            first = next((p for p in read_model_item(kind, raw, "item", state_of_provider)), None)
            item.first = first if isinstance(first, Text) else None
        elif kind == "reasoning" or kind in CALLS:
            (part,) = read_model_item(kind, raw, "item", state_of_provider)
            if isinstance(part, Reasoning):
                part.text, part.summary, part.state = "", [], None
            elif isinstance(part, ToolCall):
                part.arguments = ""  # said again at the end
            return self._begin_part(item, 0, part)[1]
        return []

    def _content(self, number: int, place: int, *, refusal: bool) -> tuple[_Open, list[Event]]:
        item = self._items.get(number)
        if item is None:
            item = self._items[number] = _Item("message")
        opened = item.parts.get(place)
        if opened is not None:
            return opened, []
        return self._begin_part(item, place, _beginning(item, refusal))

    def begin_content(self, number: int, place: int, raw: msgspec.Raw) -> list[Event]:
        """A part of a message begins. One that is neither text nor refusal comes with its end."""
        kind = Object(raw).take("type", str)
        if kind not in ("output_text", "refusal"):
            return []
        return self._content(number, place, refusal=kind == "refusal")[1]

    def grow_content(self, number: int, place: int, text: str, *, refusal: bool) -> list[Event]:
        """More words."""
        item = self._items.get(number)
        opened = None if item is None else item.parts.get(place)
        if opened is not None and not opened.ended:
            opened.grown.append(text)
            return [Grow(0, opened.index, text)]
        opened, events = self._content(number, place, refusal=refusal)
        return [*events, *_grow(opened, text)]

    def cite(self, number: int, place: int, raw: msgspec.Raw) -> list[Event]:
        """One more annotation."""
        opened, events = self._content(number, place, refusal=False)
        if opened.ended:
            return events
        opened.cited += 1
        return [*events, Cite(0, opened.index, read_citation(raw, "annotation"))]

    def end_content(self, number: int, place: int, raw: msgspec.Raw) -> list[Event]:
        """A part of a message is complete."""
        part = read_part(raw, "part")
        item = self._items.get(number)
        if item is None or item.kind != "message":
            return []
        return self._end_content(number, place, part)

    def _end_content(self, number: int, place: int, part: Part) -> list[Event]:
        if isinstance(part, Foreign):
            item = self._items[number]
            if place in item.parts:
                return []
            opened, events = self._begin_part(item, place, part)
        elif isinstance(part, Text | Refusal):
            opened, events = self._content(number, place, refusal=isinstance(part, Refusal))
            if opened.ended:
                return []
            events += _rest(opened, opened.grown, part.text, -1)
            if isinstance(part, Text):
                events += [Cite(0, opened.index, one) for one in part.citations[opened.cited :]]
        else:
            return []
        opened.ended = True
        events.append(PartEnd(0, opened.index))
        return events

    def grow_reasoning(self, number: int, text: str, section: int | None) -> list[Event]:
        """More reasoning, or more of a section of its summary."""
        opened, events = self._single(number, "reasoning", Reasoning())
        if opened.ended:
            return events
        if section is None:
            opened.grown.append(text)
            return [*events, Grow(0, opened.index, text)]
        place = opened.places.setdefault(section, len(opened.sections))
        if place == len(opened.sections):
            opened.sections.append([])
        opened.sections[place].append(text)
        return [*events, Grow(0, opened.index, text, place)]

    def grow_call(self, number: int, text: str) -> list[Event]:
        """More arguments."""
        item = self._items.get(number)
        if item is None:
            raise ValueError("arguments of a call that has not begun")
        if item.kind not in CALLS:
            return []  # of a hosted tool, whose item tells them in the end
        return _grow(item.parts[0], text)

    def _single(self, number: int, kind: str, part: Part) -> tuple[_Open, list[Event]]:
        """The one part of an item, which begins now if it has not."""
        item = self._items.get(number)
        if item is None:
            item = self._items[number] = _Item(kind)
        opened = item.parts.get(0)
        return (opened, []) if opened is not None else self._begin_part(item, 0, part)

    def end(self, number: int, raw: msgspec.Raw) -> list[Event]:
        """An item is complete: all of what it says that was not said yet."""
        whole = Object(raw)
        kind = whole.need("type", str)
        events = self.begin(number, raw)
        item = self._items[number]
        if item.ended or (item.kind != kind and item.parts):
            return events
        item.kind = kind
        item.ended = True
        self._ids.add(whole.take("id", str) or str(number))
        parts = read_model_item(kind, raw, "item", state_of_provider)
        if kind == "message":
            return events + self._end_message(number, item, parts)
        (part,) = parts
        opened, begun = self._single(number, kind, part)
        events += begun
        if isinstance(part, Reasoning):
            events += _rest(opened, opened.grown, part.text, -1)
            known = opened.sections
            for section, text in enumerate(part.summary):
                events += _rest(opened, known[section] if section < len(known) else [], text, section)
            if part.state is not None:
                events.append(Sign(0, opened.index, part.state))
        elif isinstance(part, ToolCall):
            rest = _rest(opened, opened.grown, part.arguments, -1)
            events += rest if rest or opened.grown else [Grow(0, opened.index, "")]
        events.append(PartEnd(0, opened.index))
        opened.ended = True
        return events

    def _end_message(self, number: int, item: _Item, parts: list[Part]) -> list[Event]:
        events: list[Event] = []
        for place, part in enumerate(parts):
            if isinstance(part, Text) and item.first is None:
                item.first = part
            events += self._end_content(number, place, part)
        for opened in item.parts.values():
            if not opened.ended:
                opened.ended = True
                events.append(PartEnd(0, opened.index))
        return events

    def finish(self, output: list[msgspec.Raw]) -> list[Event]:
        """The answer is complete: items that were not told of, or not to their end, are as `output` has them."""
        events: list[Event] = []
        # Some providers leave numbers out where they leave nothing out.
        numbers = sorted(self._items) if len(self._items) == len(output) else range(len(output))
        for number, raw in zip(numbers, output, strict=True):
            item = self._items.get(number)
            if item is None and Object(raw).take("id", str) in self._ids:
                continue
            if item is None or not item.ended:
                events += self.end(number, raw)
        for item in self._items.values():
            for opened in item.parts.values():
                if not opened.ended:
                    opened.ended = True
                    events.append(PartEnd(0, opened.index))
        return events


def _beginning(item: _Item, refusal: bool) -> Text | Refusal:
    """A part of a message as it begins: the first one has what was said of the item."""
    first = item.first
    item_id = None if first is None else first.item_id
    extra = first.extra if first is not None and not item.parts else {}
    return (Refusal if refusal else Text)(item_id=item_id, extra=extra)


def _grow(opened: _Open, text: str) -> list[Event]:
    if opened.ended:
        return []
    opened.grown.append(text)
    return [Grow(0, opened.index, text)]


def _rest(opened: _Open, grown: list[str], whole: str, section: int) -> list[Event]:
    """What of `whole` was not streamed. What was streamed differently stays as it was."""
    said = "".join(grown)
    if len(said) >= len(whole) or not whole.startswith(said):
        return []
    return [Grow(0, opened.index, whole[len(said) :], section)]
