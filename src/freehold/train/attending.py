"""Attention for examples that stand side by side in one sequence.

An example sees what all begin with and itself, which is little of a long sequence. To attend to all of it and mask the
rest would cost a processor most of its time; here each example is a line of a batch, and only within attention.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

from freehold.train.packing import Pack

NAME = "side-by-side"
"""Of this attention, among those of Transformers."""


class Places(NamedTuple):
    """Where in a sequence what belongs together is."""

    shared: int
    """So many tokens from the beginning are everybody's."""
    own: torch.Tensor
    """Each example's own tokens, a line each; shorter ones are filled up with the sequence's first."""
    back: torch.Tensor
    """Of every token after the shared ones: its place in `own`, line after line."""
    sees: torch.Tensor
    """What each of `own` sees of the shared ones and of its line."""


def places_of(one: Pack) -> Places:
    """Where everything is in a sequence."""
    shared = one.owner.count(0)
    lengths = [one.owner.count(number) for number in range(1, max(one.owner) + 1)]
    longest, begin = max(lengths), shared
    own = torch.zeros(len(lengths), longest, dtype=torch.long)
    back: list[int] = []
    for line, length in enumerate(lengths):
        own[line, :length] = torch.arange(begin, begin + length)
        back += range(line * longest, line * longest + length)
        begin += length
    earlier = torch.ones(longest, longest, dtype=torch.bool).tril()
    sees = torch.cat([torch.ones(longest, shared, dtype=torch.bool), earlier], dim=1)
    return Places(shared, own, torch.tensor(back), sees)


def attend(  # noqa: PLR0917 - Transformers calls it so
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    places: Places | None = None,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as Transformers wants it: tensors are (1, heads, tokens, width). Without `places` it is its own."""
    if places is None:
        result: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **more
        )
        return result
    attention = torch.nn.functional.scaled_dot_product_attention
    of_all = [one[:, :, : places.shared] for one in (query, key, value)]
    lines, longest = places.own.shape
    # (lines, heads, tokens of a line, width)
    of_each = [
        one[0].index_select(1, places.own.flatten()).unflatten(1, (lines, longest)).transpose(0, 1)
        for one in (query, key, value)
    ]
    keys, values = (
        torch.cat([shared.expand(lines, -1, -1, -1), own], dim=2)
        for shared, own in zip(of_all[1:], of_each[1:], strict=True)
    )
    told = attention(of_each[0], keys, values, attn_mask=places.sees, scale=scaling, enable_gqa=True)
    told = told.transpose(1, 2).flatten(0, 1).index_select(0, places.back)[None]
    if places.shared:
        begun = attention(*of_all, is_causal=True, scale=scaling, enable_gqa=True)
        told = torch.cat([begun.transpose(1, 2), told], dim=1)
    return told, None


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
