"""Own models for tests: the weights of the embedded one under another name, as an export leaves them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import msgspec

from freehold.catalog.own import MANIFEST, OwnModel
from freehold.providers.local.models import MODELS, weights_of

CHAT = "local/smollm2-135m"


def embedded_weights() -> Path:
    """The GGUF file that comes with Freehold."""
    path = weights_of(MODELS[CHAT])
    assert path is not None
    return path


def export_model(data: Path, name: str, *, weights: Path | None = None, **facts: Any) -> OwnModel:
    """Put an own model into a data folder: its file first and its manifest last, each in one step."""
    folder = data / "own" / name
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "draft"
    shutil.copyfile(weights or embedded_weights(), draft)
    model = OwnModel(
        **{
            "name": name,
            "format": "gguf",
            "form": "gguf:q4_1",
            "file": "model.gguf",
            "sha256": hashlib.sha256(draft.read_bytes()).hexdigest(),
            "context_window": 1024,
            "parameters": 134_515_008,
            "licence": "Apache-2.0",
            "run": "run_1",
            "base": CHAT,
            "dataset": None,
            "made_us": 1,
            "margin": 0.02,
            "slots": 2,
            **facts,
        }
    )
    draft.rename(folder / model.file)
    draft.write_bytes(msgspec.json.encode(model))
    draft.rename(folder / MANIFEST)
    return model
