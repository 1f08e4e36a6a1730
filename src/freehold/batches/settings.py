"""How much of batches is worked on at once, and what is kept of them."""

from __future__ import annotations

from typing import Annotated

import msgspec


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[batches]` table of `freehold.toml`."""

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 8
    """Lines of all batches together that are answered at once."""
    max_file_bytes: Annotated[int, msgspec.Meta(ge=1_000)] = 200_000_000
    """Largest file that may be uploaded."""
    max_bytes: Annotated[int, msgspec.Meta(ge=1_000_000)] = 10_000_000_000
    """Bytes that all files and results together may take; beyond it nothing new is taken in."""
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 30
    """Days after which files, and batches that have ended, are deleted."""
