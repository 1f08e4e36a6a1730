"""What a process has set aside for itself, so that it can go on for a moment while the books do not answer.

A float is held in the books like anything else, so whatever is granted from it passes no bound, whatever the others do
meanwhile. It is a small part of what is left, and nothing when little is left: then the books alone decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freehold.limits.account import Counter
from freehold.limits.batch import NOTHING, Sum, Verdict, Want
from freehold.limits.shares import Seen

PART = 4
"""A float is one in so many of this process's share of what is left."""
FEW = 8
"""When no more is left than for so many calls of each process, there are no floats."""
KEEP_S = 60.0
"""After which a counter that nobody wanted anything of needs none."""


class _Wanted(msgspec.Struct, frozen=True, gc=False):
    want: Want
    at: float


class Floats:
    """The floats of one process."""

    def __init__(self) -> None:
        self.changed: set[Counter] = set()
        """Whose float is another than the books were told."""
        self._amounts: dict[Counter, int] = {}
        self._wanted: dict[Counter, _Wanted] = {}

    def note(self, wants: Sequence[Want], at: float) -> None:
        """These were wanted, at a `tick`."""
        for want in wants:
            self._wanted[want.counter] = _Wanted(want, at)

    def of(self, counter: Counter) -> int:
        """How much of it is set aside here."""
        return self._amounts.get(counter, 0)

    @property
    def counters(self) -> tuple[Counter, ...]:
        """Those in use."""
        return tuple(self._wanted)

    def take(self, wants: Sequence[Want]) -> bool:
        """Give all of it out of the floats, or nothing."""
        if any(self.of(want.counter) < want.amount for want in wants):
            return False
        for want in wants:
            if want.amount:
                self._set(want.counter, self.of(want.counter) - want.amount)
        return True

    def add(self, counter: Counter, amount: int) -> None:
        """So much more, or less, is held for it."""
        self._set(counter, self.of(counter) + amount)

    def give_back(self) -> list[tuple[Counter, int]]:
        """All of it: there is no more need."""
        amounts, self._amounts = self._amounts, {}
        self._wanted = {}
        self.changed |= amounts.keys()
        return list(amounts.items())

    def _set(self, counter: Counter, amount: int) -> None:
        self.changed.add(counter)
        if amount:
            self._amounts[counter] = amount
        else:
            self._amounts.pop(counter, None)

    def told(self) -> dict[Counter, int]:
        """The floats that the books are to be told of."""
        spares = {counter: self.of(counter) for counter in self.changed}
        self.changed = set()
        return spares

    def plan(
        self, seen: Mapping[Counter, Seen], processes: int, now: float, *, away: bool
    ) -> list[tuple[Want, int]]:
        """What each float should grow by, or shrink by when below zero; small differences are left.

        `away`: the books answer slowly, so that everything goes by floats.
        """
        for counter in [one for one, wanted in self._wanted.items() if now - wanted.at > KEEP_S]:
            if not self.of(counter):
                del self._wanted[counter]
        plan = []
        for counter, wanted in self._wanted.items():
            has = self.of(counter)
            known = seen.get(counter)
            target = 0
            if processes > 1 and now - wanted.at <= KEEP_S:
                target = _target(wanted.want, known.sum if known else NOTHING, has, processes, away=away)
            if target == 0 or abs(target - has) * 4 > target:
                plan.append((wanted.want, target - has))
        return [(want, by) for want, by in plan if by]


def refused(wants: Sequence[Want], seen: Mapping[Counter, Seen]) -> Verdict:
    """What is said when the floats do not do: all that is not known to be used is in use just now."""
    sums = []
    for want in wants:
        known = seen.get(want.counter)
        charged = 0 if known is None else known.sum.charged
        sums.append(Sum(charged, max(0, want.bound - want.amount - charged) + 1))
    return Verdict(False, tuple(sums), ((),) * len(wants))


def _target(want: Want, known: Sum, has: int, processes: int, *, away: bool) -> int:
    left = want.bound - known.used + has
    if away:
        return max(0, left) // processes
    return left // (PART * processes) if left > FEW * processes * max(1, want.amount) else 0
