"""The calls that one process has put by: a folder of the spool, locked by the process for as long as it lives."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from freehold.ledger.frames import Framed, calls_in, read_frames
from freehold.ledger.record import Call
from freehold.ledger.runs import Counts, Process

log = logging.getLogger("freehold.ledger")

FILE_BYTES = 8_000_000
"""A file that has grown to this is followed by another one."""
ASIDE = "damaged-"
"""What the names begin with of files in the spool that could not be read to their ends."""
_OWNER = "owner"
_SUFFIX = ".calls"
_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB


class Owner(msgspec.Struct):
    """What a folder says about the process it is of."""

    process: Process
    counts: Counts | None = None
    """What it had counted when it ended; None: it runs, or was killed."""
    ended_us: int | None = None


class File:
    """One file of frames."""

    __slots__ = ("calls", "is_torn", "lost", "path", "read", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        """Bytes of whole frames."""
        self.read = 0
        """Bytes of those whose calls are in the ledger."""
        self.calls = 0
        """Calls that are still to be written."""
        self.lost = 0
        """Calls of what was read that could not be made out."""
        self.is_torn = False
        """Whether something follows the whole frames, in which there may be any number of calls."""


class Damage(msgspec.Struct, frozen=True):
    """A file of which not all could be read. It is kept, under another name."""

    path: Path
    """Where it is now."""
    calls: int | None
    """How many are missing by it; None: nobody knows."""

    @property
    def in_words(self) -> str:
        """What happened, for people."""
        return f"what waited on the disk could not be read to its end, and is kept as {self.path}"


class Portion(msgspec.Struct, frozen=True):
    """Some calls of a folder, in the order in which they came."""

    calls: list[Call]
    file: File
    until: int
    counted: int
    """As how many calls they count in the folder."""
    lost: int = 0
    """Those of them that could not be made out."""


class Folder:
    """The folder. Methods raise OSError."""

    def __init__(self, path: Path, lock: int, owner: Owner) -> None:
        """Use `make` or `take_over`."""
        self.path = path
        self.owner = owner
        self._lock = lock
        self._files: list[File] = []
        self._handle = -1
        self._writing: File | None = None
        self._number = 0
        self.damages: list[Damage] = []
        """What could not be read of it, until somebody has written that down."""

    @classmethod
    def make(cls, spool: Path, process: Process) -> Folder:
        """A folder for this process."""
        path = spool / f"{process.started_us}-{process.process}"
        draft = path.with_name(f".{path.name}")
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(draft / _OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        folder = cls(path, lock, Owner(process))
        try:
            fcntl.flock(lock, _LOCK)
            folder._write_owner()
            # Under its name only when the lock is held, or somebody could take it for an orphan.
            draft.rename(path)
            _sync(spool)
        except BaseException:
            os.close(lock)
            raise
        return folder

    @classmethod
    def take_over(cls, path: Path) -> Folder | None:
        """The folder of a process that has ended; None while it runs."""
        lock = os.open(path / _OWNER, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, _LOCK)
            folder = cls(path, lock, msgspec.json.decode(os.pread(lock, 1_000_000, 0), type=Owner))
            for name in sorted(path.glob(f"*{_SUFFIX}")):
                file = File(name)
                for one in read_frames(name):
                    file.size = one.end
                    file.calls += one.calls
                file.is_torn = name.stat().st_size > file.size
                folder._files.append(file)
            for file in [one for one in folder._files if not one.calls]:
                folder._let_go(file)
        except BlockingIOError:
            os.close(lock)
            return None
        except ValueError:
            os.close(lock)
            raise OSError(errno.EINVAL, f"its file `{_OWNER}` does not say whose it is") from None
        except BaseException:
            os.close(lock)
            raise
        return folder

    @property
    def calls(self) -> int:
        """How many calls wait in it."""
        return sum(file.calls for file in list(self._files))

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in list(self._files))

    def append(self, framed: Framed) -> None:
        """Add a frame, and flush it to the disk: all or nothing."""
        file = self._writing
        if file is None or file.size >= FILE_BYTES:
            file = self._begin_file()
        try:
            if os.pwrite(self._handle, framed.data, file.size) < len(framed.data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._handle)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, file.size)
            raise
        file.size += len(framed.data)
        file.calls += framed.calls - framed.refused

    def next(self, most: int) -> Portion | None:
        """The oldest frames, of up to `most` calls together but at least one frame; None when none is left.

        A file of which something could not be read is moved aside when the rest of it has been written.
        """
        while self._files:
            file = self._files[0]
            calls: list[Call] = []
            until, counted, lost = file.read, 0, 0
            for one in read_frames(file.path, file.read):
                if one.end > file.size or (calls and counted + one.calls > most):
                    break
                found = calls_in(one.content)
                calls += found or ()
                lost += one.calls if found is None else 0
                until, counted = one.end, counted + one.calls
            if calls:
                return Portion(calls, file, until, counted, lost)
            self._let_go(file)
        return None

    def done(self, portion: Portion) -> None:
        """The calls of this portion are in the ledger."""
        file = portion.file
        file.read = portion.until
        file.calls -= portion.counted
        file.lost += portion.lost
        if file.read >= file.size:
            self._let_go(file)

    def end(self, counts: Counts, ended_us: int) -> None:
        """Say that the process ends in good order, and what it has counted."""
        self.owner = Owner(self.owner.process, counts, ended_us)
        self._write_owner()

    def close(self, *, remove: bool) -> None:
        """Let go of it; `remove`: for ever."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if remove:
            with contextlib.suppress(OSError):
                for one in self.path.iterdir():
                    one.unlink()
                self.path.rmdir()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write_owner(self) -> None:
        text = msgspec.json.encode(self.owner)
        os.pwrite(self._lock, text, 0)
        os.ftruncate(self._lock, len(text))
        os.fsync(self._lock)

    def _begin_file(self) -> File:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._number += 1
        file = File(self.path / f"{self._number:08}{_SUFFIX}")
        self._handle = os.open(file.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        _sync(self.path)
        self._files.append(file)
        self._writing = file
        return file

    def _let_go(self, file: File) -> None:
        """Nothing more is to be had of this file: it is removed, or moved aside if there may be calls in it still."""
        if file.is_torn or file.lost or file.calls:
            aside = self.path.with_name(f"{ASIDE}{self.path.name}-{file.path.name}")
            file.path.rename(aside)
            _sync(aside.parent)
            damage = Damage(aside, None if file.is_torn else file.lost + file.calls)
            log.error("Calls are missing in the ledger: %s", damage.in_words)
            self.damages.append(damage)
        else:
            file.path.unlink(missing_ok=True)
        self._files.remove(file)
        if file is self._writing:
            os.close(self._handle)
            self._handle, self._writing = -1, None


class Look(NamedTuple):
    """What is in a folder."""

    calls: int
    size: int
    """Bytes."""
    running: bool
    """Whether its process, or one that took it over, runs."""


def look_into(path: Path) -> Look:
    """What is in a folder of the spool. Raises OSError."""
    lock = os.open(path / _OWNER, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        running = False
    except BlockingIOError:
        running = True
    finally:
        os.close(lock)
    frames = [one for file in path.glob(f"*{_SUFFIX}") for one in read_frames(file)]
    stored = sum(file.stat().st_size for file in path.glob(f"*{_SUFFIX}"))
    return Look(sum(one.calls for one in frames), stored, running)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
