"""Figures with labels, as they go from whoever counts to whoever shows them, and from process to process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Labels = tuple[tuple[str, str], ...]
"""Name and value of each."""


class Line(msgspec.Struct, array_like=True):
    """One combination of labels."""

    labels: Labels
    value: float
    """Of a histogram the sum of what was observed."""
    buckets: list[int] = []
    """Of a histogram: how many were at or below each bound and above the one before; the last is above all bounds."""


class Family(msgspec.Struct, array_like=True):
    """One metric with all its combinations of labels."""

    name: str
    """Without the ending that Prometheus gives its kind."""
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    lines: list[Line]
    bounds: tuple[float, ...] = ()
    """Of a histogram."""


def summed(several: Iterable[Iterable[Family]]) -> list[Family]:
    """Those of several processes as one. Counts are added; a gauge is what it is anywhere at most."""
    found: dict[str, Family] = {}
    lines: dict[str, dict[Labels, Line]] = {}
    for families in several:
        for family in families:
            known = found.setdefault(family.name, family)
            by_labels = lines.setdefault(family.name, {})
            for line in family.lines:
                other = by_labels.get(line.labels)
                by_labels[line.labels] = line if other is None else _together(known, other, line)
    return [
        Family(one.name, one.kind, one.meaning, list(lines[name].values()), one.bounds)
        for name, one in found.items()
    ]


def _together(family: Family, one: Line, other: Line) -> Line:
    if family.kind == "gauge":
        return Line(one.labels, max(one.value, other.value))
    buckets = [first + second for first, second in zip(one.buckets, other.buckets, strict=True)]
    return Line(one.labels, one.value + other.value, buckets)
