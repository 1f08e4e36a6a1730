"""Near-duplicates: texts that say the same but for little, found without comparing each with each.

A text is the set of its pieces of five characters. What two texts have in common is the Jaccard index of their sets,
estimated from 128 minima of random hashes (Broder, 1997: "On the resemblance and containment of documents"): the share
of minima that are equal is unbiased, with a standard error of at most 0.045. Texts are looked at when one of 32 bands
of four minima is equal (Leskovec, Rajaraman, Ullman: "Mining of Massive Datasets", chapter 3), which two texts of an
index of 0.8 are with a probability over 0.9999999.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Minima = NDArray[np.uint64]

THRESHOLD = 0.8
"""Jaccard index from which two texts count as the same."""
LONGEST = 8_000
"""Characters of a text that are looked at, from its beginning."""
_PIECE = 5
_BANDS, _ROWS = 32, 4
_HASHES = _BANDS * _ROWS
_random = np.random.default_rng(20)
# Odd factors permute the numbers of 64 bits.
_FACTORS = _random.integers(1, 2**63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_SHIFTS = _random.integers(0, 2**63, _HASHES, dtype=np.uint64)
_PLACES = _random.integers(1, 2**63, _PIECE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


class Seen:
    """Texts that were seen, and which of them another one is like."""

    def __init__(self) -> None:
        self._minima: list[tuple[Minima, Minima]] = []
        self._bands: dict[tuple[int, bytes], list[int]] = {}

    def place_of(self, question: str, context: str) -> tuple[int, bool]:
        """The number of what is like this, and whether it is new: then it has the next one.

        Two questions are alike only where the contexts that they stand in are, too.
        """
        minima, around = minima_of(question), minima_of(context)
        bands = [(band, minima[band * _ROWS : (band + 1) * _ROWS].tobytes()) for band in range(_BANDS)]
        looked: set[int] = set()
        for band in bands:
            for place in self._bands.get(band, ()):
                if place in looked:
                    continue
                looked.add(place)
                other, other_around = self._minima[place]
                if _alike(minima, other) and _alike(around, other_around):
                    return place, False
        place = len(self._minima)
        self._minima.append((minima, around))
        for band in bands:
            self._bands.setdefault(band, []).append(place)
        return place, True


def minima_of(text: str) -> Minima:
    """The least hashes of a text's pieces. White space, capitals, forms of characters and a last mark do not count."""
    plain = " ".join(unicodedata.normalize("NFKC", text[:LONGEST]).casefold().split()).rstrip(" .!?…。")
    codes = np.frombuffer(f"  {plain}  ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    windows = (
        np.lib.stride_tricks.sliding_window_view(codes, _PIECE) if codes.size >= _PIECE else codes[None, :]
    )
    pieces = np.unique((windows * _PLACES[: windows.shape[1]]).sum(axis=1, dtype=np.uint64))
    pieces ^= pieces >> np.uint64(29)
    hashes = pieces[None, :] * _FACTORS[:, None] + _SHIFTS[:, None]
    minima: Minima = (hashes ^ (hashes >> np.uint64(32))).min(axis=1)
    return minima


def _alike(one: Minima, other: Minima) -> bool:
    return float(np.mean(one == other)) >= THRESHOLD
