"""What goes into the spool while the server cannot be written, and out of it when it can."""

from __future__ import annotations

from typing import Any

from freehold.catalog.prices import Pricer
from freehold.ledger.batch import Batch
from freehold.ledger.bodies import Packer
from freehold.ledger.inbox import Inbox
from freehold.ledger.record import Call
from freehold.ledger.runs import Counts, Process
from freehold.ledger.server import LedgerServer
from freehold.ledger.spool import Spool

REPLAY_CALLS = 8192
"""Of one commit: as many as four ordinary ones, for a server that is far away has to be caught up with too."""


class Replay:
    """The writer's part of it. Only its thread calls the methods, but for `put_by`."""

    def __init__(
        self,
        server: LedgerServer,
        spool: Spool,
        process: Process,
        *,
        inbox: Inbox,
        pricer: Pricer,
        packer: Packer,
    ) -> None:
        self.spool = spool
        self.batch = Batch(pricer, packer)
        self._server = server
        self._process = process
        self._inbox = inbox
        self._packer = packer
        self._strange = 0

    def figures(self) -> dict[str, Any]:
        """How it is at this moment, for the ledger's status."""
        spool = self.spool
        return {
            "spooled": spool.own_calls,
            "spooled_bytes": spool.size,
            "inherited": spool.calls - spool.own_calls,
            "spool_problem": spool.problem,
        }

    def put_by(self, calls: list[Call]) -> bool:
        """Put calls by that are in nobody's hands but the caller's. Those for which there is no room wait in memory.

        Whether all of them are on the disk. Any thread may call it.
        """
        kept = self.spool.put(calls)
        self._inbox.bodies_dropped += kept.without_bodies
        self._inbox.settle(calls[: kept.calls], dropped=kept.refused, reason="unrecordable")
        self._inbox.put_back(calls[kept.calls :])
        return kept.calls == len(calls)

    def step(self, counts: Counts) -> int | None:
        """Write some of what waits. Returns how many calls of this process were written, None: nothing waits.

        Raises StoreError, SQLAlchemyError, OSError.
        """
        found = self.spool.next(REPLAY_CALLS)
        self._count_damages()
        if found is None:
            return None
        folder, portion = found
        batch, mine = self.batch, folder.owner.process == self._process
        batch.add(portion.calls)
        try:
            alone = self._strange >= 2
            if mine:
                refused = self._server.write(batch, {}, None, counts, alone=alone, again=True)
            else:
                refused = self._server.add_left(batch, folder.owner, alone=alone)
        except BaseException:
            self._packer.forget([place.digest for place, _ in batch.fresh])
            self._strange += 1
            raise
        finally:
            batch.clear()
        self._strange = 0
        self.spool.done(folder, portion)
        self._count_damages()
        if not mine:
            return 0
        if refused:
            self._inbox.drop("unrecordable", refused)
        return len(portion.calls) - refused

    def _count_damages(self) -> None:
        for damage in self.spool.own_damages():
            self._inbox.drop("damaged", damage.calls or 0)

    def look_around(self) -> None:
        """Take over what processes that have ended left behind, and write down the ends of those that left nothing.

        Raises StoreError, SQLAlchemyError, OSError.
        """
        for folder in self.spool.take_over():
            self._server.settle(folder.owner, folder.damages)
            self.spool.settled(folder)
