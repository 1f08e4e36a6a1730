"""A small disk that only one process sees: it can be filled, and be taken away, without harm to anybody."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Inside(NamedTuple):
    """How to get at a disk that is open."""

    pid: int
    """A process that sees it."""
    within: list[str]
    """What to put before the command of another one that is to see it, too."""


class PrivateDisk:
    """A tmpfs at `folder`, in a mount namespace of the process that is started `within` it."""

    def __init__(self, folder: Path, size: int) -> None:
        """`size` in bytes."""
        folder.mkdir(mode=0o700)
        self.folder = folder
        self._user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        mount = f'mount -t tmpfs -o size={size},mode=700 tmpfs "$0" && exec "$@"'
        self.within = ["unshare", "--mount", *self._user, "sh", "-c", mount, str(folder)]
        """What to put before the command of the process."""

    @property
    def possible(self) -> bool:
        """Whether this system lets us have one."""
        done = subprocess.run([*self.within, "true"], capture_output=True, check=False)
        return done.returncode == 0

    @contextmanager
    def open(self) -> Iterator[Inside]:
        """The disk, for several processes one after the other: it is there as long as it is open."""
        with subprocess.Popen([*self.within, "sleep", "600"]) as holder:
            try:
                while not self._is_mounted(holder.pid):
                    time.sleep(0.01)
                # Beside the disk, as whoever enters a namespace is at its root.
                yield Inside(holder.pid, [*self._entering(holder.pid), f"--wd={self.folder.parent}"])
            finally:
                holder.kill()

    def _is_mounted(self, process: int) -> bool:
        return f" {self.folder} " in Path(f"/proc/{process}/mounts").read_text()

    def seen_by(self, process: int) -> Path:
        """The folder as that process sees it."""
        return Path(f"/proc/{process}/root{self.folder}")

    def fill(self, process: int) -> None:
        """Leave not a byte free."""
        with (self.seen_by(process) / "filler").open("wb", buffering=0) as filler:
            try:
                for size in (65536, 4096, 1):
                    try:
                        while filler.write(bytes(size)):
                            pass
                    except OSError:
                        continue
            finally:
                os.fsync(filler.fileno())

    def free(self, process: int) -> None:
        """Take away what `fill` left."""
        (self.seen_by(process) / "filler").unlink()

    def cover(self, process: int) -> None:
        """Let the process see an empty disk at the same place, which cannot be written to."""
        self._inside(process, "mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(self.folder))

    def uncover(self, process: int) -> None:
        """Let it see its own again."""
        self._inside(process, "umount", "--lazy", str(self.folder))

    def _inside(self, process: int, *words: str) -> None:
        subprocess.run([*self._entering(process), *words], check=True)

    def _entering(self, process: int) -> list[str]:
        namespaces = ["--mount", *(["--user", "--preserve-credentials"] if self._user else [])]
        return ["nsenter", "--target", str(process), *namespaces]
