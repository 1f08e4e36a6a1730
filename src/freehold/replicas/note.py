"""What one replica tells the others of itself."""

from __future__ import annotations

import msgspec

Spot = tuple[str, ...]
"""Where something is wrong, in words that all replicas use alike."""

MOST_SPOTS = 1_000
"""Of one note. Names of models come from clients."""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """One replica's. Times are lengths, so that nobody's clock matters."""

    configuration: str
    """What its configuration is called."""
    found: tuple[tuple[Spot, float], ...] = ()
    """What it found itself, and for how many seconds more it leaves that alone."""


class Heard(msgspec.Struct, frozen=True):
    """A note of somebody else, as it is now."""

    replica: str
    note: Note
    age: float
    """Seconds since it was written."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Note).decode


def packed(note: Note) -> bytes:
    """The note as bytes, with the spots that stay the longest."""
    if len(note.found) > MOST_SPOTS:
        longest = sorted(note.found, key=lambda pair: -pair[1])[:MOST_SPOTS]
        note = msgspec.structs.replace(note, found=tuple(longest))
    return _encode(note)


def unpacked(data: bytes) -> Note | None:
    """The note in `data`; None where it is of a version that writes them otherwise."""
    try:
        return _decode(data)
    except (ValueError, msgspec.DecodeError):
        return None
