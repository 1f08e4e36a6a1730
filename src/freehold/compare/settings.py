"""How comparisons are run."""

from __future__ import annotations

from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class CompareSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[compare]` table of `freehold.toml`."""

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 8
    """Calls of a comparison that one provider is asked at once."""
    most_failures: Share = 0.05
    """Share of a model's answers that may fail; beyond it a comparison is undecided."""
    most_without_verdict: Share = 0.1
    """Share of pairs on which a judge may give no verdict; beyond it a comparison is undecided."""
