"""From slots to figures: medians over the rounds, differences and ratios within one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

import msgspec

from .results import Kind, Results, Slot, Started
from .traffic import EVENTS


class Summary(msgspec.Struct, frozen=True):
    """One gateway's figures. None: not measured."""

    name: str
    title: str
    rates: dict[int, float]
    """Clients -> whole answers a second."""
    best_clients: int
    """At how many clients, of those with company, the rate was highest."""
    chunks_per_second: float | None
    cpu_us: float | None
    """Processor time per whole answer, at the highest rate."""
    cpu_us_stream: float | None
    """Processor time per stream of 100 events."""
    added_p50_ms: float | None
    """With one client: its median less that of the mock alone."""
    added_p99_ms: float | None
    """At half of its highest rate, arrivals at random: its p99 less that of the mock alone at that rate."""
    paced_rate: float | None
    paced_p50_ms: float | None
    paced_p99_ms: float | None
    start_mb: float | None
    load_mb: float | None
    """Resident memory after the load: the most that was seen between slots."""
    cold_start_seconds: float
    verbatim: bool
    keys: bool
    spread_percent: float
    """Half the distance of the highest and lowest round, of the highest rate."""
    foreign_percent: float
    """The most that others used of the two cores during a slot, in percent of one core."""
    lowest_core_percent: float
    """The least that it used of its own core under 32 and more clients."""
    honest: bool

    @property
    def best_rate(self) -> float:
        """The highest rate, at `best_clients`."""
        return self.rates[self.best_clients]


class Headline(msgspec.Struct, frozen=True):
    """The figures of Freehold that targets exist for; the names are fixed."""

    rps_per_core: float
    chunks_per_s_per_core: float
    ratio_litellm: float | None
    ratio_tensorzero: float | None
    ratio_nginx: float | None
    ratio_portkey: float | None
    added_p50_ms: float
    added_p99_ms: float | None
    rss_mb: float
    rss_growth_mb: float | None
    rps_clients: int
    """Concurrent clients at which `rps_per_core` was reached."""
    soak_requests: int
    """Requests between the two readings of `rss_growth_mb`."""
    ledger_calls_missing: int | None
    """Answered calls of the soak that the ledger does not have."""
    answers_verbatim: bool
    honest: bool
    """Whether every request of every gateway was answered well by the mock, exactly once."""


def _middle(slots: Iterable[Slot], of: Callable[[Slot], float]) -> float | None:
    values = [of(slot) for slot in slots]
    return median(values) if values else None


def summarize(results: Results) -> list[Summary]:
    """Every gateway's figures, in the order they were started."""
    return [_summary(results, started) for started in results.started]


def _summary(results: Results, started: Started) -> Summary:
    def slots(kind: Kind, clients: int, gateway: str = started.name, of: str = "") -> list[Slot]:
        return [
            slot
            for slot in results.slots
            if (slot.gateway, slot.kind, slot.clients, slot.of) == (gateway, kind, clients, of)
        ]

    def p50(slot: Slot) -> float:
        return slot.load.p50_us / 1e3

    def p99(slot: Slot) -> float:
        return slot.load.p99_us / 1e3

    plan = results.plan
    direct = started.name == "direct"
    rates = {
        clients: _middle(slots("whole", clients), lambda slot: slot.rate) or 0.0 for clients in plan.clients
    }
    best = max(plan.clients[1:], key=lambda clients: rates[clients])
    best_slots = slots("whole", best)
    streamed = slots("streamed", plan.stream_clients)
    streams = _middle(streamed, lambda slot: slot.rate)
    own = [slot for slot in results.slots if slot.gateway == started.name]
    loaded = [slot for slot in own if slot.clients > 1]
    spread = [slot.rate for slot in best_slots]
    return Summary(
        name=started.name,
        title=started.title,
        rates=rates,
        best_clients=best,
        chunks_per_second=streams * EVENTS if streams else None,
        cpu_us=None if direct else _middle(best_slots, lambda slot: slot.cpu_us),
        cpu_us_stream=None if direct else _middle(streamed, lambda slot: slot.cpu_us),
        added_p50_ms=None
        if direct
        else _less(_middle(slots("whole", 1), p50), _middle(slots("whole", 1, "direct"), p50)),
        added_p99_ms=_less(
            _middle(slots("paced", 0), p99), _middle(slots("paced", 0, "direct", started.name), p99)
        ),
        paced_rate=_middle(slots("paced", 0), lambda slot: slot.rate),
        paced_p50_ms=_middle(slots("paced", 0), p50),
        paced_p99_ms=_middle(slots("paced", 0), p99),
        start_mb=None if direct else started.resident_mb,
        load_mb=None if direct else max((slot.resident_mb for slot in own), default=None),
        cold_start_seconds=started.cold_start_seconds,
        verbatim=started.verdict.verbatim == started.verdict.answers,
        keys=started.verdict.refused_key,
        spread_percent=(max(spread) - min(spread)) / 2 / rates[best] * 100,
        foreign_percent=max((slot.foreign_percent for slot in own), default=0.0),
        lowest_core_percent=min((slot.cpu_percent for slot in loaded), default=0.0),
        honest=started.verdict.right and all(slot.honest for slot in own),
    )


def _less(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def headline(results: Results) -> Headline:
    """Freehold's figures. Raises KeyError when Freehold was not measured."""
    summaries = {summary.name: summary for summary in summarize(results)}
    freehold = summaries["freehold"]

    def ratio(name: str) -> float | None:
        peer = summaries.get(name)
        return freehold.best_rate / peer.best_rate if peer else None

    soak = results.soak
    readings = soak.readings if soak else []
    assert freehold.chunks_per_second is not None and freehold.added_p50_ms is not None
    return Headline(
        rps_per_core=freehold.best_rate,
        chunks_per_s_per_core=freehold.chunks_per_second,
        ratio_litellm=ratio("litellm"),
        ratio_tensorzero=ratio("tensorzero"),
        ratio_nginx=ratio("nginx"),
        ratio_portkey=ratio("portkey"),
        added_p50_ms=freehold.added_p50_ms,
        added_p99_ms=freehold.added_p99_ms,
        rss_mb=max([freehold.load_mb or 0.0, *(resident for _, resident in readings)]),
        rss_growth_mb=readings[-1][1] - readings[0][1] if readings else None,
        rps_clients=freehold.best_clients,
        soak_requests=readings[-1][0] - readings[0][0] if readings else 0,
        ledger_calls_missing=max(0, soak.made_calls - soak.kept_calls) if soak else None,
        answers_verbatim=freehold.verbatim,
        honest=all(summary.honest for summary in summaries.values()),
    )


class Goal(msgspec.Struct, frozen=True):
    """A target: at least, or at most."""

    figure: str
    says: str
    at_least: float | None = None
    at_most: float | None = None
    digits: int = 0
    unit: str = ""

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the right side."""
        if self.at_least is not None:
            return value >= self.at_least
        assert self.at_most is not None
        return value <= self.at_most

    @property
    def bound(self) -> str:
        """As text: `≥ 8,000`."""
        limit = self.at_least if self.at_least is not None else self.at_most
        sign = "≥" if self.at_least is not None else "≤"
        return f"{sign} {limit:,g}{self.unit}"


GOALS = (
    Goal("rps_per_core", "whole answers a second", at_least=8_000),
    Goal("chunks_per_s_per_core", "streamed chunks a second", at_least=150_000),
    Goal("ratio_litellm", "rate beside LiteLLM", at_least=60, digits=1, unit=" times"),
    Goal("ratio_tensorzero", "rate beside TensorZero", at_least=1, digits=2, unit=" times"),
    Goal("ratio_nginx", "rate beside nginx", at_least=0.15, digits=3, unit=" times"),
    Goal("added_p50_ms", "added latency, median, one client", at_most=0.3, digits=3, unit=" ms"),
    Goal("added_p99_ms", "added latency, p99, half load", at_most=5, digits=2, unit=" ms"),
    Goal("rss_mb", "resident memory, without model", at_most=120, unit=" MB"),
    Goal("rss_growth_mb", "its growth over the soak", at_most=5, digits=1, unit=" MB"),
)
