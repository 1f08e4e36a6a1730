"""How rollouts are looked after."""

from __future__ import annotations

from typing import Annotated

import msgspec


class RolloutSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[rollout]` table of `freehold.toml`."""

    interval: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 10.0
    """Seconds between two looks at what the gates of a rollout know: a candidate that does harm is rolled back within
    one of them, and the second that other processes take to follow."""
