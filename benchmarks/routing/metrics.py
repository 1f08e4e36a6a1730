"""RouteLLM's figures: how much of the strong model's lead is kept at how many calls to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.routing.data import Wide

_BINS = 10


class Figures(NamedTuple):
    """Shares of calls to the strong model are in percent, as published."""

    apgr: float
    """The average of the lead that is kept, over all shares of calls: 0.5 by lot, 1 where none is needed."""
    cpt50: float
    """The share of calls to the strong model that keeps half of its lead."""
    cpt80: float


def figures_of(wanted: Wide, weak: Wide, strong: Wide) -> Figures:
    """`wanted`: by prompt, how much the strong model is wanted. Thresholds, interpolation and the rule of trapezes are
    those of RouteLLM's own evaluation: eleven thresholds between ten equally large bins.
    """
    thresholds = np.unique(np.quantile(wanted, np.linspace(0.0, 1.0, _BINS + 1)))
    shares, right = [], []
    for place, threshold in enumerate(thresholds):
        sent = wanted > threshold if place == len(thresholds) - 1 else wanted >= threshold
        shares.append(float(sent.mean()))
        right.append(float(np.where(sent, strong, weak).mean()))
    order = np.argsort(shares, kind="stable")
    calls, kept = np.array(shares)[order], np.array(right)[order]
    low, high = float(weak.mean()), float(strong.mean())
    area = float(np.trapezoid(kept, calls)) - low * (calls[-1] - calls[0])
    half, most = (float(np.interp(low + part * (high - low), kept, calls)) * 100.0 for part in (0.5, 0.8))
    return Figures(area / ((high - low) * (calls[-1] - calls[0])), half, most)
