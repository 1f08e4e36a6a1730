"""The table of a run: for the terminal and, between its markers, for `docs/resilience.md`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gateway.environments import ROOT
from benchmarks.outages.playing import RATE, Outcome

PAGE = ROOT / "docs" / "resilience.md"
_BEGIN = "<!-- outages: written by `python -m benchmarks.outages --write` -->"
_END = "<!-- end of the outages -->"


def table(outcomes: list[Outcome]) -> str:
    """As Markdown."""
    return "\n".join(_lines(outcomes))


def _lines(outcomes: list[Outcome]) -> Iterator[str]:
    yield (
        "| server | what happens | calls meanwhile | answered | p99 before, meanwhile, slowest | "
        "overspend, billed of the budget | answers by share | on the disk | lost, twice | well again |"
    )
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for one in outcomes:
        bad = {status: count for status, count in one.statuses.items() if status not in (200, 402, 429)}
        others = "".join(f", {count} times {status or 'no answer'}" for status, count in bad.items())
        answered = "100 %" if one.well == one.calls else f"{one.well / max(1, one.calls):.2%}{others}"
        again = "not within a minute" if one.catch_up_s is None else f"{one.catch_up_s:.1f} s"
        yield (
            f"| {one.server} | {one.what} | {one.calls:,} | {answered} | "
            f"{one.p99_before_ms:,.0f}, {one.p99_ms:,.0f}, {one.slowest_ms:,.0f} ms | "
            f"${one.overspend:.4f}, {one.billed / one.budget:.0%} | {one.by_share} | {one.spooled} | "
            f"{one.lost}, {one.doubled} | {again} |"
        )


def write(outcomes: list[Outcome], where: str, seconds: float) -> None:
    """Put the table into the page."""
    page = PAGE.read_text()
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    said = f"{RATE:g} calls a second over two replicas, each trouble for {seconds:g} s. {where}"
    PAGE.write_text(f"{head}{_BEGIN}\n\n{said}\n\n{table(outcomes)}\n\n{_END}{tail}")
