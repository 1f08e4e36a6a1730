"""Circuit breakers: what keeps failing is left alone for a while, then tried by one call before all others.

A breaker stands at a spot: a provider (can it be reached?), one of its models (does it answer?) or a quota (is the
account let in?). What a failure says decides which of them counts it: `spot_of`.

    closed     calls pass; enough failures open it
    open       calls go elsewhere, until its time has passed; longer each time in a row
    half-open  one call at a time passes; how it ends closes or opens the breaker

Pure: the time is given, in seconds of any one clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

Spot = tuple[str, ...]
"""`("provider", P)`, `("model", P, M)` or `("quota", Q)`."""

State = Literal["closed", "open", "half-open"]

Ending = Literal["answered", "neither", "unreachable", "failed", "locked-out", "missing"]
"""
answered     the provider did its work
neither      it says nothing about the provider's health: 429, a request at fault, a client that hung up
unreachable  no connection
failed       5xx, a broken answer, a time limit
locked-out   the provider does not accept our credentials or account
missing      there is no such model
"""


class BreakerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a breaker opens, and for how long."""

    failures_in_row: int = 5
    """Failures one after the other that open a breaker."""
    failure_share: float = 0.5
    """Share of failures among the last calls that opens it, too."""
    calls: int = 20
    """How many of the last calls that share is of."""
    window: float = 30.0
    """Seconds after which a call no longer counts for the share."""
    first_pause: float = 1.0
    """Seconds for which it is open the first time; each time in a row twice as long."""
    longest_pause: float = 60.0
    """Most seconds for which it is open."""
    probe: float = 60.0
    """Seconds after which a probe that nobody ended is given up."""


STANDARD = BreakerSettings()

MOST = 10_000
"""Spots about which something is known. Names of models come from clients."""

_AT_ONCE: frozenset[Ending] = frozenset({"locked-out", "missing"})
"""Endings that the next call would meet, too."""


class Breaker:
    """The breaker at one spot."""

    __slots__ = ("_in_row", "_openings", "_probe_since", "_recent", "_settings", "open_until")

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._in_row = 0
        self._recent: deque[tuple[float, bool]] = deque(maxlen=settings.calls)
        self._openings = 0
        self._probe_since: float | None = None
        self.open_until: float | None = None
        """Until when calls go elsewhere; None: it is closed."""

    @property
    def idle(self) -> bool:
        """Whether it knows nothing that a new one would not."""
        return self.open_until is None and not self._recent and not self._in_row

    def state(self, now: float) -> State:
        """What it is at `now`."""
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half-open"

    def free_at(self, now: float) -> float:
        """The time from which a call may pass: `now`, or later."""
        if self.open_until is None:
            return now
        if now < self.open_until:
            return self.open_until
        since = self._probe_since
        return now if since is None else max(now, since + self._settings.probe)

    def begin(self, now: float) -> bool:
        """A call passes; true when it is the probe. Ask `free_at` first."""
        if self.open_until is None:
            return False
        self._probe_since = now
        return True

    def end(self, now: float, *, good: bool | None, at_once: bool, probe: bool, chance: float) -> None:
        """A call ended. `good` is None when that says nothing; `chance` in [0, 1) spreads the times of recovery."""
        if probe:
            self._probe_since = None
        if good is None:
            return
        if good:
            if probe or self.open_until is None:
                self._in_row = 0
                if probe:
                    self._close()
                self._recent.append((now, True))
            return
        if self.open_until is not None:
            if probe:
                self._open(now, chance)
            return  # calls that began before it opened must not keep it open
        self._in_row += 1
        self._recent.append((now, False))
        if at_once or self._in_row >= self._settings.failures_in_row or self._share_is_bad(now):
            self._open(now, chance)

    def hold(self, until: float) -> None:
        """Another replica found the spot broken."""
        if self.open_until is None or self.open_until < until:
            self.open_until = until

    def try_now(self, now: float) -> None:
        """Something else found the spot well again: the next call is the probe."""
        if self.open_until is not None:
            self.open_until = min(self.open_until, now)

    def _close(self) -> None:
        self.open_until = None
        self._openings = 0
        self._recent.clear()

    def _open(self, now: float, chance: float) -> None:
        pause = min(self._settings.longest_pause, self._settings.first_pause * 2.0 ** min(self._openings, 16))
        self._openings += 1
        self._in_row = 0
        self._recent.clear()
        self.open_until = now + pause * (0.75 + 0.5 * chance)

    def _share_is_bad(self, now: float) -> bool:
        recent = self._recent
        while recent and recent[0][0] < now - self._settings.window:
            recent.popleft()
        if len(recent) < self._settings.calls:
            return False
        failures = sum(1 for _, good in recent if not good)
        return failures >= self._settings.failure_share * len(recent)


class Passage(msgspec.Struct, gc=False):
    """A call on its way past the breakers of its target. End it once: `Breakers.end`."""

    spots: tuple[Spot, Spot, Spot]
    probes: tuple[bool, bool, bool]
    ended: bool = False


class Breakers:
    """All breakers. A spot that nothing is known about has none."""

    def __init__(self, chance: Callable[[], float], settings: BreakerSettings = STANDARD) -> None:
        """`chance` gives numbers in [0, 1)."""
        self._chance = chance
        self._settings = settings
        self._breakers: dict[Spot, Breaker] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is known of any spot, so that all calls may pass."""
        return not self._breakers

    def state(self, spot: Spot, now: float) -> State:
        """What the breaker at `spot` is."""
        breaker = self._breakers.get(spot)
        return "closed" if breaker is None else breaker.state(now)

    def free_at(self, spots: Iterable[Spot], now: float) -> float:
        """The time from which a call may pass all of `spots`; `now` when it may pass at once."""
        breakers = self._breakers
        if not breakers:
            return now
        return max((breakers[spot].free_at(now) for spot in spots if spot in breakers), default=now)

    def begin(self, spots: tuple[Spot, Spot, Spot], now: float) -> Passage:
        """A call goes past `spots`; it is the probe of those that are not closed."""
        breakers = self._breakers
        if not breakers:
            return Passage(spots, (False, False, False))
        first, second, third = (
            spot in breakers and breakers[spot].state(now) == "half-open" and breakers[spot].begin(now)
            for spot in spots
        )
        return Passage(spots, (first, second, third))

    def end(self, passage: Passage, ending: Ending, now: float) -> None:
        """The call ended. Further ends of it are ignored."""
        if passage.ended:
            return
        passage.ended = True
        breakers = self._breakers
        if not breakers and ending in ("answered", "neither"):
            return  # the usual case
        to_blame = spot_of(ending, passage.spots)
        for spot, probe in zip(passage.spots, passage.probes, strict=True):
            breaker = breakers.get(spot)
            if breaker is None:
                if spot != to_blame:
                    continue
                breaker = self._at(spot)
            good = _says(ending, spot, to_blame)
            breaker.end(now, good=good, at_once=ending in _AT_ONCE, probe=probe, chance=self._chance())
            if breaker.idle:
                del breakers[spot]

    def try_now(self, spot: Spot, now: float) -> None:
        """Something else than a call found the spot well again."""
        breaker = self._breakers.get(spot)
        if breaker is not None:
            breaker.try_now(now)

    def open_spots(self, now: float) -> dict[Spot, float]:
        """Every spot that is left alone, and until when: for others to see, and for replicas to share."""
        return {
            spot: breaker.open_until
            for spot, breaker in self._breakers.items()
            if breaker.open_until is not None and breaker.open_until > now
        }

    def merge(self, found: Iterable[tuple[Spot, float]]) -> None:
        """What other replicas found broken, and until when, in this clock's time."""
        for spot, until in found:
            self._at(spot).hold(until)

    def _at(self, spot: Spot) -> Breaker:
        """The breaker there. Where there are too many, the half that is closed or opens the soonest is forgotten."""
        known = self._breakers.get(spot)
        if known is None:
            if len(self._breakers) >= MOST:
                soonest = sorted(self._breakers, key=lambda one: self._breakers[one].open_until or -math.inf)
                for one in soonest[: MOST // 2]:
                    del self._breakers[one]
            known = self._breakers[spot] = Breaker(self._settings)
        return known


def spots_of(provider: str, model: str, quota: str) -> tuple[Spot, Spot, Spot]:
    """Where a call of this model can fail."""
    return ("provider", provider), ("model", provider, model), ("quota", quota)


def spot_of(ending: Ending, spots: tuple[Spot, Spot, Spot]) -> Spot | None:
    """What is to blame for an ending."""
    provider, model, quota = spots
    if ending == "unreachable":
        return provider
    if ending == "locked-out":
        return quota
    return model if ending in ("failed", "missing") else None


def _says(ending: Ending, spot: Spot, to_blame: Spot | None) -> bool | None:
    """Whether the spot did its part; None when the ending does not tell."""
    if ending == "answered":
        return True
    if spot == to_blame:
        return False
    if ending in ("neither", "unreachable"):
        return None
    # Whoever refuses, breaks off or does not know a model can be reached; only an answer clears the others.
    return True if spot[0] == "provider" else None
