"""A request for embeddings and its answer, whatever the dialect."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.fields import Fields
from freehold.core.usage import NO_USAGE, Usage

Purpose = Literal["query", "document", "similarity", "classification", "clustering"]


class EmbeddingsRequest(msgspec.Struct, kw_only=True):
    """What is to be embedded, and how."""

    texts: list[str]
    titles: list[str | None] = []
    """Of the documents that the texts are; as many as texts, or none."""
    dimensions: int | None = None
    purpose: Purpose | None = None
    """What the vectors are for, where the client says so."""
    user: bool = False
    """The client names its own user."""
    packed: bool = False
    """The client wants its vectors as base64 of 32-bit floats."""
    single: bool = False
    """It was asked for one text alone, in a form whose answer holds one vector alone."""
    extra: Fields = {}
    """What only the client's dialect has."""


class EmbeddingsAnswer(msgspec.Struct, kw_only=True):
    """The vectors, in the order of the texts."""

    vectors: list[list[float]]
    model: str | None = None
    usage: Usage = NO_USAGE
    raw_usage: bytes | None = None
