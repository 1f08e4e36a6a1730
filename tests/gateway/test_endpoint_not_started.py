"""An endpoint that cannot start says why, and lets go of everything that it had taken by then."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

import freehold

Trouble = Callable[[Path], AbstractContextManager[str]]
"""Makes trouble in a folder, and gives the configuration that meets it."""


@contextmanager
def _address_of_the_admin_api_is_taken(_: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield f'[admin]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n'


@contextmanager
def _file_of_the_limits_is_none(folder: Path) -> Iterator[str]:
    (folder / ".freehold" / "limits.db").mkdir(parents=True)
    yield '[admin]\nlisten = "127.0.0.1:0"\n[limits.all]\non = "organisation"\nconcurrency = 3\n'


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("trouble", "status", "told"),
    [
        (_address_of_the_admin_api_is_taken, 1, "Cannot listen on `127.0.0.1:"),
        (_file_of_the_limits_is_none, 2, "limits.db"),
    ],
)
def test_nothing_is_left_open(trouble: Trouble, status: int, told: str, workers: int, tmp_path: Path) -> None:
    assert freehold.__file__ is not None
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(freehold.__file__).parent.parent),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    with trouble(tmp_path) as configuration:
        (tmp_path / "freehold.toml").write_text(f"[server]\nport = 0\nworkers = {workers}\n{configuration}")
        done = subprocess.run(
            [sys.executable, "-W", "always::ResourceWarning", "-m", "freehold", "up"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    for complaint in ("Warning", "Traceback", "never awaited", "never retrieved"):
        assert complaint not in done.stderr
