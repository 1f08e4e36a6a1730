"""What a process owes the books: all they have yet to be told of what it holds, and of what its calls used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from freehold.limits.account import Counter, Settlement
from freehold.limits.batch import Batch, Settlements, Want
from freehold.limits.hold import Settled


class Dues:
    """Of one process."""

    def __init__(self, owner: str) -> None:
        """`owner` names this process and no other."""
        self._owner = owner
        self.mine: dict[Counter, int] = {}
        """What this process holds: for its calls, and for itself."""
        self.truth_due = True
        """Whether the books are to be told all of that."""
        self._settlements: dict[Counter, Settlement] = {}
        self._expirations: dict[Counter, int] = {}
        self._raises: dict[Counter, int] = {}
        self._untold: dict[Counter, int] = {}
        """What the books were told was used, and have not confirmed to know."""

    @property
    def settled(self) -> bool:
        """Whether anything is over that the books have not been told of."""
        return bool(self._settlements)

    @property
    def urgent(self) -> bool:
        """Whether the next batch had better go at once."""
        return bool(self.truth_due or self._raises)

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._settlements or self._expirations or self._raises or self.truth_due)

    def take(self, wants: Sequence[Want]) -> None:
        """So much more is held."""
        for want in wants:
            self.mine[want.counter] = self.mine.get(want.counter, 0) + want.amount

    def settle(self, told: Iterable[Settled]) -> None:
        """What was held is over."""
        mine, settlements = self.mine, self._settlements
        for counter, amount, actual in told:
            left = mine.get(counter, 0) - amount
            if left > 0:
                mine[counter] = left
            else:
                mine.pop(counter, None)
            settlement = settlements.get(counter)
            if settlement is None:
                settlement = settlements[counter] = Settlement()
            settlement.amount += amount  # not by `add`: this is done for every call
            settlement.actual += actual
            if actual > amount:
                settlement.over += actual - amount
            else:
                settlement.unused += amount - actual

    def settle_late(self, told: Sequence[Settled]) -> None:
        """What had been given up as expired is settled after all."""
        for counter, amount, _ in told:
            self.mine[counter] = self.mine.get(counter, 0) + amount
        self.settle(told)
        self.truth_due = True

    def expire(self, counter: Counter, amount: int) -> None:
        """Something that was held was never settled: it is charged."""
        self.mine[counter] = self.mine.get(counter, 0) - amount
        self._expirations[counter] = self._expirations.get(counter, 0) + amount

    def remember(self, used: Mapping[Counter, int]) -> None:
        """The books are to know of at least this much."""
        for counter, charged in used.items():
            self._raises[counter] = max(charged, self._raises.get(counter, 0))

    def tell(self, batch: Batch) -> None:
        """Put all of it into the batch."""
        batch.settlements = {(self._owner, counter): done for counter, done in self._settlements.items()}
        batch.expirations, batch.raises = self._expirations, self._raises
        if self.truth_due:
            batch.truth = {counter: held for counter, held in self.mine.items() if held}
        self._untold = self.unconfirmed()
        self._settlements, self._expirations, self._raises = {}, {}, {}
        self.truth_due = False

    def unconfirmed(self) -> dict[Counter, int]:
        """What was used, as far as the books have not confirmed to know."""
        used = dict(self._untold)
        for counter, done in self._settlements.items():
            if done.actual:
                used[counter] = used.get(counter, 0) + done.actual
        return used

    def confirm(self, settlements: Settlements) -> None:
        """They know of these."""
        for (_, counter), done in settlements.items():
            untold = self._untold.pop(counter, 0) - done.actual
            if untold > 0:
                self._untold[counter] = untold
