"""A random sample of a route's own calls whose requests are kept: the same for the same seed and ledger."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from freehold.ledger.drawing import Numbers
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call

NOT_TRAFFIC = ("comparison_", "check_", "rollout_", "drill_", "migration_")
"""What stands in place of a key's id in calls that Freehold makes for itself begins so."""
LONGEST = 256_000
"""Bytes of a request that is looked at, so that a sample takes seconds and little memory."""
_TOGETHER = 50


class Sample(msgspec.Struct, frozen=True):
    """What was drawn."""

    numbers: list[int]
    """Of the calls, in the order in which they were recorded."""
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
    return Sample(sorted(drawn), seen, wanted.without_body, wanted.too_long)


def calls_of(history: LedgerReader, numbers: Sequence[int]) -> Iterator[list[Call]]:
    """The calls of a sample with their requests, a few at a time: no more is in memory. Waits. Raises StoreError."""
    for at in range(0, len(numbers), _TOGETHER):
        found = (entry.call for entry in history.numbered(numbers[at : at + _TOGETHER]))
        yield [msgspec.structs.replace(one, answer_body=None) for one in found if one.request_body]
