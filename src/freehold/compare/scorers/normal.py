"""Texts without what does not matter: case, punctuation, white space, forms of the same character."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]"
)
"""Scripts in which words are written without spaces between them, or (as in Korean) what follows a word is joined
to it."""


_LONGEST_KEPT = 2_000
"""Characters of a text whose plain form is remembered: targets are, and long answers would fill the memory."""


def normal(
    text: str, *, case: bool, punctuation: bool, whitespace: bool, unicode: bool, articles: bool
) -> str:
    """The text without differences of each kind that is True.

    Unicode: compatibility forms (NFKC), so that full-width letters and ligatures are plain ones, and typographic
    quotes and dashes are those of ASCII. Case: full case folding. Punctuation: everything of Unicode's categories P
    and S becomes a space. White space: runs are one space, none at the ends. Articles: `a`, `an`, `the`.
    """
    plain = _remembered if len(text) <= _LONGEST_KEPT else _normal
    return plain(
        text, case=case, punctuation=punctuation, whitespace=whitespace, unicode=unicode, articles=articles
    )


def _normal(
    text: str, *, case: bool, punctuation: bool, whitespace: bool, unicode: bool, articles: bool
) -> str:
    if unicode:
        text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHIC)
    if case:
        text = text.casefold()
    if punctuation:
        text = (
            "".join(" " if unicodedata.category(one)[0] in "PS" else one for one in text)
            if not text.isalnum()
            else text
        )
    if articles:
        text = _ARTICLES.sub(" ", text)
    if whitespace:
        text = " ".join(text.split())
    return text


_remembered = lru_cache(maxsize=4096)(_normal)

_TYPOGRAPHIC = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201b": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2015": "-",
        "\u2212": "-",
        "\u00ad": None,
        "\u200b": None,
        "\u2060": None,
        "\ufeff": None,
    }
)


def has_words(text: str, words: str) -> bool:
    """Whether `words` is in `text`, not as a part of longer words where words are written apart."""
    if not words:
        return True
    at = text.find(words)
    while at >= 0:
        end = at + len(words)
        before, after = text[at - 1 : at], text[end : end + 1]
        if not _joined(before, words[0]) and not _joined(words[-1], after):
            return True
        at = text.find(words, at + 1)
    return False


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word."""
    if not (left.isalnum() and right.isalnum()):
        return False
    return not (_UNSPACED.match(left) or _UNSPACED.match(right))
