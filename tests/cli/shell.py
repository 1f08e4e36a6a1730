"""Runs the real command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import msgspec

import freehold

Done = subprocess.CompletedProcess[str]


class Shell:
    """A folder to run commands in. They see nothing of the person who runs the tests."""

    def __init__(self, folder: Path) -> None:
        assert freehold.__file__ is not None
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(freehold.__file__).parent.parent),
            "PYTHONWARNINGS": "error",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "Asia/Seoul",
            "COLUMNS": "120",
        }

    def __call__(self, *words: str, input: str | None = None, **more: str) -> Done:
        """`shell("keys", "list")`: exit status, output and errors as text. `more`: variables."""
        return subprocess.run(
            [sys.executable, "-m", "freehold", *words],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.environment, **more},
            timeout=60,
            check=False,
        )

    def json(self, *words: str, **more: str) -> list[dict[str, object]]:
        """What a command that must succeed says with `--json`."""
        done = self(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        return [msgspec.json.decode(line, type=dict[str, object]) for line in done.stdout.splitlines()]

    def start(
        self, *words: str, stdout: int | IO[bytes] = subprocess.PIPE, **more: str
    ) -> subprocess.Popen[bytes]:
        """A command that goes on running; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "freehold", *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**self.environment, **more},
        )
