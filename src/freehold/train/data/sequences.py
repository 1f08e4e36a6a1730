"""Which texts share sequences of tokens with a line, and how much those sequences tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from freehold.train.data.words import Codes

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

FEWEST = 4
"""Sequences of a text that have to be in a line for any share of them to say anything."""
_NEARLY = 0.999
_RARITY = 1.5
"""Power by which a sequence tells less the more others have it. With 1, what only names another thing in the same form
is taken for an edited text more often; with 2, what two texts have in common by chance.
"""


class Text(NamedTuple):
    """One text that is looked for."""

    place: int
    unit: int
    """Texts of one unit count once when it is asked how many share something."""
    codes: Codes


class Shared(NamedTuple):
    """What a line holds of a text."""

    place: int
    share: float
    """Of its sequences, each by what it tells; 1: all of it is there."""
    plain: float
    """Of its sequences, each the same."""


class Known:
    """The codes of some texts, with how many units and lines have each."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self.sizes = np.array([one.codes.size for one in texts])
        self.codes, self.which = np.unique(np.concatenate([one.codes for one in texts]), return_inverse=True)
        units = np.repeat(np.array([one.unit for one in texts]), self.sizes)
        pairs = np.unique(np.stack([self.which, units]), axis=1)
        self.units = np.bincount(pairs[0], minlength=self.codes.size)
        self.lines = np.zeros(self.codes.size, dtype=np.int64)

    def there(self, codes: Codes) -> Integers:
        """The places of those codes that are known."""
        at = np.minimum(np.searchsorted(self.codes, codes), self.codes.size - 1)
        found: Integers = at[self.codes[at] == codes]
        return found


class Sequences:
    """All sequences of one length, and which texts have them."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._known = known = Known(texts)
        owners = np.repeat(np.arange(len(texts)), known.sizes)
        self._owners: Integers = owners[np.argsort(known.which, kind="stable")]
        self._many = np.bincount(known.which)
        self._first = np.cumsum(self._many) - self._many
        self._place = [one.place for one in texts]
        self._weights: Floats | None = None
        """Of each text, all its sequences together."""

    def count(self, codes: Codes) -> None:
        """One more line has these."""
        self._known.lines[self._known.there(codes)] += 1
        self._weights = None

    def texts_in(self, codes: Codes) -> Iterator[Shared]:
        """The texts of which a line with these sequences, which was counted, holds something."""
        units, lines = self._known.units, self._known.lines
        if self._weights is None:
            self._weights = self._sum(np.arange(units.size), _weight(units + lines))[1]
        there = self._known.there(codes)
        if not there.size:
            return
        # Of what this line has, the line itself does not count.
        others = np.maximum(lines[there] - 1, 0)
        many, found = self._sum(there, _weight(units[there] + others))
        _, counted = self._sum(there, _weight(units[there] + lines[there]))
        for text in np.flatnonzero(many >= FEWEST):
            plain = float(many[text] / self._known.sizes[text])
            share = float(found[text] / (self._weights[text] - counted[text] + found[text]))
            yield Shared(self._place[text], 1.0 if plain == 1.0 else min(share, _NEARLY), plain)

    def _sum(self, which: Integers, weights: Floats) -> tuple[Integers, Floats]:
        """How many of these sequences each text has, and their weight."""
        many = self._many[which]
        starts = np.repeat(self._first[which] - (np.cumsum(many) - many), many)
        owners = self._owners[starts + np.arange(starts.size)]
        texts = len(self._place)
        counts = np.bincount(owners, minlength=texts).astype(np.int64)
        return counts, np.bincount(owners, np.repeat(weights, many), texts).astype(np.float64)


class Words:
    """The words of each text, wherever they stand."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._known = known = Known(texts)
        parts = np.split(known.which, np.cumsum(known.sizes)[:-1])
        self._of = {one.place: part for one, part in zip(texts, parts, strict=True)}

    def count(self, codes: Codes) -> None:
        """One more line has these."""
        self._known.lines[self._known.there(codes)] += 1

    def share_of(self, place: int, codes: Codes) -> float:
        """How much a line with these words, which was counted, has of a text's, each by what it tells."""
        known, own = self._known, self._of[place]
        is_there = np.isin(known.codes[own], codes)
        weights = _weight(known.units[own] + np.maximum(known.lines[own] - is_there, 0))
        return float(weights[is_there].sum() / weights.sum())


def _weight(shared_by: Integers) -> Floats:
    """What a sequence tells that so many units and lines have."""
    weight: Floats = shared_by.astype(np.float64) ** -_RARITY
    return weight
