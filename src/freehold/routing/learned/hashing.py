"""The words and letters of a text as numbers: how often each run of them stands in it, by its hash."""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
import numpy.typing as npt

READ = 8_000
"""Characters of a text that are read; what follows them does not count."""
BITS = 18
"""Of a hash: runs fall into 262,144 places."""
PLACES = 1 << BITS

Codes = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float32]
Counted = tuple[Codes, Floats]

_WORD_RUNS = (1, 2)
_LETTER_RUNS = (3, 4, 5)
# Alternatives that begin with different characters: the time is linear in the text.
_TOKEN = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")


def tokens_of(text: str) -> list[str]:
    """Words in small letters, and each digit and each mark by itself."""
    return _TOKEN.findall(text[:READ].lower())


def words_in(tokens: list[str]) -> Counted:
    """Places of the words and of pairs of words, in ascending order, and how much each weighs in this text alone."""
    hashes = (crc32(token.encode(errors="surrogatepass")) for token in tokens)
    return _counted(np.fromiter(hashes, np.uint32, len(tokens)), _WORD_RUNS)


def letters_in(text: str) -> Counted:
    """The same of runs of three to five characters, where any white space is one blank."""
    plain = " ".join(text[:READ].lower().split())[:READ]
    return _counted(np.frombuffer(f" {plain} ".encode("utf-32-le", "surrogatepass"), np.uint32), _LETTER_RUNS)


def _counted(codes: Codes, runs: tuple[int, ...]) -> Counted:
    """Repeated runs weigh as the logarithm of their number, as the tenth says little more than the ninth."""
    hashed = [_runs(codes, length) for length in runs if len(codes) >= length]
    if not hashed:
        return np.empty(0, np.uint32), np.empty(0, np.float32)
    places, counts = np.unique(np.concatenate(hashed) >> np.uint32(32 - BITS), return_counts=True)
    return places, 1.0 + np.log(counts.astype(np.float32))


def _runs(codes: Codes, length: int) -> Codes:
    """The hash of each run of this length: a polynomial, whose bits are mixed as its high ones name the place."""
    many = len(codes) - length + 1
    hashed = np.full(many, length * 2_654_435_761 % 2**32, np.uint32)
    for offset in range(length):
        hashed *= np.uint32(1_000_003)
        hashed += codes[offset : offset + many]
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashed ^= hashed >> np.uint32(shift)
        hashed *= np.uint32(factor)
    hashed ^= hashed >> np.uint32(16)
    return hashed
