"""The account of one counter: what was reserved on it, and what became of that. Pure, and whole numbers only.

    reserved = settled + released + expired + held

holds after every step. What counts against the bound is `charged` (settled and expired, within the window) and `held`.
"""

from __future__ import annotations

import msgspec

PLACE = -1
"""As `slot_us`: the counter is of places among concurrent calls, which nobody is charged for."""
WHOLE = 0
"""As `slot_us`: a calendar window, of which everything counts."""


MOST = 9 * 10**15
"""No bound is larger. A provider that bills more for one call is out of its mind: so much is charged, which ends the
window as well and which every database can hold.
"""
PRESSED_US = 5_000_000
"""For so long nobody keeps anything of a counter for himself that somebody was refused for."""


class Counter(msgspec.Struct, frozen=True, gc=False):
    """Which counter, and how it counts. The same name always has the same slots."""

    name: str
    """`limit|measure|start of the calendar window, or empty|who`."""
    slot_us: int = WHOLE
    """Length of a slot of a sliding window, or PLACE or WHOLE."""
    slots: int = 0
    until_us: int = 0
    """The end of its calendar window; 0: it has none."""

    def oldest(self, now_us: int) -> int:
        """The number of the oldest slot that counts: the one in which the window begins counts as a whole."""
        return now_us // self.slot_us - self.slots


class Settlement(msgspec.Struct, gc=False):
    """What became of amounts held on one counter. Several add up to one."""

    amount: int = 0
    """Was held."""
    actual: int = 0
    """Was used."""
    over: int = 0
    """Was used beyond what had been held for it."""
    unused: int = 0
    """Was held beyond what was used."""

    def add(self, amount: int, actual: int) -> None:
        """One more."""
        self.amount += amount
        self.actual += actual
        if actual > amount:
            self.over += actual - amount
        else:
            self.unused += amount - actual


class Holding(msgspec.Struct, gc=False):
    """What one process holds on one counter."""

    held: int = 0
    expired: int = 0
    """Was held when the process was taken to be gone, and neither settled nor released since."""
    spare: int = 0
    """Part of `held` that no call has, as far as the process said."""


class Account(msgspec.Struct, gc=False):
    """The sums of one counter since it was begun."""

    reserved: int = 0
    settled: int = 0
    released: int = 0
    expired: int = 0
    held: int = 0
    spent: dict[int, int] = {}
    """Of a sliding window: slot -> settled in it."""
    lapsed: dict[int, int] = {}
    """Of a sliding window: slot -> expired in it."""
    pressed_us: int = 0
    """When somebody was last refused for what is held."""

    def charged(self, counter: Counter, now_us: int) -> int:
        """What counts against the bound beside what is held."""
        if counter.slot_us == WHOLE:
            return self.settled + self.expired
        if counter.slot_us == PLACE:
            return 0
        self._forget(counter, now_us)
        return sum(self.spent.values()) + sum(self.lapsed.values())

    def reserve(self, amount: int) -> None:
        """Set aside."""
        self.reserved += amount
        self.held += amount

    def settle(self, counter: Counter, holding: Holding, done: Settlement, now_us: int) -> None:
        """Charge what was used, and free the rest. Held amounts that had expired are taken back from there; those
        that are known to nobody any more (released by a person, or held while nobody could be told) count as new.

        A sliding window forgets what expired when its slot leaves, not sooner: it may be of another process.
        """
        held = min(done.amount, holding.held)
        late = min(done.amount - held, holding.expired)
        unknown = done.amount - held - late
        holding.held -= held
        holding.expired -= late
        self.held -= held
        self.expired -= late
        self.reserved += unknown + done.over
        self.released += done.unused
        self.charge(counter, done.actual, now_us)

    def adjust(self, holding: Holding, truth: int) -> None:
        """The process says what it holds. What it was thought to hold beside that was never used; what it holds beside
        what was thought had expired, or is told for the first time.
        """
        more = truth - holding.held
        holding.held = truth
        self.held += more
        if more < 0:
            self.released -= more
            return
        revived = min(more, holding.expired)
        holding.expired -= revived
        self.expired -= revived
        self.reserved += more - revived

    def lapse(self, counter: Counter, holding: Holding, now_us: int) -> None:
        """The process is taken to be gone: what its calls held is charged, and the rest is free."""
        spare = min(holding.spare, holding.held)
        holding.spare = 0
        holding.held -= spare
        self.held -= spare
        self.released += spare
        self.expire(counter, holding, holding.held, now_us)

    def expire(self, counter: Counter, holding: Holding, amount: int, now_us: int) -> None:
        """Nobody will settle this: it is charged, for it may have been used."""
        amount = min(amount, holding.held)
        holding.held -= amount
        holding.expired += amount
        self.held -= amount
        self.expired += amount
        if counter.slot_us > 0 and amount:
            slot = now_us // counter.slot_us
            self.lapsed = {**self.lapsed, slot: self.lapsed.get(slot, 0) + amount}

    def release_expired(self) -> int:
        """A person knows that it was not used. Gives how much it was."""
        amount, self.expired = self.expired, 0
        self.released += amount
        self.lapsed = {}
        return amount

    def raise_to(self, counter: Counter, charged: int, now_us: int) -> None:
        """At least this much was used, as somebody knows who remembers it."""
        missing = charged - self.charged(counter, now_us)
        if missing > 0 and counter.slot_us != PLACE:
            self.reserved += missing
            self.charge(counter, missing, now_us)

    def charge(self, counter: Counter, amount: int, now_us: int) -> None:
        """It was used."""
        self.settled += amount
        if counter.slot_us > 0 and amount:
            slot = now_us // counter.slot_us
            self.spent = {**self.spent, slot: self.spent.get(slot, 0) + amount}

    def _forget(self, counter: Counter, now_us: int) -> None:
        oldest = counter.oldest(now_us)
        if any(slot < oldest for slot in self.spent):
            self.spent = {slot: amount for slot, amount in self.spent.items() if slot >= oldest}
        if any(slot < oldest for slot in self.lapsed):
            self.lapsed = {slot: amount for slot, amount in self.lapsed.items() if slot >= oldest}
