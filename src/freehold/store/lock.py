"""A lock that one of several processes holds, and that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_SECONDS = 0.001
"""Between two looks whether it is our turn."""


class ProcessLock:
    """A file that at most one process has locked."""

    def __init__(self, path: Path) -> None:
        """Nothing is made before it is first wanted."""
        self.path = path
        self._handle = -1

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._handle >= 0

    def take(self) -> bool:
        """Take it if nobody has it; whether it is this process's now. A disk that refuses counts as somebody."""
        if self._handle >= 0:
            return True
        handle = -1
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have taken the file away between the two.
            if os.fstat(handle).st_ino != self.path.stat().st_ino:
                raise FileNotFoundError
        except OSError:
            if handle >= 0:
                os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self, *, remove: bool = False) -> None:
        """Let others have it. `remove`: nobody will want it any more."""
        if self._handle >= 0:
            if remove:
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1


class Turns:
    """Lets several processes write a file one after the other, without the long and uneven waits of SQLite's own lock.

    It is a courtesy: who does not get a turn in time goes on all the same, and meets that lock.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is made before the first turn."""
        self._path = path
        self._handle = -1

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Wait up to `patience` seconds for a turn, and have it."""
        has_it = self._wait(time.monotonic() + patience)
        try:
            yield
        finally:
            if has_it:
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _wait(self, give_up_at: float) -> bool:
        try:
            if self._handle < 0:
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    return False
                time.sleep(_LOOK_SECONDS)
            except OSError:
                return False
            else:
                return True


def clear_locks(folder: Path) -> None:
    """Take away the locks of processes that are gone."""
    if folder.is_dir():
        for path in folder.glob("*.lock"):
            left = ProcessLock(path)
            if left.take():
                left.release(remove=True)


def is_locked(path: Path) -> bool:
    """Whether a process that lives has the lock at `path`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
