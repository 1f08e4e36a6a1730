"""What the ledger keeps, for how long, and within which bounds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Unlimited = Literal["unlimited"]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)] | Unlimited
Bytes = Annotated[int, msgspec.Meta(ge=1_000_000)] | Unlimited


class LedgerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[ledger]` table of `freehold.toml`. Where a bound may be lifted, the word is `unlimited`."""

    bodies: bool = True
    """Whether requests and answers are kept at all; a route or a call can still switch its own off."""
    keep_bodies_days: Days = 30
    """Days after which a body that no newer call has used is deleted."""
    keep_bodies_bytes: Bytes = 2_000_000_000
    """Bytes that all bodies together may take, compressed; the oldest go first."""
    keep_calls_days: Days = 400
    """Days after which a call's row is deleted. What it cost stays in the sums."""
    keep_rollups_days: Days = "unlimited"
    """Days after which the sums by hour and by day are deleted. They outlast the calls that they are of."""
    queue_bytes: Annotated[int, msgspec.Meta(ge=1_000_000)] = 64_000_000
    """Bytes of finished calls that may wait in memory while the database cannot be written."""
    spool_bytes: Annotated[int, msgspec.Meta(ge=1_000_000)] = 1_000_000_000
    """Bytes of finished calls that may wait on the disk, in `spool/` of the data folder, while the database's
    server cannot be written. Only where there is a server."""
    flush_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 250
    """Longest time that a finished call waits before it is committed, in milliseconds."""

    @property
    def keeps_sums_too_short(self) -> bool:
        """Sums are what lists and spending look into, so they have to reach as far back as the calls."""
        rollups, calls = self.keep_rollups_days, self.keep_calls_days
        return rollups != "unlimited" and (calls == "unlimited" or rollups < calls)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The writer's own rhythm, in seconds. Nobody configures it; tests shorten it."""

    busy: float = 2.0
    """How long one attempt waits for another process's lock."""
    patience: float = 5.0
    """How long a server may take over one statement."""
    relief: float = 1.0
    """How long a call may wait beyond its time before it is put by."""
    first_retry: float = 0.1
    """Wait after the first failed attempt; doubled after each further one."""
    last_retry: float = 5.0
    """Longest wait between attempts."""
    tidy: float = 60.0
    """Between two passes of retention."""
