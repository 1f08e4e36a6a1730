"""The keys as the server last told them, in a file: so that they are known after a restart without it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec

from freehold.access.key import Key

_TOUCH_US = 10_000_000
"""Between two times of writing down that the keys are still as they were."""


class Known(msgspec.Struct, frozen=True):
    """What the file holds: of keys, nothing but what the database has."""

    server: str
    """Where they are from."""
    check: bytes
    """The check of the pepper they were hashed with."""
    keys: list[tuple[bytes, Key]]
    """Digest and key, of those that were good."""


class Cache:
    """The file. It changes only when keys do; its time says when the server last confirmed them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._touched_us = 0

    def keep(self, known: Known, now_us: int) -> None:
        """Write the keys down. A disk that does not take them is no reason to refuse anybody."""
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(known))
                    file.flush()
                    os.fsync(descriptor)
                draft.rename(self.path)
                self._mark(now_us)
            finally:
                draft.unlink(missing_ok=True)

    def confirm(self, now_us: int) -> None:
        """The server said that the keys are still these."""
        if now_us - self._touched_us >= _TOUCH_US:
            with suppress(OSError):
                self._mark(now_us)

    def read(self) -> tuple[Known, int] | None:
        """What was kept, and when it was last confirmed (microseconds since 1970); None when there is nothing."""
        try:
            known = msgspec.json.decode(self.path.read_bytes(), type=Known)
            return known, self.path.stat().st_mtime_ns // 1000
        except (OSError, ValueError, msgspec.DecodeError):
            return None

    def _mark(self, now_us: int) -> None:
        os.utime(self.path, ns=(now_us * 1000, now_us * 1000))
        self._touched_us = now_us
