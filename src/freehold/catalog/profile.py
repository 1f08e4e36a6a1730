"""What a model can do. A fact that nobody stated is None."""

from __future__ import annotations

from typing import Literal

import msgspec

Operation = Literal["chat", "embeddings"]
Modality = Literal["text", "image", "audio", "video", "embedding"]


class Profile(msgspec.Struct, frozen=True):
    """Facts about a model. None means not known, never no."""

    operations: frozenset[Operation] | None = None
    context_window: int | None = None
    """Most tokens of input and output together, as far as its maker says."""
    max_output_tokens: int | None = None
    """Most tokens of one answer."""
    input_modalities: frozenset[Modality] | None = None
    output_modalities: frozenset[Modality] | None = None
    licence: str | None = None
    """Of the weights: an SPDX identifier, or the name of the terms."""
    deprecated: bool | None = None
    """Whether the provider means to withdraw it."""


UNKNOWN_PROFILE = Profile()
