"""The numbers of a GGUF file, put back into the model that they were made from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from freehold.train.export.gguf_file import GgufFile
from freehold.train.export.proof import Tensors
from freehold.train.export.types import TYPES

_UNKNOWN = 1.0
"""How far off numbers may be in a type that is not written here."""
_LLAMA = "llama"
"""Whose rows of queries and keys the converter puts into another order."""


def put_back(model: Any, exported: GgufFile) -> Any:
    """The model with the file's numbers instead of its own; both in 32 bits. The model is changed, not copied."""
    state = model.state_dict()
    for name, theirs in _names(model, exported):
        numbers = torch.from_numpy(np.array(exported.weights(theirs)))
        if exported.metadata.get("general.architecture") == _LLAMA:
            numbers = _in_halves(numbers, name, model.config)
        state[name].copy_(numbers.reshape(state[name].shape))
    return model


def error_of(merged: GgufFile, exported: GgufFile) -> Tensors:
    """How far the numbers of `exported` are from those of `merged`, which has them in full precision."""
    squares = errors = worst_error = 0.0
    worst = ""
    beyond = {}
    for name in merged.tensors:
        ours, theirs = merged.weights(name), exported.weights(name)
        square = float(np.square(ours, dtype=np.float64).sum())
        error = float(np.square(theirs - ours, dtype=np.float64).sum())
        squares, errors = squares + square, errors + error
        share = math.sqrt(error / square) if square else float(error > 0)
        if share > worst_error:
            worst, worst_error = name, share
        if share > _coarse(exported, name):
            beyond[name] = share
    return Tensors(
        count=len(merged.tensors),
        error=math.sqrt(errors / squares) if squares else 0.0,
        worst=worst,
        worst_error=worst_error,
        beyond=beyond,
    )


def _coarse(exported: GgufFile, name: str) -> float:
    type_ = TYPES.get(int(exported.tensors[name].tensor_type))
    return _UNKNOWN if type_ is None else type_.coarse


def _names(model: Any, exported: GgufFile) -> Iterator[tuple[str, str]]:
    """Each of the model's tensors with its name in the file."""
    import gguf  # noqa: PLC0415 - as the file's reader

    architecture = exported.metadata["general.architecture"]
    kind = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(kind, exported.layers)
    for name in model.state_dict():
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs in exported.tensors:
            yield name, theirs


def _in_halves(numbers: torch.Tensor, name: str, config: Any) -> torch.Tensor:
    """Rows that llama.cpp has in pairs, as Transformers turns them: first halves, then second halves."""
    if name.endswith(("q_proj.weight", "q_proj.bias")):
        heads = config.num_attention_heads
    elif name.endswith(("k_proj.weight", "k_proj.bias")):
        heads = config.num_key_value_heads
    else:
        return numbers
    halves = numbers.reshape(heads, numbers.shape[0] // heads // 2, 2, *numbers.shape[1:])
    return halves.swapaxes(1, 2).reshape(numbers.shape)
