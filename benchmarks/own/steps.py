"""The commands of the demonstration, as somebody would type them, each with the time it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway.environments import say


class Step(msgspec.Struct, frozen=True):
    """A command that has run."""

    command: str
    seconds: float
    status: int
    said: list[dict[str, Any]] = []
    """What it printed with `--json`, an object a line."""


class Shell:
    """Runs `freehold` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[Step] = []
        # Of what somebody has configured nothing is to be found; and whoever looks for a network is to fail.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FREEHOLD_")}
        self._environment = {**kept, "HF_HUB_OFFLINE": "1"}

    def run(self, *words: str, fine: tuple[int, ...] = (0,)) -> Step:
        """`freehold WORDS --json`. Ends the demonstration where its exit status is none of `fine`."""
        command = " ".join(("freehold", *words))
        say(f"$ {command}")
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *words, "--json"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        step = Step(command, time.monotonic() - begun, done.returncode, said)
        self.steps.append(step)
        say(f"  {step.seconds:.0f} s, exit status {step.status}")
        if step.status not in fine:
            raise SystemExit(f"`{command}` ended with {step.status}: {done.stdout.strip()[-2000:]}")
        return step

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(step.seconds for step in self.steps)


def dials(values: Mapping[str, object]) -> tuple[str, ...]:
    """`--set` for each."""
    return tuple(word for name, value in values.items() for word in ("--set", f"{name}={value}"))
