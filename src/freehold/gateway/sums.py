"""Figures of several processes as one: what `/metrics` says for all workers."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.core.families import Family, summed

Labels = tuple[str, str, str, str]
"""Operation, provider, model, outcome."""

Reading = dict[str, tuple[str, str, float]]
"""Name -> kind (`gauge` or `counter`), help, value: read at the time of a scrape."""

_LEAST = "_ok"
"""Ending of gauges that are well only where all are."""
_MOST = frozenset({"freehold_limits_processes"})
"""Gauges of something that all see alike."""


class Count(msgspec.Struct, array_like=True):
    """The figures of one combination of labels."""

    calls: int
    duration_ms: float
    durations: list[int]
    first_ms: float
    firsts: list[int]
    input_tokens: int
    output_tokens: int

    def add(self, other: Count) -> None:
        """Count the other's in."""
        self.calls += other.calls
        self.duration_ms += other.duration_ms
        self.durations = [one + more for one, more in zip(self.durations, other.durations, strict=True)]
        self.first_ms += other.first_ms
        self.firsts = [one + more for one, more in zip(self.firsts, other.firsts, strict=True)]
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens


class Figures(msgspec.Struct, array_like=True):
    """All figures of a process."""

    counts: list[tuple[Labels, Count]]
    strangers: int
    reading: Reading
    families: list[Family] = []
    """Those with labels of their own."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Figures).decode


def packed(figures: Figures) -> bytes:
    """As they go from process to process."""
    return _encode(figures)


def sum_of(several: Iterable[bytes]) -> Figures:
    """The figures of all together."""
    counts: dict[Labels, Count] = {}
    strangers = 0
    reading: Reading = {}
    found = [_decode(one) for one in several]
    for figures in found:
        strangers += figures.strangers
        for labels, count in figures.counts:
            known = counts.get(labels)
            if known is None:
                counts[labels] = count
            else:
                known.add(count)
        for name, (kind, text, value) in figures.reading.items():
            reading[name] = (kind, text, _joined(name, reading[name][2], value) if name in reading else value)
    return Figures(list(counts.items()), strangers, reading, summed(one.families for one in found))


def departed(several: list[bytes]) -> bytes:
    """What processes that are gone leave behind: what they counted, and nothing of how they were."""
    total = sum_of(several)
    total.reading = {name: one for name, one in total.reading.items() if one[0] == "counter"}
    total.families = [family for family in total.families if family.kind != "gauge"]
    return _encode(total)


def _joined(name: str, one: float, other: float) -> float:
    if name.endswith(_LEAST):
        return min(one, other)
    return max(one, other) if name in _MOST else one + other
