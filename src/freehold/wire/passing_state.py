"""Reasoning state in answers that pass through within one dialect: only its own bytes change, to their sealed form.

Where a dialect has state is a table of its own. An answer or event without any costs no more than a search for the
words that come with it.
"""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import State
from freehold.wire.sealing import seal
from freehold.wire.sse import data_of, with_data
from freehold.wire.state_places import EACH, StatePlaces, Tree

_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str | None).decode
_encode = msgspec.json.Encoder().encode


class Sealer:
    """Seals what one model of one account answers."""

    __slots__ = ("_marks", "_model", "_origin", "_places")

    def __init__(self, places: StatePlaces, *, origin: str, model: str) -> None:
        self._places = places
        self._marks = places.marks
        self._origin = origin
        self._model = model

    def holds(self, data: bytes) -> bool:
        """Whether there may be state in it."""
        for mark in self._marks:  # noqa: SIM110 - asked of every piece of a stream: half of what `any` takes
            if mark in data:
                return True
        return False

    def answer(self, body: bytes) -> bytes:
        """An answer or an event's data, as JSON. What is not understood is left as it is."""
        if not self.holds(body):
            return body
        try:
            return self._changed(body, self._places.tree)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return body

    def frame(self, frame: bytes) -> bytes:
        """An event of a stream, without the empty line that ends it."""
        if not self.holds(frame):
            return frame
        data = data_of(frame)
        if data is None:
            return frame
        sealed = self.answer(data)
        return frame if sealed is data else with_data(frame, data, sealed)

    def _changed(self, raw: bytes, tree: Tree) -> bytes:
        """`raw` itself where nothing of it changes."""
        if not self.holds(raw):
            return raw
        kind = raw.lstrip()[:1]
        if kind == b"[" and EACH in tree:
            items = [bytes(item) for item in _decode_list(raw)]
            written = [self._changed(item, tree[EACH]) for item in items]
            if all(one is other for one, other in zip(items, written, strict=True)):
                return raw
            return _encode([msgspec.Raw(item) for item in written])
        if kind != b"{" or EACH in tree:
            return raw
        fields = _decode_fields(raw)
        if not tree:
            found = self._sealed(fields)
        else:
            held = {name: bytes(fields[name]) for name in tree if name in fields}
            changed = {name: self._changed(inner, tree[name]) for name, inner in held.items()}
            found = {name: msgspec.Raw(new) for name, new in changed.items() if new is not held[name]}
        return _encode({**fields, **found}) if found else raw

    def _sealed(self, fields: Fields) -> Fields:
        """The fields that are state, sealed."""
        found: Fields = {}
        for name, kind in self._places.fields_of(fields):
            data = _decode_text(fields[name]) if name in fields else None
            if data:
                state = State(data=data, kind=kind, origin=self._origin, model=self._model)
                found[name] = msgspec.Raw(_encode(seal(state)))
        return found
