"""What is asked of the books in one round trip, and what they say."""

from __future__ import annotations

from typing import Protocol

import msgspec

from freehold.limits.account import Counter, Settlement


class Want(msgspec.Struct, frozen=True, gc=False):
    """To be set aside on one counter."""

    counter: Counter
    amount: int
    bound: int


class Sum(msgspec.Struct, frozen=True, gc=False):
    """How a counter stands."""

    charged: int
    held: int
    pressed: bool = False
    """Somebody was refused of late for what is held, and not for what is charged."""

    @property
    def used(self) -> int:
        """What counts against the bound."""
        return self.charged + self.held


NOTHING = Sum(0, 0)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """Whether everything that was wanted is set aside, or nothing."""

    granted: bool
    sums: tuple[Sum, ...]
    """In the order of the wants: after it when granted, else as it stands."""
    slots: tuple[tuple[tuple[int, int], ...], ...] = ()
    """When refused, of each sliding want what is in its slots: number and amount."""


Settlements = dict[tuple[str, Counter], Settlement]
"""By the process that held it, and the counter."""


class Batch(msgspec.Struct, gc=False):
    """Everything of one turn of the event loop. All of it happens, in this order, or nothing."""

    owner: str
    """The process."""
    number: int
    """Grows; a batch that was done is not done again."""
    now_us: int
    settlements: Settlements = {}
    expirations: dict[Counter, int] = {}
    """Holds of this process that are past their time, whoever forgot them."""
    raises: dict[Counter, int] = {}
    """What somebody remembers as used: counters that know of less are raised to it."""
    truth: dict[Counter, int] | None = None
    """Everything that this process holds; None where the books know."""
    spares: dict[Counter, int] = {}
    """Parts of that which no call has: floats. If the process is taken to be gone, they are free again."""
    wants: list[tuple[Want, ...]] = []
    watched: tuple[Counter, ...] = ()
    """Counters whose sums are wanted beside."""
    beat: bool = False
    """Say that this process is alive, and expire what those hold who are not."""
    leave: bool = False
    """The process ends."""
    filled: str = ""
    """What is remembered elsewhere has been told, so that the books are fresh no more; and what they are called then,
    unless somebody else was faster. Empty: not yet."""


class Done(msgspec.Struct, gc=False):
    """What came of a batch."""

    verdicts: list[Verdict]
    watched: tuple[Sum, ...] = ()
    owners: tuple[str, ...] = ()
    """After a beat: every process that is alive, sorted."""
    epoch: str = ""
    """What these books are called. Empty: they are fresh, or may have lost what was written last: what is remembered
    elsewhere has to be told, and nothing is granted before."""
    repeated: bool = False
    """The batch had been done before; its verdicts are not known any more."""
    lapsed: bool = False
    """The process had been taken to be gone: what it held may have expired."""


class Standing(msgspec.Struct, frozen=True):
    """One counter, for people."""

    name: str
    reserved: int
    settled: int
    released: int
    expired: int
    held: int
    charged: int
    """What counts against the bound beside what is held."""
    slot_us: int

    @property
    def balanced(self) -> bool:
        """The invariant."""
        return self.reserved == self.settled + self.released + self.expired + self.held


class UnavailableError(Exception):
    """The books cannot be reached or written; the message says why."""


class Books(Protocol):
    """Where counters are kept, for every process that shares them."""

    beat_s: float
    """Seconds between two signs of life."""
    patience_s: float
    """The longest that a call waits for them."""

    async def do(self, batch: Batch) -> Done:
        """One round trip. Raises UnavailableError; whether the batch was done is then not known."""

    async def standings(self, now_us: int) -> list[Standing]:
        """Every counter, sorted by name."""

    async def release(self, names: list[str]) -> int:
        """Release what expired on these counters; how much it was."""

    async def close(self) -> None:
        """Let go."""
