"""How much of something there is, and how much there should be."""

from __future__ import annotations

import re
from typing import Literal

Relation = Literal["at least", "less than", "at most", "exactly"]

_WORD = re.compile(r"\w+")
_ABBREVIATION = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|e\.g|i\.e|cf|no|vol|fig|approx|inc|ltd|co|u\.s|u\.k|a\.m|p\.m|[a-z])\.$",
    re.IGNORECASE,
)
_LONGEST = 12
"""Characters of an abbreviation, and more."""
_CLOSING = "\"'”’)]*_"
_ENDING = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*(?=\s|$)|[。！？]+|\n\s*\n")


def is_enough(count: int, relation: Relation, wanted: int) -> bool:
    """Whether a count is as the relation wants it."""
    return {
        "at least": count >= wanted,
        "less than": count < wanted,
        "at most": count <= wanted,
        "exactly": count == wanted,
    }[relation]


def words_in(text: str) -> int:
    """How many words: runs of letters, digits and underscores, as IFEval counts them."""
    return sum(1 for _ in _WORD.finditer(text))


def sentences_in(text: str) -> int:
    """How many sentences: what ends with a full stop (not that of an abbreviation or an initial), a question mark or an
    exclamation mark, or with a paragraph.
    """
    count = begin = 0
    for ending in _ENDING.finditer(text):
        bare = ending[0].rstrip(_CLOSING)
        near = text[max(begin, ending.start() - _LONGEST) : ending.start() + len(bare)]
        if bare == "." and _ABBREVIATION.search(near):
            continue
        count += bool(_WORD.search(text, begin, ending.end()))
        begin = ending.end()
    return count + bool(_WORD.search(text, begin))
