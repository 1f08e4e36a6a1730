"""Text and its tokens. Here a token is a word with the space before it: exact and the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

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
