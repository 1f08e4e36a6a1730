"""Adds the rows of calls up by hour, by day and by kind, before anything of it goes to the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from freehold.ledger.histogram import Histogram, count, merge
from freehold.ledger.kinds import KIND_COLUMNS, Kind
from freehold.ledger.rows import CALL_COLUMNS, decode_losses
from freehold.ledger.tables import RARE_SUMS, SUMS

HOUR_US = 3_600_000_000
SPLIT = 10**9
"""Costs are added up in two parts, so that no number of calls can overflow the 64 bits of a sum."""
BEYOND_SENSE = 10**12
"""A count or time beyond this is none: a few of them would overflow the sums, and no call could be written."""
_SUMMED = (
    "cost_pico", "input_tokens", "output_tokens", "duration_us", "request_bytes", "answer_bytes",
    "first_token_us", *RARE_SUMS[2:],
)  # fmt: skip
WIDTH = len(SUMS) + len(RARE_SUMS)

_place = {name: number for number, name in enumerate(CALL_COLUMNS)}
_started = _place["started_us"]
_losses = _place["losses"]
_kind_of = itemgetter(*(_place[name] for name in KIND_COLUMNS))
_measures_of = itemgetter(*(_place[name] for name in _SUMMED))
_outcome = KIND_COLUMNS.index("outcome")
_duration, _first_token = _SUMMED.index("duration_us"), _SUMMED.index("first_token_us")

Slot = tuple[int, Kind]
"""An hour or day, and a kind of calls."""
Values = list[int | None]
"""Of SUMS and RARE_SUMS."""


class Level:
    """The sums of one batch by spans of one length."""

    def __init__(self) -> None:
        self.sums: dict[Slot, Values] = {}
        self.paces: dict[Slot, Pace] = {}
        self.losses: dict[tuple[int, Kind, int], int] = {}
        """By the loss's word, too."""

    def kinds(self) -> Iterable[Kind]:
        """All that occur, some more than once."""
        for one in (self.sums, self.paces):
            yield from (kind for _, kind in one)


class Pace(NamedTuple):
    """How long answered calls took."""

    durations: Histogram
    first_tokens: Histogram


class Added(NamedTuple):
    """The sums of one batch."""

    hours: Level
    days: Level


def add_up(
    rows: Iterable[Sequence[Any]], answered: int | None, names: Mapping[str | None, int | None]
) -> Added:
    """The sums of rows of CALL_COLUMNS. `answered` is the number of that word; `names` knows those of losses.

    Raises TypeError where a row holds what no column may.
    """
    groups: defaultdict[Slot, list[tuple[Any, ...]]] = defaultdict(list)
    hours, days = Level(), Level()
    for row in rows:
        groups[row[_started] // HOUR_US, _kind_of(row)].append(_measures_of(row))
        if row[_losses] is not None:
            slot = row[_started] // HOUR_US, _kind_of(row)
            for loss in set(decode_losses(row[_losses])):
                key = *slot, names[loss] or 0
                hours.losses[key] = hours.losses.get(key, 0) + 1
    lanes: defaultdict[Slot, tuple[list[int | None], list[int | None]]] = defaultdict(lambda: ([], []))
    for slot, measures in groups.items():
        columns = list(zip(*measures, strict=True))
        hours.sums[slot] = _sums(columns, len(measures))
        kind = slot[1]
        if kind[_outcome] == answered:
            durations, first = lanes[slot[0], pace_kind(kind)]
            durations += columns[_duration]
            first += columns[_first_token]
    hours.paces = {slot: Pace(count(durations), count(first)) for slot, (durations, first) in lanes.items()}
    _add_days(hours, days)
    return Added(hours, days)


def losses_of(rows: Iterable[Sequence[Any]]) -> set[str]:
    """All that was lost in these calls."""
    texts = {row[_losses] for row in rows} - {None}
    return {loss for text in texts for loss in decode_losses(text)}


def pace_kind(kind: Kind) -> Kind:
    """The kind under which paces are kept: without its key."""
    return (kind[0], None, *kind[2:])


def _sums(columns: list[tuple[Any, ...]], calls: int) -> Values:
    """In the order of SUMS and RARE_SUMS."""
    costs, *others = columns
    known = [cost for cost in costs if cost is not None]
    high, low = divmod(sum(known), SPLIT)
    read, wrote, duration, request, answer, first, *rare = [_sum(one, calls) for one in others]
    return [
        calls, len(known), high, low, read[1], read[0] or 0, wrote[0] or 0, duration[0] or 0, request[0] or 0,
        answer[0] or 0, first[1] or None, first[0], *(amount for amount, _ in rare),
    ]  # fmt: skip


def _sum(column: tuple[Any, ...], calls: int) -> tuple[int | None, int]:
    """The sum of what is known (None: nothing), and of how many calls it is."""
    unknown = column.count(None)
    if unknown == calls:
        return None, 0
    known: Sequence[int] = column if not unknown else [value for value in column if value is not None]
    amount = sum(known)
    if not -BEYOND_SENSE < amount < BEYOND_SENSE:
        known = [value for value in known if -BEYOND_SENSE <= value <= BEYOND_SENSE]
        return sum(known), len(known)
    return amount, calls - unknown


def _add_days(hours: Level, days: Level) -> None:
    for (hour, kind), values in hours.sums.items():
        slot = hour // 24, kind
        there = days.sums.get(slot)
        days.sums[slot] = list(values) if there is None else list(map(plus, there, values))
    for (hour, kind), pace in hours.paces.items():
        slot = hour // 24, kind
        if (found := days.paces.get(slot)) is None:
            days.paces[slot] = Pace(dict(pace.durations), dict(pace.first_tokens))
        else:
            merge(found.durations, pace.durations)
            merge(found.first_tokens, pace.first_tokens)
    for (hour, kind, loss), calls in hours.losses.items():
        key = hour // 24, kind, loss
        days.losses[key] = days.losses.get(key, 0) + calls


def plus(one: int | None, other: int | None) -> int | None:
    """The sum of what is known; None when neither is."""
    if one is None:
        return other
    return one if other is None else one + other
