"""Answers that have to be a certain text: `exact`, and `normalised`, for which some differences do not matter."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scorers.normal import has_words, normal
from freehold.compare.scoring import Scored

Texts = str | list[str]
"""One text, or several of which any is right."""

_MOST_SHOWN = 200
"""Characters of an answer in an explanation."""
_RIGHT = Scored(1.0)


class ExactSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `exact` is set."""

    trim: bool = True
    """White space around the answer and the target does not count."""


class NormalisedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `normalised` is set: which differences do not matter."""

    case: bool = True
    """Capital letters or not."""
    punctuation: bool = True
    """Punctuation and symbols; they count as spaces."""
    whitespace: bool = True
    """How much white space there is, and of which kind."""
    unicode: bool = True
    """Forms of the same character (NFKC), and typographic quotes and dashes."""
    articles: bool = False
    """`a`, `an` and `the`."""
    where: Literal["whole", "begins", "ends", "anywhere"] = "whole"
    """Where in the answer the text has to be; `anywhere`: as words, not inside longer ones."""


def shown(text: str) -> str:
    """A text as an explanation has it: not too long."""
    return f"`{text}`" if len(text) <= _MOST_SHOWN else f"`{text[:_MOST_SHOWN]}…`"


def wanted(texts: list[str]) -> str:
    """The texts that would have been right, in words."""
    return " or ".join(shown(one) for one in texts[:5])


def all_of(target: Texts) -> list[str]:
    """Every text that is right. Raises Unfit: there is none."""
    texts = [target] if isinstance(target, str) else target
    if not texts:
        raise Unfit("the list is empty, so nothing could be right.")
    return texts


def _exact(settings: ExactSettings) -> Look[Texts]:
    def look(target: Texts, answer: Answer) -> Scored:
        text = answer.text.strip() if settings.trim else answer.text
        texts = all_of(target)
        for one in texts:
            if text == (one.strip() if settings.trim else one):
                return _RIGHT
        return Scored(0.0, f"{shown(text)} is not {wanted(texts)}")

    return look


def _normalised(settings: NormalisedSettings) -> Look[Texts]:
    def plain(text: str) -> str:
        return normal(
            text,
            case=settings.case,
            punctuation=settings.punctuation,
            whitespace=settings.whitespace,
            unicode=settings.unicode,
            articles=settings.articles,
        )

    def fits(text: str, one: str) -> bool:
        if settings.where == "whole" or not one:
            return text == one
        if settings.where == "begins":
            return has_words(text[: len(one) + 1], one) and text.startswith(one)
        if settings.where == "ends":
            return has_words(text[-len(one) - 1 :], one) and text.endswith(one)
        return has_words(text, one)

    def look(target: Texts, answer: Answer) -> Scored:
        text = plain(answer.text)
        texts = [plain(one) for one in all_of(target)]
        if any(fits(text, one) for one in texts):
            return _RIGHT
        verb = "is not" if settings.where == "whole" else f"has not, {settings.where},"
        return Scored(0.0, f"{shown(text)} {verb} {wanted(texts)}")

    return look


EXACT = Kind(name="exact", version=1, settings=ExactSettings, target=Texts, make=_exact)
NORMALISED = Kind(name="normalised", version=1, settings=NormalisedSettings, target=Texts, make=_normalised)
