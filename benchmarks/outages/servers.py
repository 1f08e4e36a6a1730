"""Both real servers, each at the end of a road that can be made slow; PostgreSQL on a disk that can be filled."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from postgres_server import PostgresServer, serving  # noqa: E402 - it is where the tests have it
from slow_road import SlowRoad  # noqa: E402
from valkey_server import ValkeyServer  # noqa: E402

__all__ = ["Disk", "PostgresServer", "SlowRoad", "ValkeyServer", "serving", "small_disk"]

DISK_MB = 160


class Disk:
    """A small disk, in memory."""

    def __init__(self, folder: Path, *, small: bool) -> None:
        self.folder = folder
        self.small = small
        """Whether it is one: without the right to mount it, it is the machine's, which is not to be filled."""

    @property
    def _filling(self) -> Path:
        return self.folder / "filling"

    def fill(self) -> None:
        """Leave no byte on it."""
        assert self.small
        for size in (64 * 1024, 512):
            with contextlib.suppress(OSError), self._filling.open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))

    def make_room(self) -> None:
        """Take away what filled it."""
        self._filling.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk() -> Iterator[Disk]:
    """Mount one, where that is allowed."""
    folder = Path(tempfile.mkdtemp(prefix="freehold-postgres-"))
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        small = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        small = False
    try:
        yield Disk(folder, small=small)
    finally:
        if small:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
