"""GGUF files served by workers, without an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freehold.catalog.profile import Profile
from freehold.providers.local.models import LocalModel


def file_model(
    name: str, file: Path, *, context: int = 1024, slots: int = 2, embeddings: bool = False, **more: Any
) -> LocalModel:
    """A GGUF file as `local/NAME`."""
    operations = frozenset({"embeddings" if embeddings else "chat"})
    return LocalModel(
        name=name,
        runtime="llama.cpp",
        packages=("xllamacpp",),
        weights=str(file),
        profile=Profile(operations=operations, context_window=context),  # type: ignore[arg-type]
        slots=slots,
        **{"temperature": 0.0, **more},
    )
