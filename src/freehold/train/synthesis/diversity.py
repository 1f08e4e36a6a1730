"""How different texts are from each other, in numbers: a set of rows that all say the same teaches one row."""

from __future__ import annotations

import itertools
import math
import random
import zlib
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import msgspec

from freehold.compare.suites.likeness import pieces_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embed = Callable[[Sequence[str]], NDArray[np.float64]]

MOST_PAIRS = 2_000
"""Pairs that similarities are measured on, drawn by lot where there are more."""


class Diversity(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of one set of texts. None: there are too few to measure."""

    texts: int
    distinct_1: float | None
    """The share of all words that occur for the first time (Li et al., 2016: "A diversity-promoting objective function
    for neural conversation models").
    """
    distinct_2: float | None
    """The same of pairs of neighbouring words."""
    distinct_3: float | None
    compression: float | None
    """How many times smaller all texts together get (zlib, level 9). Texts that repeat each other get smaller."""
    overlap: float | None
    """Mean Jaccard index of two texts, of their pieces of five characters."""
    similarity: float | None = None
    """Mean cosine of two texts' vectors of the local embeddings model; None where that is not installed, too."""


def diversity_of(texts: Sequence[str], embed: Embed | None = None) -> Diversity:
    """Measure them. The same texts in the same order give the same numbers."""
    words = [text.casefold().split() for text in texts]
    pairs = pairs_of(len(texts))
    return Diversity(
        texts=len(texts),
        distinct_1=_distinct(words, 1),
        distinct_2=_distinct(words, 2),
        distinct_3=_distinct(words, 3),
        compression=_compression(texts),
        overlap=_overlap(texts, pairs),
        similarity=None if embed is None or not pairs else _similarity(texts, pairs, embed),
    )


def pairs_of(texts: int) -> list[tuple[int, int]]:
    """All pairs, or `MOST_PAIRS` of them that are always the same."""
    every = texts * (texts - 1) // 2
    if every <= MOST_PAIRS:
        return list(itertools.combinations(range(texts), 2))
    return [_pair(at) for at in random.Random(texts).sample(range(every), MOST_PAIRS)]


def _pair(at: int) -> tuple[int, int]:
    """The pair of a number: (0, 1), (0, 2), (1, 2), (0, 3) …"""
    other = (math.isqrt(8 * at + 1) + 1) // 2
    return at - other * (other - 1) // 2, other


def _distinct(words: Sequence[Sequence[str]], size: int) -> float | None:
    runs = [tuple(text[at : at + size]) for text in words for at in range(len(text) - size + 1)]
    return len(set(runs)) / len(runs) if runs else None


def _compression(texts: Sequence[str]) -> float | None:
    plain = "\n".join(texts).encode("utf-8", "surrogatepass")
    return len(plain) / len(zlib.compress(plain, 9)) if plain else None


def _overlap(texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> float | None:
    if not pairs:
        return None
    pieces = [frozenset(pieces_of(text)) for text in texts]
    return fmean(len(pieces[one] & pieces[other]) / len(pieces[one] | pieces[other]) for one, other in pairs)


def _similarity(texts: Sequence[str], pairs: Sequence[tuple[int, int]], embed: Embed) -> float:
    needed = sorted({at for pair in pairs for at in pair})
    places = {at: place for place, at in enumerate(needed)}
    vectors = embed([texts[at] for at in needed])
    lengths = (vectors**2).sum(axis=1) ** 0.5
    lengths[lengths == 0] = 1
    vectors = vectors / lengths[:, None]
    return fmean(float(vectors[places[one]] @ vectors[places[other]]) for one, other in pairs)
