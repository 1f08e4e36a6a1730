"""Finds lines that hold what a suite asks: verbatim, within a longer text, or with small edits.

A text of a suite is found in a line where all its sequences of tokens are (it is there as it is), or half of them (it
was edited), and with them half of what tells the text from others: a sequence tells the less, the more cases and lines
have it, as that is a manner of speaking or the form of many questions. Nearly all of its telling words will do as well,
wherever they stand. A short text is found only where it is all that is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from freehold.train.data.passages import SHORTEST, Part, Passage
from freehold.train.data.said import Said, reasoning_of, text_of
from freehold.train.data.sequences import FEWEST, Sequences, Text, Words
from freehold.train.data.words import Reading, Tokens, length_for

if TYPE_CHECKING:
    from freehold.train.data.words import Codes

SHARE = 0.5
"""Of a text's sequences, from which it counts as edited."""
_TELLING = 0.9
"""Of its words, by what they tell, where sequences alone would not do."""
_Key = tuple[Reading, int]
_WORDS: _Key = ("words", 1)


class Found(msgspec.Struct, frozen=True):
    """What a line holds."""

    suite: str
    """Name of the suite."""
    hash: str
    case: str
    part: Part
    share: float
    """Of the sequences that belong to the text; 1: all of it is there."""


class SuiteTexts:
    """The texts of suites, to look for in lines."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._about: list[tuple[str, str, str, Part]] = []
        self._whole: dict[bytes, int] = {}
        """Of what is asked, all of it -> the text."""
        self._by_length: dict[_Key, Sequences] = {}
        collected: dict[_Key, list[Text]] = {}
        words: list[Text] = []
        units: dict[tuple[int, str], int] = {}
        self.short = 0
        """Cases that are found only where they are all that is asked."""
        for passage in passages:
            tokens = passage.tokens
            reading, size = tokens.reading, tokens.size
            if passage.part == "question" and passage.whole in self._whole:
                continue  # another version of the suite has it
            place = len(self._about)
            self._about.append((passage.suite.name, passage.suite.hash, passage.case_id, passage.part))
            if passage.part == "question":
                self._whole[passage.whole] = place
            key = reading, length_for(reading, size)
            sequences = tokens.sequences(*key)
            if size < SHORTEST[reading] or sequences.size < FEWEST:
                self.short += 1
                continue
            unit = units.setdefault(passage.unit, len(units))
            collected.setdefault(key, []).append(Text(place, unit, sequences))
            words.append(Text(place, unit, tokens.sequences("words", 1)))
        self._words = Words(words) if words else None
        for key, some in collected.items():
            self._by_length[key] = Sequences(some)

    def __len__(self) -> int:
        return len(self._about)

    def meet(self, line: LineText) -> None:
        """Count what a line has, before any is judged: so it is known what is a manner of speaking."""
        for key, sequences in self._by_length.items():
            sequences.count(line.sequences(key))
        if self._words is not None:
            self._words.count(line.sequences(_WORDS))

    def found_in(self, line: LineText) -> Found | None:
        """The text that a line holds most of; None: it holds none."""
        for digest in line.digests:
            if (place := self._whole.get(digest)) is not None:
                return Found(*self._about[place], 1.0)
        best = max(self._edited(line), default=None)
        return None if best is None else Found(*self._about[best[1]], round(best[0], 3))

    def _edited(self, line: LineText) -> Iterator[tuple[float, int]]:
        for key, sequences in self._by_length.items():
            for one in sequences.texts_in(line.sequences(key)):
                if one.plain >= SHARE and (one.share >= SHARE or self._has_words(line, one.place)):
                    yield max(one.share, one.plain), one.place

    def _has_words(self, line: LineText, place: int) -> bool:
        return self._words is not None and self._words.share_of(place, line.sequences(_WORDS)) >= _TELLING


class LineText:
    """All that is said in a line."""

    def __init__(self, request: dict[str, object], answer: dict[str, object], *more: str) -> None:
        said = Said(request)
        texts = (said.instructions, said.conversation, reasoning_of(answer), text_of(answer), *more)
        self._tokens = Tokens("\n".join(filter(None, texts)))
        self.digests = (
            Tokens(said.conversation).digest(),
            Tokens(f"{said.instructions}\n{said.conversation}").digest(),
        )
        """Of all that is asked, without and with the instructions."""
        self._known: dict[_Key, Codes] = {}

    def sequences(self, key: _Key) -> Codes:
        """Those of one reading and length."""
        if key not in self._known:
            # What is read by characters is found only where there are such characters.
            skips = key[0] == "characters" and not self._tokens.has_characters
            self._known[key] = np.zeros(0, dtype=np.uint64) if skips else self._tokens.sequences(*key)
        return self._known[key]
