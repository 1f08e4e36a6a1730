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
from freehold.limits.hold import NO_HOLD, Entry, Hold, NoHold, Settled
from freehold.limits.limit import Limit, Measure
from freehold.limits.money import Tariff
from freehold.limits.refusing import Level, refusal
from freehold.limits.subject import Subject, Target, Worst
from freehold.limits.telling import Notices
from freehold.limits.windows import Calendar, Span

_MOST_KNOWN = 20_000


class _Plan(msgspec.Struct, frozen=True, gc=False):
    """Everything that counts for one subject and target, until the first of its windows ends."""

    span: Span
    entries: tuple[Entry, ...]
    later: tuple[Entry, ...]
    """For further attempts of a call that was let in."""
    most: int | None
    """What the model can write at the most, as far as the catalog knows."""
    places: tuple[Settled, ...]
    """What is told when such a call is over."""
    priced: bool
    """Whether any of it is money."""
    notices: Notices

    def entries_of(self, worst: Worst, *, first: bool) -> tuple[Entry, ...]:
        """What counts for an attempt; `first`: for the call, too."""
        entries = self.entries if first else self.later
        if worst.free:
            return tuple([one for one in entries if one.measure in ("requests", "concurrency")])
        return entries


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
        self._plans: dict[tuple[Subject, str, str], _Plan] = {}
        self._tariffs: dict[int, tuple[Price, Tariff]] = {}

    def take(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | NoHold | None:
        """As `reserve`, out of what this process has set aside for itself; None: the books have to be asked."""
        hold = self._wanted(who, target, worst, first=first, deadline=deadline)
        if hold is None:
            return NO_HOLD
        if not self._clerk.take(hold.wants):
            return None
        self._clerk.holds.add(hold)
        return hold

    async def reserve(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | NoHold:
        """Set the worst case aside on every level, or raise; then nothing is. The books are asked."""
        hold = self._wanted(who, target, worst, first=first, deadline=deadline)
        if hold is None:
            return NO_HOLD
        verdict = await self._clerk.ask(hold.wants)
        if not verdict.granted:
            entries = hold.entries
            levels = [
                Level(entry.limit, entry.measure, want)
                for entry, want in zip(entries, hold.wants, strict=True)
            ]
            unsaid = entries[0].unsaid * worst.answers if worst.output_tokens is None else None
            raise refusal(levels, verdict, hold.now_us, output_tokens=unsaid)
        hold.sums = verdict.sums
        self._clerk.holds.add(hold)
        return hold

    def _wanted(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | None:
        """What has to be set aside, and is not yet; None: nothing. Raises Forbidden."""
        now_us = microseconds(self._clock.now())
        plan = self._plan(who, target, now_us)
        entries = plan.entries_of(worst, first=first)
        if not entries:
            return None
        tariff = self._tariff_of(target, now_us) if plan.priced else None
        read, said = worst.input_tokens, worst.output_tokens
        if said is not None and plan.most is not None:
            said = min(said, plan.most * worst.answers)
        wants: list[Want] = []
        uncounted: list[Entry] = []
        for entry in entries:
            measure = entry.measure
            if measure in ("requests", "concurrency"):
                wants.append(entry.one)
                continue
            wrote = entry.unsaid * worst.answers if said is None else said
            if measure == "money":
                cost = None if tariff is None else tariff.worst(read, wrote)
                if cost is None:
                    if not entry.limit.allow_unpriced:
                        raise _unpriced(entry.limit, target)
                    uncounted.append(entry)
                    continue
                amount = cost
            elif measure == "tokens":
                amount = read + wrote
            else:
                amount = read if measure == "input_tokens" else wrote
            wants.append(Want(entry.counter, amount, entry.bound))
        if uncounted:
            entries = tuple([entry for entry in entries if entry not in uncounted])
        notices = plan.notices if entries is plan.entries else None
        places = plan.places if first else ()
        return Hold(self._clerk, entries, tuple(wants), (), worst, tariff, now_us, deadline, places, notices)

    def _plan(self, who: Subject, target: Target, now_us: int) -> _Plan:
        key = who, target.provider, target.model
        plan = self._plans.get(key)
        if plan is None or not plan.span.start_us <= now_us < plan.span.end_us:
            if len(self._plans) > _MOST_KNOWN:
                self._plans.clear()  # names of models come from clients
            plan = self._plans[key] = self._make_plan(who, target, now_us)
        return plan

    def _make_plan(self, who: Subject, target: Target, now_us: int) -> _Plan:
        profile = self._catalog.find(target.provider, target.model).profile
        entries: list[Entry] = []
        start, end = ALWAYS.start_us, ALWAYS.end_us
        for limit in self.limits:
            name = limit.who(who, target) if limit.bounds else None
            if name is None:
                continue
            span = span_of(limit, now_us)
            start, end = max(start, span.start_us), min(end, span.end_us)
            unsaid = _unsaid(profile, limit)
            entries += [
                Entry(
                    limit,
                    measure,
                    counter,
                    bound,
                    unsaid,
                    Want(counter, 1, bound),
                    stays=measure == "concurrency" and not limit.of_target,
                )
                for measure, bound, counter in counters_of(limit, name, span)
            ]
        later = [
            entry
            for entry in entries
            if entry.measure != "requests" and (entry.measure != "concurrency" or entry.limit.of_target)
        ]
        return _Plan(
            span=Span(start, end),
            entries=tuple(entries),
            later=tuple(later),
            most=profile.max_output_tokens,
            places=tuple(entry.freed for entry in entries if entry.stays),
            priced=any(entry.measure == "money" for entry in entries),
            notices=Notices(),
        )

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


def _unsaid(profile: Profile, limit: Limit) -> int:
    """How much one answer may be when the request does not say: as the model can, else as the limit reckons."""
    return profile.max_output_tokens or profile.context_window or limit.output_when_unsaid


def span_of(limit: Limit, now_us: int) -> Span:
    """The window that is counted in now. One that slides, or is none, is the same at all times."""
    if isinstance(limit.window, Calendar):
        return limit.window.span_at(now_us)
    return ALWAYS


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


ALWAYS = Span(-(2**62), 2**62)


def _unpriced(limit: Limit, target: Target) -> Forbidden:
    name = f"{target.provider}/{target.model}"
    return Forbidden(
        f"What `{name}` costs is not known, and the limit `{limit.name}` counts money.",
        hint=f'Whoever runs this endpoint can state it in `[models."{name}"]`, or set `allow_unpriced`.',
        param="model",
    )
