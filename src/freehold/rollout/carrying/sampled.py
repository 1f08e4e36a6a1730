"""A random sample of a route's own calls whose requests are kept: the same for the same seed and ledger."""

from __future__ import annotations

import random

import msgspec

from freehold.ledger.drawing import Numbers
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call

NOT_TRAFFIC = ("comparison_", "check_", "rollout_", "drill_", "migration_")
"""What stands in place of a key's id in calls that Freehold makes for itself begins so."""
LONGEST = 1_000_000
"""Bytes of a request that is looked at."""
_TOGETHER = 50


class Sample(msgspec.Struct, frozen=True):
    """What was drawn."""

    calls: list[Call]
    """With their requests."""
    kept: int
    """Calls whose requests are kept, and that could have been drawn."""
    without_body: int
    too_long: int


def sample_of(history: LedgerReader, chosen: Filter, *, most: int, seed: int = 0) -> Sample:
    """Up to `most` of the calls that are meant, drawn at random. Waits. Raises StoreError."""
    wanted = Numbers(chosen, without_keys=NOT_TRAFFIC, longest=LONGEST)
    chance, drawn, seen = random.Random(seed), list[int](), 0
    for some in history.numbers(wanted) if history.exists else ():
        for number in some:
            seen += 1
            if len(drawn) < most:
                drawn.append(number)
            elif (place := chance.randrange(seen)) < most:  # reservoir sampling: each has the same chance
                drawn[place] = number
    drawn.sort()
    calls: list[Call] = []
    for at in range(0, len(drawn), _TOGETHER):
        found = (entry.call for entry in history.numbered(drawn[at : at + _TOGETHER]))
        calls += [msgspec.structs.replace(one, answer_body=None) for one in found if one.request_body]
    return Sample(calls, seen, wanted.without_body, wanted.too_long)
