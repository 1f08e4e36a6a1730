"""Headers that tell a client how its limits stand, in the words that its SDK looks for."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.core.clock import as_datetime
from freehold.limits.account import PLACE, WHOLE
from freehold.limits.batch import Sum
from freehold.limits.refusing import Level
from freehold.limits.windows import SECOND_US

Headers = tuple[tuple[bytes, bytes], ...]

_WORDS = {
    "requests": "requests",
    "tokens": "tokens",
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
}
_WHATS = ("limit", "remaining", "reset")
_ANTHROPIC = {
    measure: tuple(f"anthropic-ratelimit-{word}-{what}".encode() for what in _WHATS)
    for measure, word in _WORDS.items()
}
_OTHERS = {
    measure: tuple(f"x-ratelimit-{what}-{word}".encode() for what in _WHATS)
    for measure, word in _WORDS.items()
}


class Notices:
    """What the calls of one plan are told, written once for each look at the books and each second."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, Headers]] = {}

    def find(self, dialect: str, look: int, now_us: int) -> Headers | None:
        """What was written after the latest look at the books, in the same second."""
        known = self._known.get(dialect)
        if known is None or known[0] != look or known[1] != now_us // SECOND_US:
            return None
        return known[2]

    def keep(self, dialect: str, look: int, now_us: int, headers: Headers) -> None:
        """For the calls that follow."""
        self._known[dialect] = look, now_us // SECOND_US, headers


def headers_for(
    dialect: str, levels: Sequence[Level], sums: Sequence[Sum], now_us: int, *, alone: bool, of: int
) -> Headers:
    """The tightest limit of each measure, as it stood when the call began.

    `alone`: this process goes by its share, as one `of` so many.
    """
    tightest: dict[str, tuple[int, Level]] = {}
    for level, one in zip(levels, sums, strict=True):
        measure: str = level.measure
        if measure in _WORDS:
            left = level.want.bound - one.charged - one.held
            if measure not in tightest or left < tightest[measure][0]:
                tightest[measure] = left, level
    found: list[tuple[bytes, bytes]] = []
    for told, (left, level) in tightest.items():
        reset_us = _reset_of(level, now_us)
        if dialect == "anthropic-messages":
            names = _ANTHROPIC[told]
            reset = as_datetime(reset_us).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        else:
            names = _OTHERS[told]
            reset = b"%ds" % max(0, (reset_us - now_us) // SECOND_US)
        found += (
            (names[0], b"%d" % level.want.bound),
            (names[1], b"%d" % max(0, left)),
            (names[2], reset),
        )
    if alone:
        found.append((b"x-freehold-limits", f"share; processes={of}".encode()))
    return tuple(found)


def _reset_of(level: Level, now_us: int) -> int:
    """When everything of it is there again, if nothing else is used."""
    counter = level.want.counter
    if counter.slot_us == WHOLE:
        return counter.until_us
    return now_us if counter.slot_us == PLACE else now_us + counter.slot_us * (counter.slots + 1)
