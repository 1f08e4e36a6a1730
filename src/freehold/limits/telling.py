"""Headers that tell a client how its limits stand, in the words that its SDK looks for."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.core.clock import as_datetime
from freehold.limits.account import PLACE, WHOLE
from freehold.limits.batch import Verdict
from freehold.limits.refusing import Level
from freehold.limits.windows import SECOND_US

Headers = tuple[tuple[bytes, bytes], ...]

_TOLD = {
    "requests": "requests",
    "tokens": "tokens",
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
}


def headers_for(
    dialect: str, levels: Sequence[Level], verdict: Verdict, now_us: int, *, alone: bool, of: int
) -> Headers:
    """The tightest limit of each measure, as it stood when the call began.

    `alone`: this process goes by its share, as one `of` so many.
    """
    tightest: dict[str, tuple[int, Level]] = {}
    for level, one in zip(levels, verdict.sums, strict=True):
        if level.measure in _TOLD:
            left = max(0, level.want.bound - one.used)
            if level.measure not in tightest or left < tightest[level.measure][0]:
                tightest[level.measure] = left, level
    found: list[tuple[bytes, bytes]] = []
    for measure, (left, level) in tightest.items():
        word = _TOLD[measure]
        reset_us = _reset_of(level, now_us)
        if dialect == "anthropic-messages":
            names = (f"anthropic-ratelimit-{word}-{what}" for what in ("limit", "remaining", "reset"))
            reset = as_datetime(reset_us).strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            names = (f"x-ratelimit-{what}-{word}" for what in ("limit", "remaining", "reset"))
            reset = f"{max(0, reset_us - now_us) / SECOND_US:.0f}s"
        values = (str(level.want.bound), str(left), reset)
        found += [(name.encode(), value.encode()) for name, value in zip(names, values, strict=True)]
    if alone:
        found.append((b"x-freehold-limits", f"share; processes={of}".encode()))
    return tuple(found)


def _reset_of(level: Level, now_us: int) -> int:
    """When everything of it is there again, if nothing else is used."""
    counter = level.want.counter
    if counter.slot_us == WHOLE:
        return counter.until_us
    return now_us if counter.slot_us == PLACE else now_us + counter.slot_us * (counter.slots + 1)
