"""Near-duplicates: texts that say the same but for little, found without comparing each with each.

A text is the set of its pieces of five characters. What two texts have in common is the Jaccard index of their sets,
which datasketch estimates from 128 minima of random hashes: the share of minima that are equal is unbiased, with a
standard error of at most 0.045. Texts are looked at when one of 32 bands of four minima is equal (Leskovec, Rajaraman,
Ullman: "Mining of Massive Datasets", chapter 3), which two texts of an index of 0.8 are with a probability over
0.9999999; where what stands around them differs as much, too, 0.997.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from freehold.core.errors import BadRequest
from freehold.core.extras import how_to_install

THRESHOLD = 0.8
"""Jaccard index from which two texts count as the same."""
LONGEST = 8_000
"""Characters of a text that are looked at, from its beginning."""
_PIECE = 5
_BANDS, _ROWS = 32, 4
_HASHES = _BANDS * _ROWS
_SCHEME = "affine64"
_random = np.random.default_rng(20)
# Odd factors permute the numbers of 64 bits.
_PLACES = _random.integers(1, 2**63, _PIECE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


class Seen:
    """Texts that were seen, and which of them another one is like."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        """`threshold`: index from which two texts are alike. Raises BadRequest: datasketch is not installed."""
        try:
            from datasketch import LeanMinHash, MinHash, MinHashLSH  # noqa: PLC0415 - an extra, and heavy
        except ImportError:
            raise BadRequest(
                "Finding near-duplicates needs datasketch, which is not installed.",
                hint=how_to_install("compare"),
            ) from None
        self._threshold = threshold
        self._lean = LeanMinHash
        self._empty: Any = MinHash(num_perm=_HASHES, scheme=_SCHEME, hashfunc=_as_it_is)
        # A band holds what stands around, too: thousands may say the same few words, each to something else.
        self._index: Any = MinHashLSH(num_perm=2 * _HASHES, params=(_BANDS, 2 * _ROWS))
        self._minima: list[tuple[Any, Any]] = []

    def place_of(self, question: str, context: str) -> tuple[int, bool]:
        """The number of what is like this, and whether it is new: then it has the next one.

        Two questions are alike only where the contexts that they stand in are, too.
        """
        minima, around = self._minima_of(question), self._minima_of(context)
        both = self._together(minima, around)
        for place in sorted(self._index.query(both)):
            other, other_around = self._minima[place]
            if min(minima.jaccard(other), around.jaccard(other_around)) >= self._threshold:
                return place, False
        place = len(self._minima)
        self._minima.append((minima, around))
        self._index.insert(place, both, check_duplication=False)
        return place, True

    def _together(self, minima: Any, around: Any) -> Any:
        """Of both, so that in each band there are as many of the one as of the other."""
        bands = [one.hashvalues.reshape(_BANDS, _ROWS) for one in (minima, around)]
        joined = np.concatenate(bands, axis=1).ravel()
        return self._lean(seed=minima.seed, hashvalues=joined, scheme=_SCHEME)

    def _minima_of(self, text: str) -> Any:
        minima = self._empty.copy()
        minima.update_batch(pieces_of(text))
        return self._lean(minima)


def pieces_of(text: str) -> list[int]:
    """A number for each of a text's pieces. White space, capitals, forms of characters and a last mark do not count."""
    plain = " ".join(unicodedata.normalize("NFKC", text[:LONGEST]).casefold().split()).rstrip(" .!?…。")
    codes = np.frombuffer(f"  {plain}  ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    windows = (
        np.lib.stride_tricks.sliding_window_view(codes, _PIECE) if codes.size >= _PIECE else codes[None, :]
    )
    pieces: list[int] = np.unique(
        (windows * _PLACES[: windows.shape[1]]).sum(axis=1, dtype=np.uint64)
    ).tolist()
    return pieces


def _as_it_is(piece: int) -> int:
    """The pieces are numbers of 64 bits already."""
    return piece
