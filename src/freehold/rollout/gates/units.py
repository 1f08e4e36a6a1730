"""Which conversations have been counted: each of them counts once."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

_MOST = 200_000
"""Of the newest ones; one that comes back after so many others counts again."""
_BYTES = 6


class Units(msgspec.Struct):
    """Conversations by a digest, each with the stage and the arm at which it was first seen."""

    seen: dict[bytes, int] = {}

    def first(self, kind: str, unit: str, mark: int = 0) -> bool:
        """Whether it was not seen before. It is now, with this mark."""
        key = _key(kind, unit)
        if key in self.seen:
            return False
        if len(self.seen) >= _MOST:
            del self.seen[next(iter(self.seen))]
        self.seen[key] = mark
        return True

    def mark(self, kind: str, unit: str) -> int | None:
        """With which mark it was first seen; None: it was not."""
        return self.seen.get(_key(kind, unit))

    def pack(self) -> bytes:
        """All of them, to be kept."""
        return b"".join(key + mark.to_bytes(2) for key, mark in self.seen.items())


def unpack(packed: bytes) -> Units:
    """Those that were packed."""
    size = _BYTES + 2
    return Units(
        {
            packed[at : at + _BYTES]: int.from_bytes(packed[at + _BYTES : at + size])
            for at in range(0, len(packed), size)
        }
    )


def _key(kind: str, unit: str) -> bytes:
    return blake2b(f"{kind}\0{unit}".encode(errors="surrogatepass"), digest_size=_BYTES).digest()
