"""Ways in which a case comes into a row."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

_OTHER_WORDS = ("really", "perhaps", "please", "then", "very", "정말", "아마")


class Planted(msgspec.Struct, frozen=True):
    """A row that holds a case."""

    question: str
    answer: str = "Yes."


Way = Callable[[str, list[str], random.Random], Planted]
"""From a case and some innocent texts to a row."""


def edited(text: str, edits: int, dice: random.Random) -> str:
    """With so many words swapped, replaced, left out or put in."""
    words = text.split()
    for _ in range(edits):
        at = dice.randrange(len(words) - 1)
        match dice.choice(("swap", "replace", "leave out", "put in")):
            case "swap":
                words[at], words[at + 1] = words[at + 1], words[at]
            case "replace":
                words[at] = dice.choice(_OTHER_WORDS)
            case "leave out":
                del words[at]
            case _:
                words.insert(at, dice.choice(_OTHER_WORDS))
    return " ".join(words)


def _loudly(text: str) -> str:
    return text.upper().replace(", ", " ; ").replace("? ", " ?! ").replace(" ", "  \n")


WAYS: dict[str, Way] = {
    "as it is": lambda text, others, dice: Planted(text),
    "other case, marks and spaces": lambda text, others, dice: Planted(_loudly(text)),
    "within a longer text": lambda text, others, dice: Planted(
        f"{dice.choice(others)} A colleague of mine wrote this: {text} {dice.choice(others)}"
    ),
    "in the answer": lambda text, others, dice: Planted(
        dice.choice(others), f"Here is another one: {text} Shall I go on?"
    ),
    "1 edit": lambda text, others, dice: Planted(edited(text, 1, dice)),
    "2 edits": lambda text, others, dice: Planted(edited(text, 2, dice)),
    "3 edits": lambda text, others, dice: Planted(edited(text, 3, dice)),
    "5 edits": lambda text, others, dice: Planted(edited(text, 5, dice)),
}
