"""What a process has set aside for itself: so that most calls need not wait for the books, and all can go on for a
moment while those do not answer.

A float is held in the books like anything else, so what is granted from it passes no bound, whatever the others do
meanwhile. It is made for what was wanted of late, is a small part of what is left, and nothing when little is left:
then the books alone decide.

Part of it is *working*: what may be granted before the books hear of it. If the process dies, that is charged with what
its calls held. The rest is *spare*, for when the books are away; the books know how much, and free it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freehold.limits.account import Counter
from freehold.limits.batch import NOTHING, Sum, Verdict, Want
from freehold.limits.shares import Seen

PART = 4
"""A float is at most one in so many of this process's share of what is left."""
FEW = 8
"""When no more is left than for so many calls of each process, there are no floats."""
WORKING_S = 0.3
"""The working part lasts for so long, as things go."""
AWAY_S = 5.0
"""All of a float lasts for so long."""
KEEP_S = 60.0
"""After which a counter that nobody wanted anything of needs none."""
_HALF = 0.5
"""How much the latest rate counts beside those before it, in a second."""
_RISING = 0.25
"""How much it counts at least where it is higher: a float that comes too late has everybody ask the books."""


class _Float(msgspec.Struct, gc=False):
    want: Want
    at: float
    """When it was last wanted, in the clock's `tick`."""
    amount: int = 0
    working: int = 0
    told: int = 0
    """What the books think is spare."""
    asked: int = 0
    """Wanted since the last plan."""
    rate: float = 0.0
    """Wanted in a second."""
    paused: float = 0.0
    """Until then there is none."""
    next: int = 0
    """What is working once the books have heard of it, beyond what is now."""


class Floats:
    """The floats of one process."""

    def __init__(self) -> None:
        self._floats: dict[Counter, _Float] = {}
        self._planned_at = 0.0

    @property
    def counters(self) -> tuple[Counter, ...]:
        """Those in use."""
        return tuple(self._floats)

    def take(self, wants: Sequence[Want], now: float, *, away: bool) -> bool:
        """Give all of it out of the floats, or nothing. `away`: the spare part may be used, too."""
        floats, enough, found = self._floats, True, []
        for want in wants:
            counter, amount = want.counter, want.amount
            one = floats.get(counter)
            if one is None:
                one = floats[counter] = _Float(want, now)
            one.want, one.at = want, now
            one.asked += amount
            working = one.working
            if working > want.bound or amount > (one.amount if away else working):
                enough = False
            found.append((one, amount))
        if enough:
            for one, amount in found:
                one.amount -= amount
                one.working = max(0, one.working - amount) if away else one.working - amount
        return enough

    def add(self, counter: Counter, amount: int) -> None:
        """So much more is held for it, or less."""
        one = self._floats.get(counter)
        if one is None:
            return
        one.amount += amount
        if amount > 0:
            one.working = min(one.amount, max(one.working, _working(one)))
        else:
            one.working = min(one.working, one.amount)

    def has(self, counter: Counter) -> bool:
        """Whether anything is kept for it."""
        return counter in self._floats

    def pause(self, counter: Counter, until: float) -> int:
        """Keep nothing of it until then: others want it. What there was."""
        one = self._floats.get(counter)
        if one is None:
            return 0
        one.paused = until
        amount, one.amount, one.working = one.amount, 0, 0
        return amount

    def telling(self) -> dict[Counter, int]:
        """What is spare, for the books, of those whose spare part is another than they know."""
        told = {}
        for counter, one in self._floats.items():
            working = min(one.amount, max(one.working, _working(one)))
            one.next = working - one.working
            if one.amount - working != one.told:
                told[counter] = one.told = one.amount - working
        return told

    def heard(self) -> None:
        """The books have heard of it."""
        for one in self._floats.values():
            one.working = min(one.amount, one.working + one.next)
            one.next = 0

    def give_back(self) -> list[tuple[Counter, int]]:
        """All of it: there is no more need."""
        amounts = [(counter, one.amount) for counter, one in self._floats.items() if one.amount]
        for one in self._floats.values():
            one.amount = one.working = 0
        return amounts

    def plan(
        self, seen: Mapping[Counter, Seen], processes: int, now: float, *, away: bool
    ) -> list[tuple[Want, int]]:
        """What each float should grow by, or shrink by when below zero; small differences are left.

        `away`: the books answer slowly, so that everything goes by floats.
        """
        passed = max(0.001, now - self._planned_at)
        self._planned_at = now
        plan, idle = [], []
        for counter, one in self._floats.items():
            latest = one.asked / passed
            weight = min(1.0, passed) * _HALF
            one.rate += (latest - one.rate) * (max(weight, _RISING) if latest > one.rate else weight)
            one.asked = 0
            known = seen.get(counter)
            target = 0
            if now < one.paused:
                pass
            elif now - one.at <= KEEP_S:
                target = _target(one, known.sum if known else NOTHING, processes, away=away)
            elif not one.amount and not one.told:
                idle.append(counter)
            if target == 0 or abs(target - one.amount) * 3 > target:
                plan.append((one.want, target - one.amount))
        for counter in idle:
            del self._floats[counter]
        return [(want, by) for want, by in plan if by]


def refused(wants: Sequence[Want], seen: Mapping[Counter, Seen]) -> Verdict:
    """What is said when the floats do not do: all that is not known to be used is in use just now."""
    sums = []
    for want in wants:
        known = seen.get(want.counter)
        charged = 0 if known is None else known.sum.charged
        sums.append(Sum(charged, max(0, want.bound - want.amount - charged) + 1))
    return Verdict(False, tuple(sums), ((),) * len(wants))


def _working(one: _Float) -> int:
    return int(one.rate * WORKING_S) + one.want.amount


def _target(one: _Float, known: Sum, processes: int, *, away: bool) -> int:
    want = one.want
    left = want.bound - known.used + one.amount
    if away:
        return max(0, left) // processes
    if left <= FEW * processes * max(1, want.amount):
        return 0
    wished = int(one.rate * AWAY_S) + FEW * want.amount
    return min(wished, left // (PART * processes))
