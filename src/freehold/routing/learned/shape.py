"""The shape of a text: how long it is, how many numbers, sentences, choices and question words it has."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from freehold.routing.learned.hashing import READ

WORDS = (
    "what", "which", "who", "when", "where", "why", "how", "many", "much", "if", "not", "except", "most", "best",
    "true", "false", "each", "every", "per", "total", "more", "less", "than", "half", "twice", "percent", "left",
)  # fmt: skip
"""English words that tell of the kind of question. In other languages they are 0 for every text, and say nothing."""
MARKS = (".", ",", "?", "$", "%", "(", '"', "'", "_", "\\", "{", ":", ";", "`")
SIZE = 27 + len(MARKS) + len(WORDS)
"""How many numbers a shape has."""

Shape = npt.NDArray[np.float32]

# Each begins with what the one before cannot contain, so that no text makes them slow.
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_OPERATOR = re.compile(r"[-+*/=<>^]")
_CHOICE = re.compile(r"^[A-J][.)] (.*)$", re.MULTILINE)


def shape_of(text: str, tokens: list[str]) -> Shape:
    """`SIZE` numbers, counts as logarithms. `tokens`: those of the text."""
    text = text[:READ]
    words = [token for token in tokens if token[0].isalpha()]
    seen = Counter(words)
    numbers = _NUMBER.findall(text)
    lines = text.split("\n")
    choices = _CHOICE.findall(text)
    sizes = [len(one) for one in choices] or [0]
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    digits = int(np.count_nonzero((codes >= 48) & (codes <= 57)))
    lengths = [len(word) for word in words] or [0]
    counts = [
        len(text),
        len(words),
        len(tokens) - len(words),
        len(numbers),
        len(set(numbers)),
        digits,
        len(_OPERATOR.findall(text)),
        len(lines),
        len(lines[0]),
        len(lines[-1]),
        max(sizes),
        min(sizes),
        _mean(sizes),
        max(sizes) - min(sizes),
        len(choices),
        sum(map(_is_number, choices)),
        max(lengths),
        max(map(len, numbers), default=0),
        sum("." in number for number in numbers),
        text.count(". ") + text.count("? ") + text.count("! "),
        *(text.count(mark) for mark in MARKS),
        *(seen[word] for word in WORDS),
    ]
    shares = [
        _mean(lengths) / 4.0,
        len(seen) / max(1, len(words)),
        digits / max(1, len(text)),
        int(np.count_nonzero((codes >= 65) & (codes <= 90))) / max(1, len(text)),
        int(np.count_nonzero(codes > 127)) / max(1, len(text)),
        np.log1p(len(words) / (1 + counts[19])),
        float(lines[0].rstrip().endswith("?")),
    ]
    return np.concatenate([np.log1p(np.array(counts, np.float32)), np.array(shares, np.float32)])


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)


def _is_number(choice: str) -> bool:
    return choice.strip().lstrip("-$").replace(".", "").replace(",", "").isdigit()
