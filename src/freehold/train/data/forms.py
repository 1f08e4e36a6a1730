"""What many questions have around them: the instructions before a text that is to be summarised, or behind it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from freehold.train.data.words import Tokens

_FEWEST = 3
_SHARE = 0.1
"""Of the texts, that have to begin or end alike for it to be a form."""
_SHORTEST = 8
"""Words of a form, and of what has to be left without it."""


class Form:
    """Beginnings and ends that many texts share."""

    def __init__(self, texts: Sequence[Tokens]) -> None:
        least = max(_FEWEST, _SHARE * len(texts))
        self._beginnings = _shared((one.words for one in texts), least)
        self._ends = _shared((one.words[::-1] for one in texts), least)

    def without(self, text: Tokens) -> Tokens:
        """The text without them, where enough of it is left; else all of it."""
        begin = _longest(text.words, self._beginnings)
        end = len(text.words) - _longest(text.words[::-1], self._ends)
        if (begin == 0 and end == len(text.words)) or end - begin < _SHORTEST:
            return text
        return text.part(begin, end)


def _shared(texts: Iterable[Sequence[str]], least: float) -> set[bytes]:
    """The beginnings that so many texts have."""
    counts: Counter[bytes] = Counter()
    for words in texts:
        counts.update(_beginnings(words))
    return {digest for digest, many in counts.items() if many >= least}


def _longest(words: Sequence[str], shared: set[bytes]) -> int:
    """How many words the longest shared beginning has; 0: it is no form."""
    length = 0
    for digest in _beginnings(words):
        if digest not in shared:
            break
        length += 1
    return length if length >= _SHORTEST else 0


def _beginnings(words: Sequence[str]) -> Iterator[bytes]:
    """A digest of each beginning, the shortest first."""
    digest = hashlib.blake2b(digest_size=12)
    for word in words:
        digest.update(f"{word} ".encode(errors="surrogatepass"))
        yield digest.digest()
