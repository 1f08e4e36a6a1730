"""Instructions about words: which have to be there, how many, in which language, in which case."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from freehold.compare.scorers.instructions.amounts import Relation, is_enough, sentences_in, words_in
from freehold.compare.scorers.instructions.languages import language_of

Count = Annotated[int, msgspec.Meta(ge=0)]
_CAPITALISED = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


class Instruction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="id"):
    """Something that an answer has to do."""

    def holds(self, text: str) -> bool:
        """Whether an answer does it."""
        raise NotImplementedError


class Existence(Instruction, frozen=True, kw_only=True, tag="keywords:existence"):
    """All of some words are in it, in whatever case."""

    keywords: list[str]

    def holds(self, text: str) -> bool:
        """Whether they are."""
        lower = text.lower()
        return all(word.lower() in lower for word in self.keywords)


class Frequency(Instruction, frozen=True, kw_only=True, tag="keywords:frequency"):
    """A word is in it so many times, in whatever case."""

    keyword: Annotated[str, msgspec.Meta(min_length=1)]
    frequency: Count
    relation: Relation = "at least"

    def holds(self, text: str) -> bool:
        """Whether it is."""
        return is_enough(text.lower().count(self.keyword.lower()), self.relation, self.frequency)


class ForbiddenWords(Instruction, frozen=True, kw_only=True, tag="keywords:forbidden_words"):
    """None of some words is in it; parts of longer words do not matter."""

    forbidden_words: list[str]

    def holds(self, text: str) -> bool:
        """Whether none is."""
        return not any(
            re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)
            for word in self.forbidden_words
        )


class LetterFrequency(Instruction, frozen=True, kw_only=True, tag="keywords:letter_frequency"):
    """A character is in it so many times, in whatever case."""

    letter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)]
    let_frequency: Count
    let_relation: Relation = "at least"

    def holds(self, text: str) -> bool:
        """Whether it is."""
        return is_enough(text.lower().count(self.letter.lower()), self.let_relation, self.let_frequency)


class ResponseLanguage(Instruction, frozen=True, kw_only=True, tag="language:response_language"):
    """It is in a language (ISO 639-1)."""

    language: str

    def holds(self, text: str) -> bool:
        """Whether it is; a text whose language cannot be told is not."""
        return language_of(text) == self.language.lower().split("-")[0]


class NumberSentences(Instruction, frozen=True, kw_only=True, tag="length_constraints:number_sentences"):
    """It has so many sentences."""

    num_sentences: Count
    relation: Relation = "at least"

    def holds(self, text: str) -> bool:
        """Whether it has."""
        return is_enough(sentences_in(text), self.relation, self.num_sentences)


class NumberWords(Instruction, frozen=True, kw_only=True, tag="length_constraints:number_words"):
    """It has so many words."""

    num_words: Count
    relation: Relation = "at least"

    def holds(self, text: str) -> bool:
        """Whether it has."""
        return is_enough(words_in(text), self.relation, self.num_words)


class CapitalWordFrequency(Instruction, frozen=True, kw_only=True, tag="change_case:capital_word_frequency"):
    """So many of its words are all in capital letters."""

    capital_frequency: Count
    capital_relation: Relation = "at least"

    def holds(self, text: str) -> bool:
        """Whether they are."""
        count = sum(word.isupper() for word in _CAPITALISED.findall(text))
        return is_enough(count, self.capital_relation, self.capital_frequency)


class EnglishCapital(Instruction, frozen=True, kw_only=True, tag="change_case:english_capital"):
    """It is in English and has capital letters only."""

    def holds(self, text: str) -> bool:
        """Whether it is; a text whose language cannot be told may be English."""
        return text.isupper() and language_of(text) in ("en", None)


class EnglishLowercase(Instruction, frozen=True, kw_only=True, tag="change_case:english_lowercase"):
    """It is in English and has no capital letters."""

    def holds(self, text: str) -> bool:
        """Whether it is; a text whose language cannot be told may be English."""
        return text.islower() and language_of(text) in ("en", None)


class NoComma(Instruction, frozen=True, kw_only=True, tag="punctuation:no_comma"):
    """There is no comma in it."""

    def holds(self, text: str) -> bool:
        """Whether there is none, of whatever script."""
        return not any(one in text for one in ",，、،")
