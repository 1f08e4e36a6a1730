"""The limits of a running endpoint: books that live as long as the process, and the limits of each configuration."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence

from freehold.catalog.models import Catalog
from freehold.catalog.prices import PriceList
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError
from freehold.limits.account import Counter
from freehold.limits.batch import Books, UnavailableError
from freehold.limits.clerk import Clerk, ClerkStatus
from freehold.limits.keeper import Keeper
from freehold.limits.limit import Limit

log = logging.getLogger("freehold.limits")

Opener = Callable[[], tuple[Books, Clock]]


class LimitsService:
    """Nothing is opened before there is a limit."""

    def __init__(self, open_books: Opener, remember: Callable[[Sequence[Limit]], dict[Counter, int]]) -> None:
        """`open_books` gives the books and the clock that they go by; it may raise StoreError and SettingsError.
        `remember` says what the ledger knows of, for books that were lost; it may block.
        """
        self._open_books = open_books
        self._remember = remember
        self._limits: tuple[Limit, ...] = ()
        self._clerk: Clerk | None = None
        self._clock: Clock | None = None
        self._starting: asyncio.Task[None] | None = None

    def keeper(self, limits: Sequence[Limit], prices: PriceList, catalog: Catalog) -> Keeper | None:
        """The limits of a configuration at work; None when nothing is limited. Raises StoreError, SettingsError."""
        if not any(limit.bounds for limit in limits):
            self._limits = tuple(limits)
            return None
        clerk, clock, books = self._clerk, self._clock, None
        if clerk is None or clock is None:
            books, clock = self._open_books()
            owner = f"{os.getpid()}-{secrets.token_hex(8)}"
            clerk = Clerk(books, clock, owner=owner, refill=self._refill)
        keeper = Keeper(limits, clerk, prices=prices, catalog=catalog, clock=clock)
        # From here on nothing fails: what does leaves those limits in force that were before.
        known = {limit.name for limit in self._limits}
        self._limits, self._clerk, self._clock = tuple(limits), clerk, clock
        if books is not None:
            self._starting = asyncio.get_running_loop().create_task(self._start(clerk, books))
        elif new := [limit for limit in limits if limit.name not in known]:
            self._starting = asyncio.get_running_loop().create_task(self._count_in(clerk, new))
        return keeper

    async def _start(self, clerk: Clerk, books: Books) -> None:
        await clerk.start()
        try:
            counted = {one.name.partition("|")[0] for one in await books.standings(0)}
        except UnavailableError:
            return
        await self._count_in(clerk, [limit for limit in self._limits if limit.name not in counted])

    async def _count_in(self, clerk: Clerk, new: Sequence[Limit]) -> None:
        """A limit counts what there was in its window before it was thought of."""
        if new:
            try:
                clerk.remember(await asyncio.to_thread(self._remember, new))
            except FreeholdError as error:
                log.warning("what was used before a limit was there is not counted: %s", error)

    async def started(self) -> None:
        """Wait until the books were looked at."""
        if self._starting is not None:
            await self._starting

    async def close(self) -> None:
        """Tell the books what is left to tell."""
        if self._clerk is not None:
            if self._starting is not None:
                await asyncio.wait([self._starting])  # whoever waited for it was told what went wrong
            await self._clerk.close()

    @property
    def status(self) -> ClerkStatus | None:
        """How it goes; None while nothing is limited."""
        return None if self._clerk is None else self._clerk.status

    async def _refill(self) -> dict[Counter, int]:
        return await asyncio.to_thread(self._remember, self._limits)
