"""Finished calls on the disk of this machine, for as long as the ledger's server cannot take them.

Each process puts its calls into a folder of its own, flushed to the disk before they leave the memory, and takes
them out again when the server is back; what a process that has ended left behind, the next one to look takes over.
A call that is written twice is known by its id, so each is in the ledger once.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from freehold.ledger.folder import ASIDE, Damage, Folder, Portion, look_into
from freehold.ledger.frames import frame
from freehold.ledger.record import Call
from freehold.ledger.runs import Counts, Process

log = logging.getLogger("freehold.ledger")

_BODIES_UP_TO = 0.8
"""Of the spool's size. The rest of it is for what calls cost: it holds many times as many without their bodies."""


class Kept(NamedTuple):
    """What became of calls that were to be put by."""

    calls: int
    """So many of them, the first, are on the disk or can be on none."""
    refused: int
    """Those of them that cannot be kept in any form."""
    without_bodies: int
    """Those of them that lost their bodies, for want of room."""
    problem: str | None
    """Why it is not all of them."""


class Spool:
    """This process's part of the spool, and what it took over. Any thread may call any method."""

    def __init__(self, path: Path, process: Process, limit: int) -> None:
        """`limit`: bytes that the files may take."""
        self.path = path
        self.problem: str | None = None
        """Why nothing can be put by now; None while all is well, or was not tried."""
        self._process = process
        self._limit = limit
        self._lock = threading.Lock()
        self._own: Folder | None = None
        self._others: list[Folder] = []
        self._strange: set[Path] = set()
        """What was found there and cannot be read; said once."""

    @property
    def calls(self) -> int:
        """Calls that wait, of whatever process."""
        return sum(folder.calls for folder in self._folders())

    @property
    def own_calls(self) -> int:
        """Calls of this process that wait."""
        own = self._own
        return 0 if own is None else own.calls

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(folder.size for folder in self._folders())

    def unsettled(self) -> set[int]:
        """When the processes began of which calls are still here."""
        return {folder.owner.process.started_us for folder in self._folders()}

    def claim(self) -> None:
        """Leave a word that this process lives, for those after it: it cannot be written down elsewhere."""
        with self._lock:
            try:
                if self._own is None:
                    self._own = Folder.make(self.path, self._process)
            except OSError as error:
                self.problem = f"{self.path}: {error.strerror}"

    def put(self, calls: Sequence[Call]) -> Kept:
        """Put calls by, as many as go. Returns when they are on the disk. Never raises OSError."""
        with self._lock:
            kept = self._append(calls, bodies=True, limit=int(self._limit * _BODIES_UP_TO))
            if kept.calls < len(calls):
                rest = self._append(calls[kept.calls :], bodies=False, limit=self._limit)
                calls_kept, refused = kept.calls + rest.calls, kept.refused + rest.refused
                kept = Kept(calls_kept, refused, rest.without_bodies, rest.problem)
            self.problem = kept.problem
        return kept

    def next(self, most: int) -> tuple[Folder, Portion] | None:
        """Some calls to be written, of this process first. Raises OSError."""
        with self._lock:
            for folder in self._folders():
                portion = folder.next(most)
                if portion is not None:
                    return folder, portion
        return None

    def done(self, folder: Folder, portion: Portion) -> None:
        """These calls are in the ledger. Raises OSError."""
        with self._lock:
            folder.done(portion)
            self.problem = None  # there may be room again

    def take_over(self) -> list[Folder]:
        """What other processes have left behind, of which nothing is to be written any more; it is to be `settled`.

        Takes over first what was left since the last time. What cannot be read stays where it is.
        """
        with self._lock:
            for path in sorted(self.path.glob("[0-9]*-*")) if self.path.exists() else ():
                if not any(path == folder.path for folder in self._folders()):
                    self._take_over(path)
            return [folder for folder in self._others if folder.calls == 0]

    def _take_over(self, path: Path) -> None:
        try:
            found = Folder.take_over(path)
        except FileNotFoundError:
            return  # somebody else was faster
        except OSError as error:
            if path not in self._strange:
                log.warning("what is in the spool at %s cannot be read: %s", path, error.strerror)
            self._strange.add(path)
            return
        if found is not None:
            log.warning("%d calls of an earlier process are in the spool", found.calls)
            self._others.append(found)

    def own_damages(self) -> list[Damage]:
        """What could not be read of what this process has put by; told once."""
        with self._lock:
            own = self._own
            if own is None:
                return []
            damages, own.damages = own.damages, []
            return damages

    def settled(self, folder: Folder) -> None:
        """All that was in this folder is in the ledger, and the end of its process too."""
        with self._lock:
            self._others.remove(folder)
            folder.close(remove=True)

    def close(self, counts: Counts, ended_us: int, *, told: bool) -> bool:
        """The process ends; `told`: that is in the ledger. True: the spool keeps what is still to be known of it."""
        with self._lock:
            for folder in self._others:
                folder.close(remove=False)
            self._others.clear()
            own, self._own = self._own, None
            try:
                if own is None and not told:
                    own = Folder.make(self.path, self._process)
                if own is None:
                    return False
                is_kept = own.calls > 0 or not told
                if is_kept:
                    own.end(counts, ended_us)
            except OSError as error:
                log.warning("The end of this process cannot be written down: %s", error)
                return False
            own.close(remove=not is_kept)
            return is_kept

    def _append(self, calls: Sequence[Call], *, bodies: bool, limit: int) -> Kept:
        kept = refused = without = 0
        try:
            for framed in frame(calls, bodies=bodies) if self.size < limit else ():
                if self.size + len(framed.data) > limit:
                    break
                if self._own is None:
                    self._own = Folder.make(self.path, self._process)
                self._own.append(framed)
                if not bodies:
                    without += sum(map(_has_bodies, calls[kept : kept + framed.calls]))
                kept, refused = kept + framed.calls, refused + framed.refused
            problem = "`ledger.spool_bytes` is used up" if kept < len(calls) else None
        except OSError as error:
            problem = f"{self.path}: {error.strerror}"
        return Kept(kept, refused, without, problem)

    def _folders(self) -> list[Folder]:
        own = self._own
        return list(self._others) if own is None else [own, *self._others]


def _has_bodies(call: Call) -> bool:
    return call.request_body is not None or call.answer_body is not None


def waiting_in(spool: Path) -> tuple[int, int, bool]:
    """Calls and bytes that wait in a spool, and whether a process that runs is looking after some of them.

    Changes nothing. What cannot be read counts as nothing.
    """
    calls = stored = 0
    is_looked_after = False
    for path in spool.glob("[0-9]*-*"):
        with contextlib.suppress(OSError):
            found = look_into(path)
            calls, stored = calls + found.calls, stored + found.size
            is_looked_after |= found.running
    return calls, stored, is_looked_after


def damaged_in(spool: Path) -> list[Path]:
    """Files that were moved aside in a spool, as they could not be read to their ends."""
    return sorted(spool.glob(f"{ASIDE}*"))
