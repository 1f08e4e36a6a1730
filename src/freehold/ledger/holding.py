"""What the writer holds the ledger by: a file, or a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from freehold.ledger.batch import Batch
from freehold.ledger.bodies import Place
from freehold.ledger.inbox import Drops
from freehold.ledger.runs import Counts
from freehold.store.faults import Fault

T = TypeVar("T")


class BodiesGone(Exception):
    """Bodies that were stored are not there any more: the batch is to be made ready anew."""


class Holding(Protocol):
    """One thread's hold on the ledger. Where it fails, StoreError, SQLAlchemyError or OSError is raised."""

    incident: str | None
    """The last thing that befell the ledger as a whole."""

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not given up since."""

    @property
    def has_run(self) -> bool:
        """Whether this process is written down as one that writes the ledger."""

    def look(self) -> None:
        """Let go of it when it is no longer the one that its place names."""

    def mend(self, fault: Fault) -> bool:
        """Do what can be done about a fault. Whether that was something, and it can be opened anew at once."""

    def open(self, counts: Counts) -> bool:
        """Open it, making it when missing. True: it is another one than before, or the first."""

    def recent_bodies(self) -> list[Place]:
        """The bodies stored last, the oldest of them first."""

    def beat(self, counts: Counts) -> None:
        """Let others see that this process lives, and look for those that do not."""

    def write(
        self,
        batch: Batch,
        drops: dict[str, Drops],
        detail: str | None,
        counts: Counts,
        *,
        alone: bool = False,
        again: bool = False,
    ) -> int:
        """Commit the batch and the report of drops, all or nothing. Returns how many calls no row holds.

        `alone`: give up each row that fails. `again`: some of the calls may be there already.
        """

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one write transaction."""

    def sum_former(self) -> bool:
        """Add a few calls to the roll-ups that were there before them. Whether there are more."""

    def close(self, drops: dict[str, Drops], counts: Counts) -> None:
        """Write the last drops and the end of the run down, and let go of it."""

    def release(self) -> None:
        """Let go of it, whatever state it is in."""
