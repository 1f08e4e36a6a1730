"""What the ledger knows of that counts under the limits, for books that were lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from freehold.limits.account import MOST, Counter
from freehold.limits.keeper import counters_of, span_of
from freehold.limits.limit import EVERYBODY, Limit, Measure
from freehold.limits.money import nano_of
from freehold.limits.windows import Sliding

By = Literal["key", "route", "model", "provider"]


class Spent(Protocol):
    """What one key, route, model or provider came to."""

    @property
    def name(self) -> str | None:
        """Whose it is."""

    @property
    def calls(self) -> int:
        """How many."""

    @property
    def cost(self) -> Decimal | None:
        """US dollars of those whose cost is known."""

    @property
    def input_tokens(self) -> int:
        """Of those that were counted."""

    @property
    def output_tokens(self) -> int:
        """Of those that were counted."""


Sums = Callable[[By, int], Sequence[Spent]]
"""By what, and since when in microseconds -> the sums."""
Groups = Mapping[str, tuple[str | None, str | None, str]]
"""Key id -> its team, its user, its name."""


def remembered(limits: Sequence[Limit], sums: Sums, groups: Groups, now_us: int) -> dict[Counter, int]:
    """What was used in the windows that count now. A sliding window takes it as used this moment, so that it is
    remembered for too long and never too short.
    """
    found: dict[Counter, int] = {}
    read: dict[tuple[By, int], Sequence[Spent]] = {}
    for limit in limits:
        if limit.window is None or not limit.bounds:
            continue
        span = span_of(limit, now_us)
        window = limit.window
        since = now_us - window.slot_us * (window.slots + 1) if isinstance(window, Sliding) else span.start_us
        by = _by(limit)
        if (by, since) not in read:
            read[by, since] = sums(by, since)
        used: defaultdict[str, dict[Measure, int]] = defaultdict(dict)
        for one in read[by, since]:
            who = _who(limit, one.name, groups)
            if who is not None:
                for measure, amount in _amounts(one).items():
                    used[who][measure] = used[who].get(measure, 0) + amount
        for who, amounts in used.items():
            for measure, _, counter in counters_of(limit, who, span):
                if amounts.get(measure):
                    found[counter] = min(amounts[measure], MOST)
    return found


def _by(limit: Limit) -> By:
    match limit.on:
        case "route" | "model" | "provider":
            return limit.on
        case _:
            return "key"


def _who(limit: Limit, name: str | None, groups: Groups) -> str | None:
    if limit.on == "organisation":
        return EVERYBODY
    if name is None:
        return None
    team, user, key_name = groups.get(name, (None, None, name))
    who = {"team": team, "user": user}.get(limit.on, name)
    if who is None or not limit.only or who in limit.only or (limit.on == "key" and key_name in limit.only):
        return who
    return None


def _amounts(one: Spent) -> dict[Measure, int]:
    return {
        "money": 0 if one.cost is None else nano_of(one.cost),
        "tokens": one.input_tokens + one.output_tokens,
        "input_tokens": one.input_tokens,
        "output_tokens": one.output_tokens,
        "requests": one.calls,
    }
