"""What a run showed, counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from .asking import Outcome, Verdict
from .sicknesses import HEALTHY, MIXED, NAMELESS, SWAPPED, Phase


class Row(msgspec.Struct):
    """Calls of one kind, and what became of them."""

    name: str
    verdicts: dict[Verdict, int]
    first_ms: dict[str, float | None]
    """Milliseconds until the first word of a stream, at its p50 and p99."""
    recovery_s: float | None = None
    """Seconds from the end of the fault until the sick provider was asked again and answered."""

    @property
    def calls(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())

    @property
    def survival(self) -> float:
        """Share that was answered rightly inside the deadline."""
        return self.verdicts.get("right", 0) / max(1, self.calls)


class Spent(msgspec.Struct):
    """What the providers did for all calls together."""

    attempts: int
    """Requests that reached a provider."""
    words: int
    """Words that they wrote, and would bill."""
    needed: int
    """Words that right answers have."""


class Run(msgspec.Struct):
    """One gateway's."""

    title: str
    rate: float
    rows: list[Row]
    total: Row
    spent: Spent
    changes_noticed: int | None = None
    """How often it was noticed that a model calls itself otherwise; None: the gateway does not look."""


def row_of(name: str, outcomes: list[Outcome]) -> Row:
    """These calls together."""
    first = sorted(one.first_s * 1000.0 for one in outcomes if one.streamed and one.first_s is not None)
    times = {
        shown: first[min(len(first) - 1, int(share * len(first)))] if first else None
        for shown, share in (("p50", 0.5), ("p99", 0.99))
    }
    return Row(name, dict(Counter(one.verdict for one in outcomes)), times)


def rows_of(
    outcomes: list[Outcome], begun: list[tuple[float, Phase]], asked: list[dict[str, Any]]
) -> list[Row]:
    """One for each fault alone, one for the random sequence. `begun`: when each phase began, in seconds since 1970;
    `asked`: what the sick provider saw.
    """
    rows: list[Row] = []
    for group in dict.fromkeys(phase.group for _, phase in begun):
        row = row_of(group, [one for one in outcomes if one.group == group])
        well = next((at for at, phase in begun if phase.group == group and phase.fault == HEALTHY), None)
        if well is not None and group not in (NAMELESS, SWAPPED, MIXED):
            answered = (
                one["time_us"] / 1e6 - well
                for one in asked
                if one["time_us"] / 1e6 >= well and one["fault"] is None and one["status"] == 200
            )
            row.recovery_s = min(answered, default=None)
        rows.append(row)
    return rows


def spent_on(outcomes: list[Outcome], asked: list[dict[str, Any]]) -> Spent:
    """What `asked`, the requests of all providers, was against what was needed."""
    needed = sum(one.words for one in outcomes if one.verdict in ("right", "late"))
    return Spent(len(asked), sum(one["tokens"] for one in asked), needed)
