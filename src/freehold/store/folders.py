"""Folders of the data folder, for their owner alone."""

from __future__ import annotations

from pathlib import Path


def make_private(folder: Path) -> None:
    """Make the folder, and those above it that are missing, so that nobody else on this machine can look into them.

    `Path.mkdir` gives its mode to the last one only. What is there keeps its mode. Raises OSError.
    """
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)
