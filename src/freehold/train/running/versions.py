"""With what a run is made: the versions of the libraries that decide about it, and the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("freehold", "torch", "transformers", "trl", "peft", "tokenizers", "numpy")


def versions() -> dict[str, str]:
    """Of those that are installed, with the version of Python."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """The processor and how many of its cores this process may use."""
    name = platform.machine()
    about = Path("/proc/cpuinfo")
    if about.is_file():
        lines = about.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} core{'' if cores == 1 else 's'}"
