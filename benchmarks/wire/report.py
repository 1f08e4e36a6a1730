"""The figures as tables, as one JSON object, and as the section of the page on performance."""

from __future__ import annotations

import json
from statistics import median

import msgspec

from ..gateway.environments import HERE, ROOT, pinned_version
from .streams import CHUNKS

MOST_US = 20.0
LEAST_RATIO = 10.0
PAGE = ROOT / "docs" / "performance.md"
_BEGIN = "<!-- figures of translation: written by `make bench-wire` -->"
_END = "<!-- end of the figures of translation -->"


class Pair(msgspec.Struct, frozen=True):
    """What one pair of dialects costs, in microseconds a chunk."""

    source: str
    target: str
    parse_us: float
    total_us: float
    litellm_us: float | None

    @property
    def over_parse_us(self) -> float:
        """What is added to parsing the same JSON."""
        return self.total_us - self.parse_us

    @property
    def ratio(self) -> float | None:
        """How many times as long LiteLLM's adapters take, parsing included on both sides."""
        return None if self.litellm_us is None else self.litellm_us / self.total_us


class Figures(msgspec.Struct, frozen=True):
    """Those of one run."""

    pairs: list[Pair]
    load: float
    machine: str

    def worst(self) -> Pair:
        """The dearest pair."""
        return max(self.pairs, key=lambda pair: pair.over_parse_us)

    def ratios(self) -> list[float]:
        """Of every pair that LiteLLM has adapters for."""
        return [pair.ratio for pair in self.pairs if pair.ratio is not None]

    def headline(self) -> str:
        """The worst pair's figures, as one JSON object."""
        ratios = self.ratios()
        ratio = round(min(ratios), 1) if ratios else None
        return json.dumps(
            {"us_per_chunk_over_parse": round(self.worst().over_parse_us, 2), "ratio_litellm": ratio}
        )


_HEAD = ("from", "to", "parse", "Freehold over it", "LiteLLM", "ratio")


def _rows(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (
            pair.source,
            pair.target,
            f"{pair.parse_us:.2f} µs",
            f"{pair.over_parse_us:.2f} µs",
            "-" if pair.litellm_us is None else f"{pair.litellm_us:.1f} µs",
            "-" if pair.ratio is None else f"{pair.ratio:.1f} times",
        )
        for pair in figures.pairs
    ]


def summary(figures: Figures) -> list[str]:
    """The worst and the median."""
    worst = figures.worst()
    middle = median(pair.over_parse_us for pair in figures.pairs)
    lines = [
        f"Over parsing, worst: {worst.over_parse_us:.2f} µs a chunk ({worst.source} to {worst.target}); "
        f"median of {len(figures.pairs)} pairs: {middle:.2f} µs; goal: {MOST_US:.0f} µs and 5 % of the parsing."
    ]
    ratios = figures.ratios()
    if ratios:
        least = min(
            (pair for pair in figures.pairs if pair.ratio is not None), key=lambda pair: pair.ratio or 0
        )
        lines.append(
            f"LiteLLM's adapters take {min(ratios):.1f} times as long at the least ({least.source} to "
            f"{least.target}), {median(ratios):.1f} times in the median; goal: {LEAST_RATIO:.0f} times."
        )
    return lines


def print_tables(figures: Figures) -> None:
    """On standard output."""
    form = "{:<20}{:<20}{:>10}{:>18}{:>12}{:>12}"
    print(form.format(*_HEAD))
    for row in _rows(figures):
        print(form.format(*row))
    print(*summary(figures), sep="\n")
    print(f"Load before it began: {figures.load:.2f}. {figures.machine}.")


def write_page(figures: Figures) -> None:
    """Between the section's markers."""
    version = pinned_version(HERE / "gateways" / "litellm.txt", "litellm")
    lines = [f"{figures.machine}; load before it began {figures.load:.2f}; LiteLLM {version}.", ""]
    lines += [f"{line}\n" for line in summary(figures)]
    lines += ["| " + " | ".join(_HEAD) + " |", "| " + " | ".join("---" for _ in _HEAD) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in _rows(figures)]
    page = PAGE.read_text()
    before, rest = page.split(_BEGIN)
    _, after = rest.split(_END)
    PAGE.write_text(
        f"{before}{_BEGIN}\n\nOne stream of {CHUNKS} chunks. " + "\n".join(lines) + f"\n\n{_END}{after}"
    )
