"""The desk for files and batches."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from freehold.batches.asking import Asker
from freehold.batches.desk import Desk
from freehold.batches.shelf import Shelf
from freehold.batches.work import Work
from freehold.core.errors import StoreError

if TYPE_CHECKING:
    from freehold.access.keys import Keys
    from freehold.config.settings import Settings
    from freehold.core.clock import Clock
    from freehold.engine.conversations import Conversations
    from freehold.engine.engine import Engine
    from freehold.store.lock import ProcessLock


log = logging.getLogger("freehold")


def desk_of(
    settings: Settings,
    engine: Engine,
    keys: Keys,
    conversations: Conversations,
    clock: Clock,
    *,
    turn: ProcessLock | None,
) -> Desk:
    """`turn`: by which several workers take turns at it."""
    batches = settings.batches
    shelf = Shelf(settings.data, max_bytes=batches.max_bytes)
    work = Work(
        shelf,
        Asker(engine, keys, conversations),
        clock,
        concurrency=batches.concurrency,
        longest_line=settings.server.max_body_bytes,
    )
    return Desk(shelf, work, clock, batches, turn=turn)


async def go_on(desk: Desk) -> None:
    """Go on with the batches that had not ended. What is wrong with them must not keep the endpoint from answering."""

    try:
        await desk.start()
    except StoreError as error:
        log.error("batches cannot be gone on with: %s", error)  # noqa: TRY400 - it says what is wrong
