"""Text, its tokens and its vectors. Here a token is a word with the space before it: exact and the same everywhere."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import shake_128

from freehold.providers.simulated.dice import Dice

_TOKEN = re.compile(r"\s*\S+\s*\Z|\s*\S+|\s+")
_LOREM = """
lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore
magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo
consequat duis aute irure in reprehenderit voluptate velit esse cillum eu fugiat nulla pariatur excepteur
sint occaecat cupidatat non proident sunt culpa qui officia deserunt mollit anim id est laborum
""".split()  # noqa: SIM905 - a list literal would be three times as long
_SPACED = tuple(" " + word for word in _LOREM)


@lru_cache(maxsize=256)
def tokens_of(text: str) -> tuple[str, ...]:
    """The tokens of `text`; joined they are `text` again."""
    return tuple(_TOKEN.findall(text))


def count_tokens(text: str) -> int:
    """How many tokens `text` has."""
    return len(text.split())


def lorem(dice: Dice) -> Iterator[str]:
    """Tokens without meaning, for ever. They are ASCII and need no escape in JSON."""
    yield _LOREM[dice.below(len(_LOREM))].capitalize()
    while True:
        yield _SPACED[dice.below(len(_SPACED))]


def lorem_bytes(size: int | None, dice: Dice) -> Iterator[bytes]:
    """`size` bytes of such text in blocks; None: for ever."""
    words = lorem(dice)
    block = " ".join(next(words).strip() for _ in range(2000)).encode() + b" "
    left = size
    while left is None or left > 0:
        piece = block if left is None else block[:left]
        yield piece
        if left is not None:
            left -= len(piece)


def recital(asked: str, tokens: int) -> str:
    """So many words, none of them twice, that depend on `asked` alone."""
    return " ".join(
        f"{place}-{shake_128(f'{place} {asked}'.encode('utf-8', 'surrogatepass')).hexdigest(3)}"
        for place in range(tokens)
    )


def recital_from(turns: Sequence[tuple[str, str]], tokens: int) -> str:
    """The recital for the last of `turns` (role, text), or the rest of it where its beginning was said before."""
    if len(turns) >= 3:
        (_, asked), (role, said), _ = turns[-3:]
        whole = recital(asked, tokens)
        if role == "assistant" and said and whole.startswith(said):
            return whole[len(said) :]
    return recital(turns[-1][1] if turns else "", tokens)


def logprob_of(token: str) -> float:
    """A probability's logarithm that depends on the token alone."""
    return -round(0.001 + shake_128(token.encode("utf-8", "surrogatepass")).digest(1)[0] / 100, 4)


def alternatives(token: str, count: int) -> list[tuple[str, float]]:
    """The token and `count - 1` others, the likeliest first."""
    own = logprob_of(token)
    return [(token, own), *((word, own - 1.0 - place) for place, word in enumerate(_SPACED))][:count]


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
