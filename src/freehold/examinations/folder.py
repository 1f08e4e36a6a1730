"""The data folder: whether it can be used, and by whom it can be read."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from freehold.core.figures import size
from freehold.examinations.finding import Finding, broken, good, notice

LITTLE_SPACE = 1_000_000_000
"""Bytes free on the disk below which it is worth a word."""
NO_SPACE = 20_000_000
"""Bytes free below which the ledger may fail at any moment."""


def examine_folder(folder: Path) -> Iterator[Finding]:
    """Existence, space, modes. Nothing is tried out, so nothing is changed."""
    if not folder.exists():
        yield _not_made_yet(folder)
        return
    if not folder.is_dir():
        yield broken(
            "data folder", f"{folder} is no folder", "Move it away, or choose another with `--data`."
        )
        return
    yield _writable(folder)
    yield _space(folder)
    yield _modes(folder)


def _not_made_yet(folder: Path) -> Finding:
    parent = next(above for above in folder.parents if above.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        return broken("data folder", f"{folder} cannot be made", f"Let your user write to {parent}.")
    return good("data folder", f"{folder} is not made yet; `freehold up` makes it")


def _writable(folder: Path) -> Finding:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return broken(
            "data folder",
            f"{folder} cannot be written",
            "Let the user that runs Freehold own it; where its disk is mounted read-only, choose another with `data`.",
        )
    return good("data folder", f"{folder} can be written")


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    found = f"{size(free)} free on the disk of the data folder"
    step = "Make space; until then calls are answered but may not be recorded."
    if free < NO_SPACE:
        return broken("disk", found, step)
    return (
        notice("disk", found, "Make space before it runs out.")
        if free < LITTLE_SPACE
        else good("disk", found)
    )


def _modes(folder: Path) -> Finding:
    """Keys' hashes, their pepper and what people wrote are for the owner only."""
    open_to_others = [
        path
        for path in (folder, *sorted(folder.iterdir()))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if stat.S_IMODE(folder.stat().st_mode) & 0o022:
        return broken(
            "modes", f"others on this machine can put their own keys into {folder}", f"`chmod 700 {folder}`"
        )
    # Nobody passes a closed folder, so what is in it matters only when the folder is open.
    if folder not in open_to_others:
        return good("modes", f"only you can look into {folder}")
    if len(open_to_others) == 1:
        return good("modes", f"others can see the names in {folder}, and read nothing")
    names = ", ".join(path.name for path in open_to_others[1:6])
    return notice("modes", f"others on this machine can read {names} in {folder}", f"`chmod -R go= {folder}`")
