"""Checkpoints hold everything that is drawn at random, and are whole or not there."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from freehold.core.errors import StoreError
from freehold.train.running.chance import seed_everything
from freehold.train.running.checkpoints import last_checkpoint, save_checkpoint


def drawn() -> list[float]:
    """One number of each source of chance, and one that Gauss drew, of which some draw two at a time."""
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        torch.rand(1).item(),
        torch.randn(1).item(),
    ]


def test_chance_goes_on_where_it_was(tmp_path: Path) -> None:
    seed_everything(5)
    first = drawn()
    save_checkpoint(tmp_path, 3, {"weights": torch.arange(4.0)})
    following = drawn()
    seed_everything(9)
    state = last_checkpoint(tmp_path)
    assert state is not None
    assert state["step"] == 3
    assert torch.equal(state["weights"], torch.arange(4.0))
    assert drawn() == following
    seed_everything(5)
    assert drawn() == first


def test_the_last_two_are_kept_and_half_ones_do_not_count(tmp_path: Path) -> None:
    for step in range(1, 5):
        save_checkpoint(tmp_path, step, {"at": step})
    (tmp_path / "checkpoints/step-000000009.new").write_bytes(b"half")
    assert sorted(path.name for path in (tmp_path / "checkpoints").glob("*.pt")) == [
        "step-000000003.pt",
        "step-000000004.pt",
    ]
    state = last_checkpoint(tmp_path)
    assert state is not None
    assert state["at"] == 4


def test_a_damaged_one_is_told(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, 1, {"weights": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StoreError, match="cannot be read") as refused:
        last_checkpoint(tmp_path)
    assert "Take it away" in str(refused.value)
    assert last_checkpoint(tmp_path / "elsewhere") is None
