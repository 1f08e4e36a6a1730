"""The counters of the limits, asked from outside the endpoint's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from freehold.access.audit import AuditLog
from freehold.config.settings import Settings
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, StoreError
from freehold.limits.batch import Books, Standing, UnavailableError
from freehold.limits.overview import Row, overview

Answer = TypeVar("Answer")
Opener = Callable[[Settings], tuple[Books, Clock]]


def standings_of(settings: Settings, open_books: Opener, now_us: int) -> list[Standing]:
    """How every counter stands. Raises StoreError. Not for a thread that runs a loop."""
    if settings.shared_url is None and not (settings.data / "limits.db").exists():
        return []
    return _ask(settings, open_books, lambda books: books.standings(now_us))


def release(
    settings: Settings,
    open_books: Opener,
    audit: AuditLog,
    *,
    limit: str,
    who: str | None,
    names: Mapping[str, str],
    now_us: int,
    by: str,
) -> list[Row]:
    """Release what expired of a limit, and write that down; what it was. `names`: of keys by their ids.

    Raises NotFound, StoreError. Not for a thread that runs a loop.
    """
    if limit not in settings.limits:
        raise NotFound(f"No limit is called `{limit[:100]}`.", hint="`freehold limits` lists them.")
    rows = [
        row
        for row in overview(
            [settings.limits[limit]], standings_of(settings, open_books, now_us), now_us, past=True
        )
        if row.expired and (who is None or who in (row.who, names.get(row.who or "")))
    ]
    if rows:
        counters = [row.counter for row in rows]
        with audit.of(by, "limits.release", limit, {"who": who, "counters": counters}):
            _ask(settings, open_books, lambda books: books.release(counters))
    return rows


def _ask(settings: Settings, open_books: Opener, question: Callable[[Books], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        books, _ = open_books(settings)
        try:
            return await question(books)
        finally:
            await books.close()

    try:
        return asyncio.run(run())
    except UnavailableError as error:
        hint = (
            "Is the server of `[shared]` running? `freehold doctor` asks it." if settings.shared_url else None
        )
        reason = str(error).rstrip(".")
        raise StoreError(f"The limits cannot be read: {reason}.", hint=hint) from error.__cause__ or error
