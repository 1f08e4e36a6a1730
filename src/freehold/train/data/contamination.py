"""Finds lines that hold what a suite asks: verbatim, within a longer text, or with small edits.

A text of a suite is found in a line where all its sequences of tokens are (it is there as it is), or half of those that
belong to it alone (it was edited). A sequence that more than three units of the suites have, or more than ten lines,
is a manner of speaking, a form that many questions have: it says nothing of which question it is. A short text is found
only where it is all that is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from freehold.train.data.passages import SHORTEST, Part, Passage
from freehold.train.data.said import Said, reasoning_of, text_of
from freehold.train.data.words import Reading, Tokens, length_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from freehold.train.data.words import Codes

    Integers = NDArray[np.int64]

SHARE = 0.5
"""Of the sequences that belong to a text alone, from which it counts as edited."""
MOST_UNITS = 3
"""Units of the suites that may share a sequence before it is a manner of speaking."""
MOST_LINES = 10
"""Lines that may do so."""
_FEWEST_OWN = 4
"""Sequences of its own that a text needs for half of them to say anything."""
_Key = tuple[Reading, int]


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
        self._by_length: dict[_Key, _Sequences] = {}
        collected: dict[_Key, list[tuple[int, int, Codes]]] = {}
        units: dict[tuple[int, str], int] = {}
        self.short = 0
        """Cases that are found only where they are all that is asked."""
        for passage in passages:
            tokens = passage.tokens
            digest, reading = tokens.digest(), tokens.reading
            if passage.part == "question" and digest in self._whole:
                continue  # another version of the suite has it
            place = len(self._about)
            self._about.append((passage.suite.name, passage.suite.hash, passage.case_id, passage.part))
            if passage.part == "question":
                self._whole[digest] = place
            size = tokens.codes(reading).size
            if size < SHORTEST[reading]:
                self.short += 1
                continue
            key = reading, length_for(reading, size)
            unit = units.setdefault(passage.unit, len(units))
            collected.setdefault(key, []).append((place, unit, tokens.sequences(*key)))
        targets = {place for place, (_, _, _, part) in enumerate(self._about) if part == "target"}
        for key, some in collected.items():
            self._by_length[key] = _Sequences(some, targets)

    def __len__(self) -> int:
        return len(self._about)

    def meet(self, line: LineText) -> None:
        """Count what a line has, before any is judged: so it is known what is a manner of speaking."""
        for key, sequences in self._by_length.items():
            sequences.count(line.sequences(key))

    def found_in(self, line: LineText) -> Found | None:
        """The text that a line holds most of; None: it holds none."""
        for digest in line.digests:
            if (place := self._whole.get(digest)) is not None:
                return Found(*self._about[place], 1.0)
        best: tuple[float, int] | None = None
        for key, sequences in self._by_length.items():
            for place, share in sequences.texts_in(line.sequences(key)):
                best = max(best or (0.0, 0), (share, place))
        return None if best is None else Found(*self._about[best[1]], round(best[0], 3))


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


class _Sequences:
    """All sequences of one length, and which texts have them."""

    def __init__(self, texts: list[tuple[int, int, Codes]], targets: set[int]) -> None:
        """`texts`: place, unit and sequences of each; `targets`: places of those that are answers."""
        sizes = [one.size for _, _, one in texts]
        codes = np.concatenate([one for _, _, one in texts])
        order = np.argsort(codes, kind="stable")
        self._codes, which, self._many = np.unique(codes, return_inverse=True, return_counts=True)
        self._first = np.searchsorted(codes[order], self._codes)
        self._owners: Integers = np.repeat(np.array([place for place, _, _ in texts]), sizes)[order]
        units = np.repeat(np.array([unit for _, unit, _ in texts]), sizes)
        pairs = np.unique(np.stack([which, units]), axis=1)
        self._is_shared = np.bincount(pairs[0], minlength=self._codes.size) > MOST_UNITS
        self._lines = np.zeros(self._codes.size, dtype=np.int64)
        self._all = {place: one.size for place, _, one in texts}
        self._targets = targets
        self._own: dict[int, int] | None = None

    def count(self, sequences: Codes) -> None:
        """One more line has these."""
        self._lines[self._there(sequences)] += 1
        self._own = None

    def texts_in(self, sequences: Codes) -> Iterator[tuple[int, float]]:
        """The texts that something with these sequences holds, and what share of each."""
        there = self._there(sequences)
        is_own = ~(self._is_shared | (self._lines > MOST_LINES))
        if self._own is None:
            self._own = self._texts_of(np.flatnonzero(is_own))
        found = self._texts_of(there[is_own[there]])
        for place, many in self._texts_of(there).items():
            own, alone = self._own.get(place, 0), found.get(place, 0)
            if many == self._all[place] and (own or place not in self._targets):
                yield place, 1.0
            elif own >= _FEWEST_OWN and alone >= SHARE * own:
                yield place, alone / own

    def _there(self, sequences: Codes) -> Integers:
        """The places of those that are known."""
        at = np.minimum(np.searchsorted(self._codes, sequences), self._codes.size - 1)
        found: Integers = at[self._codes[at] == sequences]
        return found

    def _texts_of(self, which: Integers) -> dict[int, int]:
        """The texts that have these sequences, and how many of them each has."""
        if not which.size:
            return {}
        spans = [self._owners[self._first[one] : self._first[one] + self._many[one]] for one in which]
        places, many = np.unique(np.concatenate(spans), return_counts=True)
        return dict(zip(places.tolist(), many.tolist(), strict=True))


class Dropped:
    """What was dropped, by suite, with a sample of it."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self.by_suite: Counter[tuple[str, str]] = Counter()
        self.cases: set[tuple[str, str]] = set()
        self.sample: list[tuple[str, Found, str]] = []
        """Id of the line, what it holds, and how it begins."""

    def add(self, row_id: str, found: Found, words: str) -> None:
        """One more."""
        self.by_suite[found.suite, found.hash] += 1
        self.cases.add((found.hash, found.case))
        if len(self.sample) < self._most:
            self.sample.append((row_id, found, words))
