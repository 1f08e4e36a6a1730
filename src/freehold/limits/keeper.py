"""Every limit at work: what a call needs on each of its levels, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.catalog.models import Catalog
from freehold.catalog.price import Price
from freehold.catalog.prices import PriceList
from freehold.catalog.profile import Profile
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import Forbidden
from freehold.limits.account import PLACE, WHOLE, Counter
from freehold.limits.batch import Want
from freehold.limits.clerk import Clerk
from freehold.limits.hold import NO_HOLD, Hold, NoHold, Part, Terms
from freehold.limits.limit import Limit, Measure
from freehold.limits.money import Tariff
from freehold.limits.refusing import Level, refusal
from freehold.limits.subject import Subject, Target, Worst
from freehold.limits.windows import Calendar, Span

_MOST_KNOWN = 20_000


class _On(msgspec.Struct, gc=False):
    """A limit, on somebody: one counter for each measure."""

    limit: Limit
    who: str
    span: Span | None = None
    counters: tuple[tuple[Measure, int, Counter], ...] = ()


class _Asking(msgspec.Struct, gc=False):
    """What one attempt wants, under one limit."""

    limit: Limit
    target: Target
    worst: Worst
    output_tokens: int
    tariff: Tariff | None
    first: bool


class Keeper:
    """The limits of one configuration. Those of the next one go on with the same counters."""

    def __init__(
        self, limits: Sequence[Limit], clerk: Clerk, *, prices: PriceList, catalog: Catalog, clock: Clock
    ) -> None:
        self.limits = tuple(limits)
        self._clerk = clerk
        self._prices = prices
        self._catalog = catalog
        self._clock = clock
        self._levels: dict[tuple[Subject, str, str], tuple[_On, ...]] = {}
        self._ons: dict[tuple[str, str], _On] = {}
        self._tariffs: dict[int, tuple[Price, Tariff]] = {}
        self._profiles: dict[tuple[str, str], Profile] = {}

    async def reserve(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | NoHold:
        """Set the worst case aside on every level, or raise; then nothing is."""
        ons = self._on(who, target)
        if not ons:
            return NO_HOLD
        now_us = microseconds(self._clock.now())
        tariff = self._tariff_of(target, now_us)
        levels: list[Level] = []
        for on in ons:
            self._count(on, target, worst, tariff, now_us, first=first, into=levels)
        if not levels:
            return NO_HOLD
        verdict = await self._clerk.reserve(tuple([level.want for level in levels]))
        if not verdict.granted:
            unsaid = worst.output_tokens is None
            raise refusal(
                levels,
                verdict,
                now_us,
                output_tokens=self._output(levels[0].limit, target, worst) if unsaid else None,
            )
        parts = [
            Part(
                level.measure,
                level.want.counter,
                level.want.amount,
                stays=first and not level.limit.of_target,
            )
            for level in levels
        ]
        hold = Hold(self._clerk, parts, Terms(levels, verdict, worst, tariff, now_us), deadline=deadline)
        self._clerk.holds.add(hold)
        return hold

    def _on(self, who: Subject, target: Target) -> tuple[_On, ...]:
        key = who, target.provider, target.model
        found = self._levels.get(key)
        if found is None:
            if len(self._levels) > _MOST_KNOWN:
                self._levels.clear()
                self._ons.clear()
            found = self._levels[key] = tuple(self._find(who, target))
        return found

    def _find(self, who: Subject, target: Target) -> list[_On]:
        found = []
        for limit in self.limits:
            name = limit.who(who, target) if limit.bounds else None
            if name is not None:
                on = self._ons.get((limit.name, name))
                if on is None:
                    on = self._ons[limit.name, name] = _On(limit, name)
                found.append(on)
        return found

    def _count(
        self,
        on: _On,
        target: Target,
        worst: Worst,
        tariff: Tariff | None,
        now_us: int,
        *,
        first: bool,
        into: list[Level],
    ) -> None:
        span = on.span
        if span is None or not span.start_us <= now_us < span.end_us:
            on.span = span = span_of(on.limit, now_us)
            on.counters = counters_of(on.limit, on.who, span)
        asking = _Asking(on.limit, target, worst, self._output(on.limit, target, worst), tariff, first)
        for measure, bound, counter in on.counters:
            amount = _amount(measure, asking)
            if amount is not None:
                into.append(Level(on.limit, measure, Want(counter, amount, bound)))

    def _output(self, limit: Limit, target: Target, worst: Worst) -> int:
        """How much may be written: as the request says, else as the model can, else as the limit reckons."""
        said = worst.output_tokens
        profile = self._profile_of(target)
        known = profile.max_output_tokens
        if said is not None:
            return said if known is None else min(said, known * worst.answers)
        most = known or profile.context_window or limit.output_when_unsaid
        return most * worst.answers

    def _profile_of(self, target: Target) -> Profile:
        key = target.provider, target.model
        profile = self._profiles.get(key)
        if profile is None:
            if len(self._profiles) > _MOST_KNOWN:
                self._profiles.clear()  # names of models come from clients
            profile = self._profiles[key] = self._catalog.find(*key).profile
        return profile

    def _tariff_of(self, target: Target, now_us: int) -> Tariff | None:
        price = self._prices.price_of(target.provider, target.model, now_us)
        if price is None:
            return None
        known = self._tariffs.get(id(price))
        if known is None or known[0] is not price:
            if len(self._tariffs) > _MOST_KNOWN:
                self._tariffs.clear()
            known = self._tariffs[id(price)] = price, Tariff(price)
        return known[1]


def _amount(measure: Measure, asking: _Asking) -> int | None:
    """How much of it an attempt could take; None when it does not count there. Raises Forbidden."""
    worst = asking.worst
    match measure:
        case "requests":
            return 1 if asking.first else None
        case "concurrency":
            return 1 if asking.first or asking.limit.of_target else None
        case "input_tokens":
            return worst.input_tokens
        case "output_tokens":
            return asking.output_tokens
        case "tokens":
            return worst.input_tokens + asking.output_tokens
        case "money":
            tariff = asking.tariff
            cost = None if tariff is None else tariff.worst(worst.input_tokens, asking.output_tokens)
            if cost is None and not asking.limit.allow_unpriced:
                raise _unpriced(asking.limit, asking.target)
            return cost


def span_of(limit: Limit, now_us: int) -> Span:
    """The window that is counted in now. One that slides, or is none, is the same at all times."""
    if isinstance(limit.window, Calendar):
        return limit.window.span_at(now_us)
    return _ALWAYS


def counters_of(limit: Limit, who: str, span: Span) -> tuple[tuple[Measure, int, Counter], ...]:
    """Measure, bound and counter, for everything that the limit bounds."""
    found = []
    for measure, bound in limit.bounds:
        window = limit.window
        if measure == "concurrency":
            counter = Counter(name_of(limit.name, measure, None, who), PLACE)
        elif isinstance(window, Calendar):
            counter = Counter(name_of(limit.name, measure, span.start_us, who), WHOLE, 0, span.end_us)
        else:
            assert window is not None, "a configuration without a window has none of these"
            counter = Counter(name_of(limit.name, measure, None, who), window.slot_us, window.slots)
        found.append((measure, bound, counter))
    return tuple(found)


def name_of(limit: str, measure: Measure, start_us: int | None, who: str) -> str:
    """The name of a counter."""
    return f"{limit}|{measure}|{'' if start_us is None else start_us}|{who}"


_ALWAYS = Span(-(2**62), 2**62)


def _unpriced(limit: Limit, target: Target) -> Forbidden:
    name = f"{target.provider}/{target.model}"
    return Forbidden(
        f"What `{name}` costs is not known, and the limit `{limit.name}` counts money.",
        hint=f'Whoever runs this endpoint can state it in `[models."{name}"]`, or set `allow_unpriced`.',
        param="model",
    )
