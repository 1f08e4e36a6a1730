"""What is known on the disk of responses that are not finished, so that the end of the process loses none in silence.

One file each, written before the client is told of the response, and removed when the ledger has it. What is found
of a response that does not run was cut off by the end of a process. Methods wait for the disk.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from freehold.core.errors import StoreError
from freehold.store.database import unusable
from freehold.store.lock import ProcessLock, is_locked

_NAME = re.compile(r"resp_[0-9a-f]{32}", re.ASCII)


class Unfinished(msgspec.Struct):
    """What is left of a response whose process ended before it did."""

    key_id: str | None
    response: msgspec.Raw
    """Its Response object when it began."""
    request: msgspec.Raw = msgspec.Raw(b"{}")
    """What its client asked, where that may be kept."""
    owner: str | None = None
    """The lock of the process that runs it, where there are several."""


_decode = msgspec.json.Decoder(Unfinished).decode
_encode = msgspec.json.Encoder().encode


class UnfinishedFiles:
    """The files in one folder, which is made with the first."""

    def __init__(self, folder: Path, presence: ProcessLock | None = None) -> None:
        """`presence`: held by this process as long as it lives, where several use the folder."""
        self._folder = folder
        self._presence = presence

    def add(self, response_id: str, left: Unfinished) -> None:
        """Keep it until it is removed. Raises StoreError."""
        path = self._folder / f"{response_id}.json"
        draft = path.with_suffix(".draft")
        if self._presence is not None:
            self._presence.take()
            left.owner = self._presence.path.name
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encode(left))
                file.flush()
                os.fsync(descriptor)
            draft.rename(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise unusable(path, error) from error

    def remove(self, response_id: str) -> None:
        """It is finished, or nobody wants to hear of it. Raises StoreError."""
        if _NAME.fullmatch(response_id):
            path = self._folder / f"{response_id}.json"
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unusable(path, error) from error

    def find(self, response_id: str) -> Unfinished | None:
        """What is left of it; None when there is nothing."""
        if not _NAME.fullmatch(response_id):
            return None
        try:
            return _decode((self._folder / f"{response_id}.json").read_bytes())
        except (OSError, ValueError, msgspec.DecodeError):
            return None

    def is_running(self, left: Unfinished) -> bool:
        """Whether another process has it and lives."""
        if left.owner is None or self._presence is None or left.owner == self._presence.path.name:
            return False
        return is_locked(self._presence.path.with_name(left.owner))

    def tidy(self, older_than: float) -> None:
        """Take away what was written before this moment (seconds since 1970)."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            try:
                if path.stat().st_mtime < older_than:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"The file `{path}` cannot be deleted: {error.strerror}.") from error
