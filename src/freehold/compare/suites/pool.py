"""Different questions to draw a sample from, and what was left out on the way."""

from __future__ import annotations

from collections import Counter

import msgspec

from freehold.compare.suites.asked import Unfit, asked_in
from freehold.compare.suites.classes import LONGEST
from freehold.compare.suites.likeness import Seen
from freehold.compare.suites.wish import Wish
from freehold.core.figures import counted
from freehold.ledger.record import Call

MOST_LOOKED_AT = 20_000
"""Calls; beyond them, hardly any is unlike all before."""
_POOL_FOR_EACH = 4
"""Different questions to draw one case from."""
_LEAST_POOL, _MOST_POOL = 1_000, 8_000


class Question(msgspec.Struct, gc=False):
    """One question that is unlike all others."""

    number: int
    """Of the call in the ledger."""
    question: str
    instructions: str
    calls: int = 1
    """How many were like it."""


class Pool:
    """Different questions to draw from."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._seen = Seen()
        self._size = min(max(_LEAST_POOL, _POOL_FOR_EACH * wish.n), _MOST_POOL)
        self.questions: list[Question] = []
        self.looked_at = 0
        self._unfit: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._alike = 0
        self._later = 0

    @property
    def is_full(self) -> bool:
        """Whether no more calls need be looked at."""
        return len(self.questions) >= self._size or self.looked_at >= MOST_LOOKED_AT

    def look(self, number: int, call: Call) -> None:
        """One more call."""
        self.looked_at += 1
        try:
            asked = asked_in(call, with_media=not self._wish.masked)
        except Unfit as error:
            self._unfit[str(error)] += 1
            return
        if asked.turn > 1 and not self._wish.all_turns:
            self._later += 1
            return
        place, is_new = self._seen.place_of(asked.question, f"{asked.instructions}\n{asked.before}")
        if not is_new:
            self._alike += 1
            self.questions[place].calls += 1
            return
        self._losses.update(asked.losses)
        self.questions.append(Question(number, asked.question[:LONGEST], asked.instructions[:LONGEST]))

    def leave_out(self, why: str, many: int) -> None:
        """Calls that were not even looked at."""
        if many:
            self._unfit[why] += many

    def notes(self) -> list[str]:
        """What was left out, and why."""
        told = [
            f"Left out, as they {why}: {counted(many, 'call')}." for why, many in self._unfit.most_common()
        ]
        if self._alike:
            told.append(
                f"Nearly the same as another one: {counted(self._alike, 'call')}. Each question is one case, and its "
                "class has the weight of all calls."
            )
        if self._later:
            told.append(
                f"Left out, as later turns of conversations: {counted(self._later, 'call')}. They answer what the old "
                "model said, so another model, and a better one most of all, is at a disadvantage in them."
            )
        if self._losses:
            lost = ", ".join(f"{name} ({many:,})" for name, many in self._losses.most_common())
            told.append(f"Lost in the translation of calls from other dialects: {lost}.")
        return told
