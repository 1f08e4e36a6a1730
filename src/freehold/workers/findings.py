"""What one worker finds out about providers, told to the others: what is broken for one is not tried by all."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from freehold.routing.breakers import Breakers, Spot

LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 5.0
"""After which everything is told once more: to whoever is new."""


class News(msgspec.Struct, array_like=True):
    """What changed."""

    broken: list[tuple[Spot, float]]
    """Spots whose breaker is open, and until when, in the machine's monotonic time, which all processes share."""
    well: list[Spot]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(News).decode


class Findings:
    """Compares this worker's breakers with what the others know of them."""

    def __init__(self, breakers: Breakers, tick: Callable[[], float], tell: Callable[[bytes], None]) -> None:
        self._breakers = breakers
        self._tick = tick
        self._tell = tell
        self._known: dict[Spot, float] = {}
        """What was told to the others, or by them."""
        self._again_at = 0.0

    def look(self) -> None:
        """Tell the others what is new. Costs nothing while all is well."""
        now = self._tick()
        broken = self._breakers.open_spots(now)
        if not broken and not self._known:
            return
        again, known = now >= self._again_at, self._known
        news = [(spot, until) for spot, until in broken.items() if again or known.get(spot, 0.0) < until]
        well = [spot for spot in known if self._breakers.state(spot, now) == "closed"]
        known.update(news)
        for spot in well:
            del known[spot]
        if again:
            self._again_at = now + _AGAIN_SECONDS
        if news or well:
            self._tell(_encode(News(news, well)))

    def heed(self, body: bytes) -> None:
        """What another found: what is broken is left alone here, too, and what is well again is tried."""
        news, now = _decode(body), self._tick()
        self._breakers.merge(news.broken)
        self._known.update(news.broken)
        for spot in news.well:
            self._known.pop(spot, None)
            self._breakers.try_now(spot, now)
