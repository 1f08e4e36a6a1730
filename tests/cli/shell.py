"""Runs the real command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import pytest

import freehold


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


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

    def __call__(self, *words: str, input: str = "", terminal: str | None = None, **more: str) -> Done:
        """`shell("keys", "list")`: exit status, output and errors as text. `more`: variables.

        `terminal`: a device that standard output goes to instead.
        """
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place, name) for name in ("in", "out", "err")]
            for file, content in zip(files, (input, "", ""), strict=True):
                file.write_text(content)
            request = {
                "words": words,
                "folder": str(self.folder),
                "environment": {**self.environment, **more},
                "files": [str(files[0]), terminal or str(files[1]), str(files[2])],
            }
            status = _forks.run(msgspec.json.encode(request))
            return Done(status, files[1].read_text(), files[2].read_text())

    def json(self, *words: str, **more: str) -> list[dict[str, object]]:
        """What a command that must succeed says with `--json`."""
        done = self(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        return [msgspec.json.decode(line, type=dict[str, object]) for line in done.stdout.splitlines()]

    def start(
        self,
        *words: str,
        stdout: int | IO[bytes] = subprocess.PIPE,
        within: Sequence[str] = (),
        **more: str,
    ) -> subprocess.Popen[bytes]:
        """`python -m freehold …` in an interpreter of its own, which goes on running; the caller ends it.

        `within` is a command that ends in running the words behind it.
        """
        return subprocess.Popen(
            [*within, sys.executable, "-m", "freehold", *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**self.environment, **more},
        )


class _Forks:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, if it does not run."""
        if self._process is None:
            assert freehold.__file__ is not None
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("forked.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={
                    **os.environ,
                    "PYTHONPATH": str(Path(freehold.__file__).parent.parent),
                    "OPENBLAS_NUM_THREADS": "1",  # a process with threads is not to be forked
                },
            )

    def run(self, request: bytes) -> int:
        """The exit status of one command."""
        process = self._process
        assert process is not None, "the module must import `forks` from `shell`"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request + b"\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    def end(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.communicate(timeout=10)
            self._process = None


_forks = _Forks()


@pytest.fixture(autouse=True, scope="session")
def forks() -> Iterator[None]:
    """Test modules import this: what commands are forked from is started once for all of them."""
    _forks.start()
    yield
    _forks.end()
