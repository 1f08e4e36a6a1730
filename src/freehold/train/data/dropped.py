"""Lines that held what a suite asks: how many, of which suites, and some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from freehold.compare.case import Suite
from freehold.train.data.contamination import Found, LineText, SuiteTexts
from freehold.train.data.report import Contaminated, Decontamination
from freehold.train.data.row import Row
from freehold.train.data.said import Said, text_of

_SHOWN = 20
_EXCERPT = 120
"""Characters of a line."""


class Dropped:
    """Counts them."""

    def __init__(self) -> None:
        self._by_suite: Counter[tuple[str, str]] = Counter()
        self._cases: set[tuple[str, str]] = set()
        self._sample: list[Contaminated] = []

    def add(self, row: Row, found: Found) -> None:
        """One more."""
        self._by_suite[found.suite, found.hash] += 1
        self._cases.add((found.hash, found.case))
        if len(self._sample) < _SHOWN:
            words = " ".join(Said(msgspec.json.decode(row.request)).conversation.split())[:_EXCERPT]
            about = msgspec.structs.asdict(found)
            self._sample.append(Contaminated(row=row.id, words=words, **about))

    def told(self, texts: SuiteTexts, suites: int, spared: Sequence[Suite] = ()) -> Decontamination:
        """All of it; `suites`: how many were looked through."""
        return Decontamination(
            suites=suites,
            texts=len(texts),
            short=texts.short,
            spared=tuple(f"{one.name} {one.hash[:12]}" for one in spared),
            rows=self._by_suite.total(),
            cases=len(self._cases),
            by_suite={f"{name} {hash_[:12]}": many for (name, hash_), many in self._by_suite.most_common()},
            sample=tuple(self._sample),
        )


def line_of(row: Row) -> LineText:
    """All that is said in a row."""
    more = [text_of(msgspec.json.decode(row.rejected))] if bytes(row.rejected) else []
    return LineText(msgspec.json.decode(row.request), msgspec.json.decode(row.answer), *more)
