"""A run's count of calls, kept where the sudden end of the process does not reach it.

`begun()` and `record()` count every call in a page of shared memory (`/dev/shm`) before the writer has it on
disk. When the process is killed, the page stays, and whoever opens the ledger next can say exactly how many calls
are missing: how many had ended, and how many were in flight. It is not a file of the data folder, because writing
to a mapped page of a disk that is full, or has turned read-only, ends the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
import struct
from array import array
from collections.abc import MutableSequence
from pathlib import Path
from typing import cast

import msgspec

_FOLDER = Path("/dev/shm")  # noqa: S108 - the name is random, made exclusively, mode 0600
_FORM = struct.Struct("=QQQ")


class Count(msgspec.Struct, frozen=True):
    """What a tally says."""

    recorded: int
    """Calls handed in."""
    dropped: int
    """Calls of those that were given up, for whatever reason."""
    begun: int
    """Calls that began. Those not handed in yet are in flight; 0 where nobody told of beginnings."""
    alive: bool
    """Whether the process that counts still runs."""


class Tally:
    """Counts of the running process: `cells[0]` calls recorded, `cells[1]` dropped, `cells[2]` begun."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        """Make the page; without shared memory the counts are kept in ordinary memory, and `name` is None."""
        self.name: str | None = f"freehold-{secrets.token_hex(8)}"
        self.cells: MutableSequence[int] = array("Q", (0, 0, 0))
        self._folder = folder
        self._handle = -1
        self._page: mmap.mmap | None = None
        self._view: memoryview | None = None
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle = os.open(folder / self.name, flags, 0o600)
            os.write(self._handle, bytes(mmap.PAGESIZE))  # now the page is there and cannot be refused later
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as the process lives
            self._page = mmap.mmap(self._handle, mmap.PAGESIZE)
            self._view = memoryview(self._page).cast("Q")
            self.cells = cast("MutableSequence[int]", self._view)
        except OSError:
            self.close(forget=True)
            self.name = None

    def close(self, *, forget: bool) -> None:
        """Count on in ordinary memory; with `forget`, take the page away, for all it says is written down."""
        self.cells = array("Q", self.cells[:3])
        if self._view is not None:
            self._view.release()
        if self._page is not None:
            self._page.close()
        if self._handle >= 0:
            if forget:
                remove(self.name, self._folder)
            os.close(self._handle)
        self._handle, self._page, self._view = -1, None, None


def read(name: str | None, folder: Path = _FOLDER) -> Count | None:
    """What the tally called `name` says; None when it is gone, as after a restart of the machine."""
    if name is None:
        return None
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        content = os.read(handle, _FORM.size)
        alive = _is_held(handle)
    except OSError:
        return None
    finally:
        os.close(handle)
    if len(content) < _FORM.size:
        return None
    recorded, dropped, begun = _FORM.unpack(content)
    return Count(recorded, dropped, begun, alive)


def remove(name: str | None, folder: Path = _FOLDER) -> None:
    """Remove a tally whose counts have been written down."""
    if name is not None:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _is_held(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
