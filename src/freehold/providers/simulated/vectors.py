"""Embeddings made from the text alone: the same text, the same vector; shared words, nearer vectors."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from hashlib import shake_128


@lru_cache(maxsize=4096)
def _word_vector(word: str, dimensions: int) -> tuple[int, ...]:
    return tuple(byte - 128 for byte in shake_128(word.encode("utf-8", "surrogatepass")).digest(dimensions))


def vector_of(text: str, dimensions: int) -> array[float]:
    """A vector of length 1 in 32-bit floats. Case does not matter; order does not either."""
    total = [0] * dimensions
    for word in text.lower().split() or [""]:
        total = [a + b for a, b in zip(total, _word_vector(word, dimensions), strict=True)]
    length = math.sqrt(sum(value * value for value in total)) or 1.0
    return array("f", [value / length for value in total])
