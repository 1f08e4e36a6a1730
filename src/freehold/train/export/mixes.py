"""Which tensor of a model is kept how: the mixes that llama.cpp's users know by name. Numbers in, numbers out.

A mix gives the tensors that suffer most (the output, the values of attention, the way back from the wide layer) finer
types than the rest. Types come in blocks along a row; a row that its type's blocks do not fill gets a type with smaller
blocks, and never a coarser one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.train.export.types import (
    F16,
    F32,
    IQ4_NL,
    Q2_K,
    Q3_K,
    Q4_0,
    Q4_1,
    Q4_K,
    Q5_0,
    Q5_1,
    Q5_K,
    Q6_K,
    Q8_0,
    Type,
)


class Mix(msgspec.Struct, frozen=True):
    """How the tensors of a model are kept."""

    most: Type
    """What most tensors get."""
    file_type: int
    """The number that stands for the mix in a file's `general.file_type`."""
    output: Type
    """Of the output, and of the embeddings where they are the output too."""
    values: tuple[Type, Type]
    """Of attention's values: in layers that matter more, and in the others."""
    down: tuple[Type, Type]
    """Of the way back from the wide layer, in the same two kinds of layers."""
    attention_output: Type


def _plain(type_: Type, file_type: int, output: Type) -> Mix:
    return Mix(type_, file_type, output, (type_, type_), (type_, type_), type_)


MIXES: dict[str, Mix] = {
    "f32": _plain(F32, 0, F32),
    "f16": _plain(F16, 1, F16),
    "q8_0": _plain(Q8_0, 7, Q8_0),
    "q6_k": _plain(Q6_K, 18, Q6_K),
    "q5_k_m": Mix(Q5_K, 17, Q6_K, (Q6_K, Q5_K), (Q6_K, Q5_K), Q5_K),
    "q4_k_m": Mix(Q4_K, 15, Q6_K, (Q6_K, Q4_K), (Q6_K, Q4_K), Q4_K),
    "q4_1": _plain(Q4_1, 3, Q6_K),
    "q4_0": _plain(Q4_0, 2, Q6_K),
    "q3_k_m": Mix(Q3_K, 12, Q6_K, (Q5_K, Q4_K), (Q5_K, Q4_K), Q4_K),
    "q2_k": Mix(Q2_K, 10, Q6_K, (Q3_K, Q3_K), (Q3_K, Q3_K), Q3_K),
}
"""By name."""

_SMALLER_BLOCKS = {Q2_K: IQ4_NL, Q3_K: IQ4_NL, Q4_K: Q5_0, Q5_K: Q5_1, Q6_K: Q8_0}


def type_for(mix: Mix, name: str, shape: Sequence[int], *, layers: int, tied: bool) -> Type:
    """How the tensor `name` of this shape (rows last but one, a row's length last) is kept.

    `tied`: the embeddings are the output as well.
    """
    if len(shape) < 2 or not name.endswith(".weight") or "_norm" in name:
        return F32  # few numbers, and each counts for a whole row
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        wanted = mix.output
    elif name.endswith("attn_v.weight"):
        wanted = mix.values[0 if _matters(name, layers) else 1]
    elif name.endswith("ffn_down.weight"):
        wanted = mix.down[0 if _matters(name, layers) else 1]
    elif name.endswith("attn_output.weight"):
        wanted = mix.attention_output
    else:
        wanted = mix.most
    return _fitting(wanted, shape[-1])


def _fitting(wanted: Type, length: int) -> Type:
    if length % wanted.block == 0:
        return wanted
    smaller = _SMALLER_BLOCKS.get(wanted, F16)
    return smaller if length % smaller.block == 0 else F16


def _matters(name: str, layers: int) -> bool:
    """Whether a tensor's layer is among the first or last eighth, or every third of those between."""
    layer = int(name.split(".")[1])
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
