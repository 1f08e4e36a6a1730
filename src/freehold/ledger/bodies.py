"""Bodies: compressed, and addressed by their content; what was stored lately is not stored again.

An address is a multihash: two bytes that name the algorithm and its length (0x12 0x20: SHA-256, 32 bytes),
then the hash. People see it as `sha256:…`.

A body is stored as a zstandard frame. Short ones are compressed with a dictionary of what requests and answers
have in common (`bodies-1.dictionary`, made by `benchmarks/ledger/make_dictionary.py`): a body of 800 bytes takes
290 instead of 460, and half the time. The frame says which dictionary it needs.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import zstandard

LEVEL = 1
"""Of zstandard. At the size of chat bodies the levels above it cost more and save next to nothing."""
SHORT = 4096
"""Bytes of the longest body that the dictionary is used for; longer ones have enough in themselves."""
_SHA256 = b"\x12\x20"
_FRESH_HASH = hashlib.sha256()
_NOTHING = zstandard.ZstdCompressor().compress(b"")


class Place:
    """Where a body is kept, or will be."""

    __slots__ = ("day", "digest", "id")

    def __init__(self, digest: bytes, day: int, number: int | None = None) -> None:
        self.digest = digest
        self.day = day
        """Days since 1970 of the newest call that has it."""
        self.id = number
        """Of its row; None until there is one."""


class FreshBody(NamedTuple):
    """A body that was not stored lately."""

    place: Place
    stored: bytes


class Packer:
    """Compresses bodies and remembers the recent ones, so that a repeated body costs only its hash.

    Asking the database instead would need an index of the addresses. They come in no order, so each body would
    read and write a page of that index somewhere else: on a ledger of a million bodies that is most of the work.
    """

    def __init__(self, remembered: int = 20_000) -> None:
        """`remembered`: how many recent addresses to keep, about 250 bytes each."""
        self._for_short = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary(), write_checksum=False)
        self._for_long = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
        self._limit = remembered
        # Not a plain dict: finding the oldest key of one that has lost many keys means walking past all of them.
        self._recent: OrderedDict[bytes, Place] = OrderedDict()
        self._fresh: list[tuple[Place, bytes]] = []
        self._renewed: list[Place] = []

    def pack(self, body: bytes, day: int) -> Place:
        """The place of `body`. When it is a new one, `take_fresh` will give it."""
        digest = address_of(body)
        place = self._recent.get(digest)
        if place is None:
            place = Place(digest, day)
            self.remember(place)
            self._fresh.append((place, body))
            return place
        self._recent.move_to_end(digest)
        if place.day < day:
            place.day = day
            if place.id is not None:
                self._renewed.append(place)
        return place

    def remember(self, place: Place) -> None:
        """This body is stored, or is about to be."""
        if len(self._recent) >= self._limit:
            self._recent.popitem(last=False)
        self._recent[place.digest] = place

    def take_renewed(self) -> list[Place]:
        """Every stored body that a call of a later day has now."""
        renewed, self._renewed = self._renewed, []
        return renewed

    def take_fresh(self) -> list[FreshBody]:
        """Every body that was packed and is not stored, compressed.

        All in one call: compressing lets go of Python's lock, and getting it back from the thread that
        answers costs more than compressing a body does. Should it fail, none of them counts as stored.
        """
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return []
        try:
            stored = self._compress([body for _, body in fresh])
        except BaseException:
            self.forget([place.digest for place, _ in fresh])
            raise
        return [FreshBody(place, one) for (place, _), one in zip(fresh, stored, strict=True)]

    def _compress(self, bodies: list[bytes]) -> list[bytes]:
        stored = [_NOTHING] * len(bodies)  # the library refuses to compress nothing in this way
        short = [place for place, body in enumerate(bodies) if 0 < len(body) <= SHORT]
        long = [place for place, body in enumerate(bodies) if len(body) > SHORT]
        for compressor, places in ((self._for_short, short), (self._for_long, long)):
            if places:
                segments = compressor.multi_compress_to_buffer([bodies[place] for place in places])
                for number, place in enumerate(places):
                    stored[place] = segments[number].tobytes()
        return stored

    def forget(self, digests: list[bytes]) -> None:
        """These bodies are no longer in the database."""
        for digest in digests:
            self._recent.pop(digest, None)

    def forget_all(self) -> None:
        """The database may be another one."""
        self._recent.clear()
        self._renewed.clear()


def address_of(body: bytes) -> bytes:
    """The address of a body: what it is found by, and can be verified against."""
    hash_ = _FRESH_HASH.copy()  # cheaper than a new one, for which OpenSSL looks the algorithm up again
    hash_.update(body)
    return _SHA256 + hash_.digest()


def unpack(stored: bytes) -> bytes:
    """The body that was stored. Raises zstandard.ZstdError when it is damaged."""
    return zstandard.ZstdDecompressor(dict_data=_dictionary()).decompress(stored)


def shown(digest: bytes) -> str:
    """An address as people see it: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{digest[2:].hex()}" if digest[:2] == _SHA256 else f"multihash:{digest.hex()}"


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    # Whatever was compressed with a dictionary needs it for ever: it is never changed, a better one gets number 2.
    dictionary = zstandard.ZstdCompressionDict(Path(__file__).with_name("bodies-1.dictionary").read_bytes())
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
