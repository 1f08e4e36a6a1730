"""How a model and its data are spread over devices."""

from __future__ import annotations

from typing import Literal

import msgspec

Zero = Literal[0, 1, 2, 3]
Recompute = Literal["none", "light", "full"]
"""
none   everything is kept for the way back
light  what is cheap to make again is not kept: norms, gates, what compressed attention opens
full   only what goes into a layer is kept, and the layer is computed twice
"""
RECOMPUTE: tuple[Recompute, ...] = ("none", "light", "full")


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """One way to spread them. tensor x context x pipeline x data devices work; others idle."""

    data: int
    """DP: replicas that each learn from a part of the batch."""
    tensor: int = 1
    """TP: devices among which every matrix is split."""
    context: int = 1
    """CP: devices among which every sequence is split."""
    pipeline: int = 1
    """PP: groups of layers, one after another."""
    expert: int = 1
    """EP: devices among which the experts are spread; they are those of tensor, context and data."""
    zero: Zero = 1
    """What replicas split among them instead of keeping all of it: 1 the optimizer's state, 2 gradients too, 3 weights
    too (FSDP).
    """
    micro: int = 1
    """Sequences that one replica works on at once."""
    interleaved: int = 1
    """Parts of the model on each group of layers."""
    recompute: Recompute = "none"
    """What is made again for the way back instead of being kept."""

    @property
    def devices(self) -> int:
        """That work."""
        return self.data * self.tensor * self.context * self.pipeline

    def show(self) -> str:
        """In the field's letters, what is 1 left out."""
        parts = [f"DP {self.data:,}"]
        for letters, size in (
            ("TP", self.tensor),
            ("CP", self.context),
            ("PP", self.pipeline),
            ("EP", self.expert),
        ):
            if size > 1:
                parts.append(f"{letters} {size}")
        parts.append({0: "no sharding", 1: "ZeRO-1", 2: "ZeRO-2", 3: "ZeRO-3 (FSDP)"}[self.zero])
        return ", ".join(parts)
