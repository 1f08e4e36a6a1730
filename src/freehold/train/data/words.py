"""Texts as rows of tokens in which case, punctuation, white space and forms of characters do not count, and the short
sequences of tokens by which one text is found within another.

Words are the tokens of most scripts. Where words are not parted by spaces, or people part them as they like (Korean,
Chinese, Japanese, Thai), the tokens are characters.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.uint64]

Reading = Literal["words", "characters"]

LENGTHS: dict[Reading, tuple[int, ...]] = {"words": (3, 5, 8, 13), "characters": (5, 9, 16, 30)}
"""Tokens of a sequence: longer texts are looked for by longer ones."""
_EACH = 8
"""A text has at least so many times as many tokens as its sequences, so that a small edit leaves most of them whole."""
_LONGEST = 1_000_000
"""Characters of a text that are looked at."""
_APART = r"[\u0e00-\u0e7f\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
_WITHOUT_SPACES = re.compile(_APART)
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_IN_WORDS = re.compile(r"(?<=\w)['\u2019](?=\w)|(?<=\d),(?=\d{3})")
_TOKEN = re.compile(r"\d+(?:\.\d+)+|[^\W_]+|[+*/=<>%^]|-(?=\s*\d)")
_random = np.random.default_rng(13)
_PLACES = _random.integers(1, 2**63, max(map(max, LENGTHS.values())), dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)


class Tokens:
    """A text as tokens."""

    def __init__(self, text: str) -> None:
        plain = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
        plain = _INVISIBLE.sub("", plain)
        self.words: list[str] = _TOKEN.findall(_IN_WORDS.sub("", plain))
        self._codes: dict[Reading, Codes] = {}

    def part(self, begin: int, end: int) -> Tokens:
        """Some of its words, in a row."""
        found = Tokens("")
        found.words = self.words[begin:end]
        return found

    @property
    def reading(self) -> Reading:
        """What its tokens are."""
        text = "".join(self.words)
        return "characters" if len(_WITHOUT_SPACES.findall(text)) * 2 > len(text) else "words"

    @property
    def has_characters(self) -> bool:
        """Whether anything in it is read by characters."""
        return any(map(_WITHOUT_SPACES.search, self.words))

    @property
    def size(self) -> int:
        """How many tokens it has."""
        return int(self.codes(self.reading).size)

    def codes(self, reading: Reading) -> Codes:
        """A number for each token."""
        found = self._codes.get(reading)
        if found is None:
            if reading == "words":
                found = np.array([_code_of(word) for word in self.words], dtype=np.uint64)
            else:
                text = "".join(self.words)
                found = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
            self._codes[reading] = found
        return found

    def sequences(self, reading: Reading, length: int) -> Codes:
        """A number for each sequence of so many tokens, each sequence once."""
        codes = self.codes(reading)
        if codes.size < length:
            return np.zeros(0, dtype=np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(codes, length)
        return np.unique((windows * _PLACES[:length]).sum(axis=1, dtype=np.uint64))

    def digest(self) -> bytes:
        """The same for texts of the same tokens."""
        text = ("\0" if self.reading == "words" else "").join(self.words)
        return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


def length_for(reading: Reading, tokens: int) -> int:
    """How long the sequences are by which a text of so many tokens is looked for."""
    fitting = [one for one in LENGTHS[reading] if one * _EACH <= tokens]
    return fitting[-1] if fitting else LENGTHS[reading][0]


@lru_cache(maxsize=200_000)
def _code_of(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest())
