"""A manifest of an own model leads nowhere but into its own folder, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.catalog.own import MANIFEST, own_models

MODEL: dict[str, Any] = {
    "name": "triage",
    "format": "gguf",
    "form": "gguf:q8_0",
    "file": "triage.gguf",
    "sha256": "0" * 64,
    "context_window": 512,
    "parameters": 1,
    "licence": None,
    "run": "run_1",
    "base": None,
    "dataset": None,
    "made_us": 1,
    "margin": 0.05,
}


@pytest.mark.parametrize(
    "changed",
    [
        {"file": "../../../etc/passwd"},
        {"file": "/etc/passwd"},
        {"file": ".."},
        {"file": "triage.gguf\0"},
        {"run": "../../elsewhere"},
        {"run": "/elsewhere"},
        {"slots": 10**9},
        {"slots": 0},
        {"context_window": 10**15},
        {"context_window": -1},
        {"temperature": -1.0},
    ],
)
def test_what_no_export_writes_is_no_model(tmp_path: Path, changed: dict[str, Any]) -> None:
    folder = tmp_path / "own/triage"
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(MODEL))
    assert list(own_models(tmp_path)) == ["triage"]
    (folder / MANIFEST).write_bytes(msgspec.json.encode({**MODEL, **changed}))
    assert own_models(tmp_path) == {}
