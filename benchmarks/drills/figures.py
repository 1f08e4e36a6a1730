"""What a run showed, counted: by fault and policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from freehold.ledger.reading import LedgerReader

from .asking import DEADLINE, Outcome, Verdict

_BAD: tuple[Verdict, ...] = (
    "late", "refused", "broken", "silent", "truncated", "duplicated", "wrong", "hung",
)  # fmt: skip


class Cell(msgspec.Struct):
    """Calls under one fault and one policy."""

    calls: int
    right: int
    others: dict[str, int]
    p99_s: float

    @property
    def survival(self) -> float:
        """Share that was answered rightly inside the deadline."""
        return self.right / max(1, self.calls)


def cell_of(outcomes: Sequence[Outcome]) -> Cell:
    """These calls together."""
    counts = Counter(one.verdict for one in outcomes)
    times = sorted(one.seconds for one in outcomes) or [0.0]
    return Cell(
        len(outcomes),
        counts["right"],
        {bad: counts[bad] for bad in _BAD if counts[bad]},
        times[min(len(times) - 1, int(0.99 * len(times)))],
    )


class Recorded(msgspec.Struct):
    """What the ledger says of the same calls."""

    joined: int = 0
    """Answers that two models wrote."""
    undeclared: int = 0
    """Of those, without the seam among their losses."""
    loops: int = 0
    """Calls in the middle of a tool loop that a policy decided about."""
    unsafe_switches: int = 0
    """Of those, given to another model than the one whose tool call they answer."""
    busy: int = 0
    """Calls that were late for their client and answered in time by the endpoint's own clock: they waited in line for a
    processor, before the endpoint knew of them or after it was done."""
    missing: int = 0
    """Calls that a client had an answer of and that are not on record."""


def recorded(ledger: Path, outcomes: Iterable[Outcome]) -> Recorded:
    """Look all of them up."""
    found = Recorded()
    calls = {entry.call.id: entry.call for entry in LedgerReader(ledger).export()}
    for one in outcomes:
        call = calls.get(one.call)
        if call is None:
            found.missing += bool(one.call)
            continue
        if one.verdict in ("late", "hung") and call.outcome == "answered":
            found.busy += call.duration_ms <= DEADLINE * 1000.0
        if call.outcome == "answered" and call.attempts and call.attempts[-1].reason == "continuation":
            found.joined += 1
            found.undeclared += "seam" not in call.losses
        before = None if one.follows is None else calls.get(one.follows)
        if before is None or before.outcome != "answered" or call.decision is None:
            continue
        found.loops += 1
        found.unsafe_switches += call.decision.chosen != f"{before.provider}/{before.model}"
    return found
