"""The ledger's writer: what it writes to, prices by and tells."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from freehold.app.parts import Parts
from freehold.app.prices import Prices
from freehold.ledger.writer import Ledger

if TYPE_CHECKING:
    from freehold.core.clock import Clock


log = logging.getLogger("freehold")

_CLOSE_SECONDS = 10.0
_LOOKS_SECONDS = 1.0
_DROPS_SECONDS = 10.0
"""Between two lines about dropped calls."""


def make_ledger(parts: Parts, clock: Clock) -> Ledger:
    """Makes `parts.prices`, by which it prices."""
    settings, is_alone = parts.settings, parts.place is None
    parts.prices = Prices(settings.price_list())
    return Ledger(
        settings.database or settings.data / "ledger.db",
        settings.ledger,
        parts.prices,
        clock,
        spool=settings.data / "spool",
        may_tidy=(lambda: True) if is_alone else parts.upkeep.take,
        shared=not is_alone,
    )


async def close_ledger(ledger: Ledger) -> None:
    """All that was is written down."""
    if not await asyncio.to_thread(ledger.close, _CLOSE_SECONDS):
        log.error("the ledger could not write everything: %s", ledger.status)


async def tell_of_drops(ledger: Ledger) -> None:
    """Say so in the log when calls could not be kept."""
    told = 0
    while True:
        await asyncio.sleep(_LOOKS_SECONDS)
        status = ledger.status
        if status.dropped > told:
            told = status.dropped
            reasons = ", ".join(f"{reason}: {calls}" for reason, calls in status.dropped_by.items())
            log.warning("%d calls were dropped and will not be in the ledger (%s)", told, reasons)
            await asyncio.sleep(_DROPS_SECONDS)
