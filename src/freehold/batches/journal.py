"""The results of a batch as they come: one line each, appended, and found again after the sudden end of the process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

_FLUSH_SECONDS = 1.0


class _Named(msgspec.Struct):
    custom_id: str


_decode = msgspec.json.Decoder(_Named).decode


class Journal:
    """One file of results. A line that the end of the process cut is taken away, and its request asked again."""

    def __init__(self, path: Path, note: Callable[[bytes], None] = lambda _: None) -> None:
        """Open the file, made when it is not there. `note` is called with every line, those that are there first."""
        self._note = note
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._flushed = 0.0
        self.lines = 0
        self.done: set[str] = set()
        """`custom_id` of every line."""
        with os.fdopen(os.dup(self._file), "rb") as reader:
            reader.seek(0)
            whole = 0
            for line in reader:
                try:
                    name = _decode(line).custom_id
                except (msgspec.DecodeError, UnicodeDecodeError):
                    break
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self.lines += 1
                self.done.add(name)
                note(line)
        os.ftruncate(self._file, whole)

    def add(self, custom_id: str, line: bytes) -> None:
        """Append the result of `custom_id`. It survives the end of the process, and within a second the machine's."""
        data = memoryview(line + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self._file, data) :]
            self.lines += 1
            self.done.add(custom_id)
            self._note(line)
            now = time.monotonic()
            if now - self._flushed > _FLUSH_SECONDS:
                self._flushed = now
                os.fsync(self._file)

    def close(self) -> None:
        """Bring everything to the disk; the second time nothing."""
        with self._lock:
            if self._file >= 0:
                os.fsync(self._file)
                os.close(self._file)
                self._file = -1
