"""Public data sets, where somebody has put them beside the project. They are not part of it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

FOLDER = Path(__file__).parents[3] / "shared/data"


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, compressed or not. The test is skipped where it is not there."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the data set {name} is not here")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
