"""What a process goes by while the books are away: its share of what remained.

When they were last seen, each counter had something left. Each of N processes may use 1/N of that, beside what it held
itself; so all of them together stay within the bound, as far as each knew of the others. What is used so is told to
the books when they are back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freehold.limits.account import PLACE, WHOLE, Account, Counter
from freehold.limits.batch import NOTHING, Sum, Verdict, Want


class Seen(msgspec.Struct, frozen=True, gc=False):
    """How a counter stood, and when."""

    sum: Sum
    at_us: int
    mine: int = 0
    """What this process held of it then."""


class _Share(msgspec.Struct, gc=False):
    allowance: int
    account: Account
    """Of what was used since."""


class Shares:
    """The shares of one process, from the loss of the books until they are back."""

    def __init__(
        self,
        seen: Mapping[Counter, Seen],
        held: Mapping[Counter, int],
        mine: Mapping[Counter, int],
        *,
        untold: Mapping[Counter, int],
        place: int,
        count: int,
        known: bool,
    ) -> None:
        """`seen`: the counters as last seen; `held`: what this process held then; `mine`: what its calls hold, which
        goes on to change; `untold`: what it used then and had not told the books.

        `place` is this process's among the `count` of them, from 0: what cannot be divided goes to the first. `known`:
        the others know of this process; if they may not, they divide among themselves, and nothing is left for it.
        """
        self._seen = seen
        self._held = held
        self._mine = mine
        self._untold = untold
        self._place = place
        self._count = count
        self._known = known
        self._shares: dict[Counter, _Share] = {}

    def decide(self, wants: Sequence[Want], now_us: int) -> Verdict:
        """As the books would; the caller takes what is granted into `mine`."""
        sums = [self._sum(want, now_us) for want in wants]
        granted = all(one.used + want.amount <= want.bound for one, want in zip(sums, wants, strict=True))
        if not granted:
            slots = tuple(tuple(sorted(self._shares[want.counter].account.spent.items())) for want in wants)
            return Verdict(False, tuple(sums), slots)
        after = [Sum(one.charged, one.held + want.amount) for one, want in zip(sums, wants, strict=True)]
        return Verdict(True, tuple(after))

    def charge(self, counter: Counter, amount: int, now_us: int) -> None:
        """This process used something, which is not yet in the books."""
        share = self._shares.get(counter)
        if share is not None:
            share.account.charge(counter, amount, now_us)

    def _sum(self, want: Want, now_us: int) -> Sum:
        """What is used, put as if the others used all but this share."""
        counter = want.counter
        share = self._shares.get(counter)
        if share is None:
            share = self._shares[counter] = _Share(self._allowance(want, now_us), Account())
        held = self._mine.get(counter, 0)
        charged = share.account.charged(counter, now_us)
        return Sum(want.bound - share.allowance + charged, held)

    def _allowance(self, want: Want, now_us: int) -> int:
        counter = want.counter
        seen = self._seen.get(counter)
        sum_ = NOTHING if seen is None else seen.sum
        charged = sum_.charged
        slides = counter.slot_us not in (PLACE, WHOLE)
        if slides and seen is not None and now_us - seen.at_us > counter.slot_us * (counter.slots + 1):
            charged = 0  # whatever it was has left the window
        charged += self._untold.get(counter, 0)
        held = self._held.get(counter, 0)
        others = 0 if seen is None else max(0, sum_.held - seen.mine)
        if not self._known:
            return held
        whole, rest = divmod(max(0, want.bound - charged - others - held), self._count)
        return held + whole + (1 if self._place < rest else 0)
