"""Blocks that only this dialect has (a hosted tool's call and its result, a compaction) in streams."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.parts import Foreign

_decode_fields = msgspec.json.Decoder(Fields).decode
_encode = msgspec.json.encode


class Gathered:
    """One such block put together from its beginning and what follows."""

    def __init__(self, begun: Foreign) -> None:
        self._begun = begun
        self._fields = _decode_fields(begun.raw)
        self._input: list[str] = []
        self._changed = False

    def add(self, delta: Fields) -> None:
        """One more delta: of its input, or fields that are appended to or replaced."""
        self._changed = True
        for name, value in delta.items():
            if name == "partial_json":
                self._input.append(msgspec.json.decode(value, type=str))
            elif name != "type":
                before = bytes(self._fields.get(name, b"null"))
                both = before.startswith(b'"') and bytes(value).startswith(b'"')
                self._fields[name] = msgspec.Raw(before[:-1] + bytes(value)[1:]) if both else value

    def whole(self) -> Foreign:
        """The block. Input that is cut off is kept as text, which is what it is."""
        if not self._changed:
            return self._begun
        text = "".join(self._input).encode()
        if text:
            try:
                msgspec.json.decode(text)
                self._fields["input"] = msgspec.Raw(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._fields["input"] = msgspec.Raw(_encode({"INVALID_JSON": text.decode()}))
        return Foreign(dialect=self._begun.dialect, kind=self._begun.kind, raw=_encode(self._fields))


def unfold(foreign: Foreign) -> tuple[msgspec.Raw, dict[str, object] | None]:
    """The block as its stream begins it, and the delta that completes it."""
    fields = _decode_fields(foreign.raw)
    if foreign.kind == "compaction":
        names = [name for name in fields if name in ("content", "encrypted_content", "signature")]
        delta: dict[str, object] = {"type": "compaction_delta", **{name: fields[name] for name in names}}
        begun = {**fields, **dict.fromkeys(names)}
        return msgspec.Raw(_encode(begun)), delta
    given = bytes(fields.get("input", b""))
    if given.startswith(b"{") and foreign.kind.endswith("tool_use"):
        begun = {**fields, "input": msgspec.Raw(b"{}")}
        return msgspec.Raw(_encode(begun)), {"type": "input_json_delta", "partial_json": given.decode()}
    return msgspec.Raw(foreign.raw), None
