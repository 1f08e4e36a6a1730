"""Books that are new, or were lost: they are told what is remembered, before they are gone by."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence

from freehold.limits.account import Counter
from freehold.limits.dues import Dues
from freehold.limits.hold import Settled
from freehold.limits.shares import Seen

log = logging.getLogger("freehold.limits")

Refill = Callable[[], Awaitable[dict[Counter, int]]]
"""Gives what is remembered elsewhere as used."""

_WRITTEN_S = 0.5
"""When the books were lost in the middle of it, the ledger is asked after so long: by then other processes have written
what had ended before, too.
"""


class Filling:
    """What one process does about it."""

    def __init__(self, dues: Dues, refill: Refill, over: Callable[[], None]) -> None:
        """`over` is called when everything that is remembered is among the dues."""
        self._dues = dues
        self._refill = refill
        self._over = over
        self._task: asyncio.Task[None] | None = None
        self._since: dict[Counter, int] | None = None
        """What was used since the ledger was asked, which may not have known of it."""
        self.epoch = ""
        """What the books were called when they were last seen; empty: they are fresh."""
        self.name = ""
        """What they are to be called, once they are told; empty: not yet, or by somebody else."""

    @property
    def task(self) -> asyncio.Task[None] | None:
        """While the ledger is asked."""
        return self._task

    @property
    def noting(self) -> bool:
        """Whether what is used has to be noted."""
        return self._since is not None

    def note(self, told: Sequence[Settled]) -> None:
        """This was used."""
        since = self._since
        if since is not None:
            for counter, _, actual in told:
                since[counter] = since.get(counter, 0) + actual

    def look(self, epoch: str, seen: Mapping[Counter, Seen]) -> None:
        """The books are called so now. When they are not those that were known, tell them."""
        lost = False
        if epoch != self.epoch:
            lost = bool(self.epoch)
            if lost:  # what was last seen: books that know of less were lost
                self._dues.remember({counter: one.sum.charged for counter, one in seen.items()})
                self._dues.truth_due = True
            self.epoch = epoch
        if not epoch:
            self._dues.truth_due = True
        if (lost or not epoch) and self._task is None and not self.name:
            after = _WRITTEN_S if lost else 0.0
            self._task = asyncio.get_running_loop().create_task(self._fill(after, name=not epoch))

    async def _fill(self, after: float, *, name: bool) -> None:
        """Tell what the ledger knows, too, `after` so many seconds. `name`: nobody else did."""
        await asyncio.sleep(after)
        since: dict[Counter, int] = {}
        self._since = since
        try:
            known = await self._refill()
            self._dues.remember({one: charged + since.get(one, 0) for one, charged in known.items()})
        except Exception:  # what is in memory is told in any case
            log.exception("the ledger could not be asked for what had been spent")
        if name:
            self.name = secrets.token_hex(8)
        self._task = self._since = None
        self._over()

    def close(self) -> None:
        """Leave it."""
        if self._task is not None:
            self._task.cancel()
