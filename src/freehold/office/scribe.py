"""Writes down in the audit log what the endpoint does by itself, in its own time: nothing waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping

from freehold.access.audit import AuditLog
from freehold.core.errors import StoreError

log = logging.getLogger("freehold.audit")

_AGAIN_SECONDS = 5.0
_Act = tuple[str, str, str, Mapping[str, object]]


class Scribe:
    """Belongs to the event loop's thread."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._unwritten: deque[_Act] = deque()
        self._woken = asyncio.Event()
        self._is_away = False
        self._under_way: asyncio.Task[bool] | None = None

    def note(self, who: str, act: str, subject: str, detail: Mapping[str, object]) -> None:
        """To be written down soon."""
        self._unwritten.append((who, act, subject, detail))
        self._woken.set()

    async def run(self) -> None:
        """Write until cancelled. While the database is away, what is to be written waits."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._unwritten:
                if not await self._write():
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def finish(self) -> None:
        """Write what is left, if the database was not away a moment ago: the process is about to end."""
        while self._unwritten and not self._is_away and await self._write():
            pass
        for who, act, subject, detail in self._unwritten:
            log.error("not in the audit log: %s %s %s %s", who, act, subject, dict(detail))

    async def _write(self) -> bool:
        # Whoever is cancelled meanwhile leaves the entry under way to the next: it is not written twice.
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._write_first())
        return await asyncio.shield(self._under_way)

    async def _write_first(self) -> bool:
        try:
            await asyncio.to_thread(self._audit.append, *self._unwritten[0])
        except StoreError as error:
            if not self._is_away:
                log.warning("an act cannot be written down yet: %s", error)
            self._is_away = True
            return False
        finally:
            self._under_way = None
        self._is_away = False
        self._unwritten.popleft()
        return True
