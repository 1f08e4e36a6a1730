"""Puts calls by that wait too long: the writer may be waiting for a server that does not answer, or answers slowly."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from freehold.ledger.frames import FRAME_CALLS
from freehold.ledger.inbox import Inbox
from freehold.ledger.replay import Replay

_LOOKS_SECONDS = 0.25
_REST_SECONDS = 2.0
"""After the disk has refused calls, until it is tried again."""


class Relief:
    """A thread that looks into the inbox from time to time."""

    def __init__(
        self,
        inbox: Inbox,
        replay: Replay,
        *,
        patience: float,
        is_failing: Callable[[], bool],
        told: Callable[[], None],
    ) -> None:
        """`patience`: seconds that a call may wait, less when nothing can be written. `told`: calls were settled."""
        self._inbox = inbox
        self._replay = replay
        self._patience = patience
        self._is_failing = is_failing
        self._told = told
        self._seen: deque[tuple[float, int]] = deque()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="freehold-spool", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()
        self._inbox.pressed.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        pressed = self._inbox.pressed
        while not self._ending.is_set():
            is_full = pressed.wait(_LOOKS_SECONDS)
            if is_full:
                pressed.clear()
            now = time.monotonic()
            if self._is_due(now, is_full=is_full) and not self._put_all_by():
                self._ending.wait(_REST_SECONDS)

    def _is_due(self, now: float, *, is_full: bool) -> bool:
        inbox, seen = self._inbox, self._seen
        seen.append((now, inbox.accepted))
        if not inbox.waiting:
            return False
        if is_full or self._is_failing():
            return True  # however short they have waited
        overdue = 0
        while seen and seen[0][0] <= now - self._patience:
            overdue = seen.popleft()[1]
        # The first `overdue` calls came in that long ago. They are taken out in their order.
        return inbox.accepted - inbox.waiting < overdue

    def _put_all_by(self) -> bool:
        """Whether the disk took them all."""
        all_kept = True
        for _ in range(self._inbox.waiting // FRAME_CALLS + 1):
            if all_kept and (calls := self._inbox.take(FRAME_CALLS)):
                all_kept = self._replay.put_by(calls)
        self._told()
        return all_kept
