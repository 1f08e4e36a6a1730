"""What reads from outside beside chat's decoders, one door after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import asking, filing, framing, keeping, vectors
from .target import Target

_DOORS: dict[str, Callable[[Path], list[Target]]] = {
    "doors": asking.targets_in,
    "embeddings": vectors.targets_in,
    "frames": framing.frame_targets_in,
    "streams": framing.stream_targets_in,
    "files": filing.targets_in,
    "kept": keeping.targets_in,
}
NAMES: tuple[str, ...] = tuple(_DOORS)


def targets_of(name: str, folder: Path) -> list[Target]:
    """Those of one door."""
    return _DOORS[name](folder)
