"""Reports of drills, one file each in the data folder: what a drill found is still known a week later."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from freehold.rollout.drills.live import FOLDER
from freehold.rollout.drills.report import Report
from freehold.store.database import unusable

_NAME = re.compile(r"drill_[0-9a-f]{32}\.json", re.ASCII)


def keep(data: Path, report: Report) -> None:
    """Keep a report. Raises StoreError."""
    folder = data / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{report.id}.{os.getpid()}"
        draft.write_bytes(msgspec.json.encode(report))
        draft.rename(folder / f"{report.id}.json")
    except OSError as error:
        raise unusable(folder, error) from error


def kept(data: Path) -> Iterator[Report]:
    """All reports, the newest first; what cannot be read is left out. Waits for the disk."""
    folder = data / FOLDER
    names = sorted((path.name for path in folder.glob("drill_*.json")), reverse=True)
    for name in names:
        if _NAME.fullmatch(name) is None:
            continue
        try:
            yield msgspec.json.decode((folder / name).read_bytes(), type=Report)
        except (OSError, msgspec.DecodeError):
            continue
