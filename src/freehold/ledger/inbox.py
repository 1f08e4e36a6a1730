"""Where finished calls wait for the writer: bounded in bytes, and quick to put into."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from sqlalchemy import Connection

from freehold.core.clock import Clock, microseconds
from freehold.ledger.record import Call
from freehold.ledger.tally import Tally

CALL_BYTES = 1500
"""What a waiting call is reckoned at without its bodies."""
DECISION_BYTES = 1000
"""What a decision is reckoned at, besides."""
NUDGE_CALLS = 128
"""So many calls are worth waking the writer for before its time: they are prepared, not yet committed."""
NUDGE_BYTES = 2_000_000


class Errand(NamedTuple):
    """Something for the writer to do besides writing calls."""

    work: Callable[[Connection], None]
    done: Future[None]
    """Told when it is committed, or why it cannot be."""


class Drops:
    """Calls given up for one reason since the last report of them."""

    __slots__ = ("calls", "from_us", "until_us")

    def __init__(self, now_us: int) -> None:
        self.calls = 0
        self.from_us = now_us
        self.until_us = now_us


class Inbox:
    """Calls handed in and not yet settled, that is, neither committed nor dropped."""

    def __init__(self, limit: int, tally: Tally, clock: Clock) -> None:
        self.wake = threading.Event()
        """Set when there is something for the writer to do."""
        self.pressed = threading.Event()
        """Set when more than half of the room is taken."""
        self.idle = False
        """Whether the writer sleeps without a time to commit at: then the next call wakes it. Waking it for
        every call would cost each of them two switches between threads."""
        self.held = 0
        """Bytes of all unsettled calls, those in the writer's hands too."""
        self.drops: dict[str, Drops] = {}
        """Not yet in the ledger, by reason."""
        self.dropped: dict[str, int] = {}
        """Since the start, by reason."""
        self.bodies_dropped = 0
        """Calls taken in without their bodies since the start, for want of room."""
        self.accepted = 0
        """Calls taken in since the start."""
        self.settled = 0
        """Calls of those that were committed or dropped."""
        self.limit = limit
        """Bytes that unsettled calls may take."""
        self._much = limit // 2
        self._tally = tally
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._closed: str | None = None
        self.errands: list[Errand] = []
        """What else the writer is asked to do, in its transactions."""

    @property
    def tally_name(self) -> str | None:
        """Under which name the counts are found should the process be killed."""
        return self._tally.name

    @property
    def recorded(self) -> int:
        """Calls handed in since the start, whatever became of them."""
        return self._tally.cells[0]

    def begin(self) -> None:
        """Count a call that began. Never blocks for long, never raises."""
        with self._lock:
            self._tally.cells[2] += 1

    def put(self, call: Call) -> None:
        """Take a call in; without its bodies, or not at all, when there is no room. Never blocks, never raises."""
        try:
            size = size_of(call)
            with self._lock:
                held = self.held + size
                if held > self.limit or self._closed is not None:
                    held = self.held + CALL_BYTES
                    if held > self.limit or self._closed is not None:
                        self._refuse(self._closed or "queue full")
                        return
                    # What a call cost is worth more than what was said; and there is room for many such calls.
                    call = _without_bodies(call)
                    self.bodies_dropped += 1
                calls = self._calls
                calls.append(call)
                self.held = held
                self.accepted += 1
                self._tally.cells[0] += 1
                waiting = len(calls)
            if self.idle or waiting % NUDGE_CALLS == 0 or (held > NUDGE_BYTES and not self.wake.is_set()):
                self.idle = False
                self.wake.set()
            if held > self._much:
                self.pressed.set()
        except Exception:  # noqa: BLE001 - recording a call must never cost its answer; what is no call is counted
            with self._lock:
                self._refuse("unrecordable")

    def ask(self, errand: Errand) -> None:
        """Let the writer do something else when it can."""
        with self._lock:
            self.errands.append(errand)
        self.wake.set()

    def take_errands(self) -> list[Errand]:
        """What it was asked to do."""
        with self._lock:
            errands, self.errands = self.errands, []
            return errands

    @property
    def waiting(self) -> int:
        """Calls that the writer has not taken out yet."""
        return len(self._calls)

    def take(self, most: int) -> list[Call]:
        """Up to `most` of the calls that came in, the oldest first. They stay unsettled."""
        with self._lock:
            if len(self._calls) <= most:
                calls, self._calls = self._calls, []
            else:
                calls = self._calls[:most]
                del self._calls[:most]
            return calls

    def put_back(self, calls: list[Call]) -> None:
        """Calls that were taken out and are not settled; they come before the others."""
        if calls:
            with self._lock:
                self._calls[:0] = calls

    def drop(self, reason: str, calls: int) -> None:
        """Count calls that were settled before, and had to be given up after all."""
        with self._lock:
            self._drop(reason, calls)

    def settle(self, calls: list[Call], *, dropped: int = 0, reason: str = "") -> None:
        """These calls are committed, all but `dropped` of them, which were given up for `reason`."""
        size = sum(map(size_of, calls))
        with self._lock:
            self.held -= size
            self.settled += len(calls)
            if dropped:
                self._drop(reason, dropped)

    def take_drops(self) -> dict[str, Drops]:
        """What was dropped since the last time this was asked."""
        with self._lock:
            drops, self.drops = self.drops, {}
            return drops

    def give_back(self, drops: dict[str, Drops]) -> None:
        """Drops that could not be reported after all."""
        with self._lock:
            for reason, old in drops.items():
                new = self.drops.setdefault(reason, old)
                if new is not old:
                    new.calls += old.calls
                    new.from_us = min(new.from_us, old.from_us)

    def close(self, reason: str) -> None:
        """From now on every call is dropped for `reason`."""
        with self._lock:
            self._closed = reason

    def seal(self, *, forget: bool) -> None:
        """Let go of the tally; `forget`: all that it says has been written down."""
        with self._lock:
            self._tally.close(forget=forget)

    def _refuse(self, reason: str) -> None:
        self._tally.cells[0] += 1
        self._drop(reason, 1)

    def _drop(self, reason: str, calls: int) -> None:
        now_us = microseconds(self._clock.now())
        drops = self.drops.get(reason)
        if drops is None:
            drops = self.drops[reason] = Drops(now_us)
        drops.calls += calls
        drops.until_us = now_us
        self.dropped[reason] = self.dropped.get(reason, 0) + calls
        self._tally.cells[1] += calls


def _without_bodies(call: Call) -> Call:
    call = copy.copy(call)  # somebody else may be looking at it
    call.request_body = call.answer_body = None
    return call


def size_of(call: Call) -> int:
    """Bytes that a waiting call is reckoned at."""
    size = CALL_BYTES if call.decision is None else CALL_BYTES + DECISION_BYTES
    if call.request_body is not None:
        size += len(call.request_body)
    if call.answer_body is not None:
        size += len(call.answer_body)
    return size
