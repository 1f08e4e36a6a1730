"""The tables of the run: for the terminal and, between its markers, for `docs/resilience.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.gateway.environments import ROOT

from .asking import Verdict
from .figures import Row, Run

PAGE = ROOT / "docs" / "resilience.md"
_BEGIN = "<!-- figures of the last full run: written by `make bench-faults` -->"
_END = "<!-- end of the figures -->"

_BAD: tuple[Verdict, ...] = ("late", "refused", "broken", "truncated", "duplicated", "wrong", "hung")


_TOTALS: tuple[tuple[str, Callable[[Run], str]], ...] = (
    ("calls, calls a second", lambda run: f"{run.total.calls:,}, {run.rate:g}"),
    ("attempts a call", lambda run: f"{run.spent.attempts / max(1, run.total.calls):.2f}"),
    ("words written for nothing", lambda run: f"{run.spent.words / max(1, run.spent.needed) - 1.0:.1%}"),
    ("changes of the model behind the name noticed", lambda run: _number(run.changes_noticed)),
)


def table(runs: list[Run]) -> str:
    """As Markdown."""
    return "\n".join(_lines(runs))


def _lines(runs: list[Run]) -> Iterator[str]:
    yield (
        "| what ails the provider | "
        + " | ".join(
            f"{run.title}: answered | what the others got | first word p50, p99 | well again" for run in runs
        )
        + " |"
    )
    yield "| --- |" + " ---: | --- | ---: | ---: |" * len(runs)
    for rows in zip(*[[*run.rows, run.total] for run in runs], strict=True):
        name = rows[0].name
        yield f"| {name} | " + " | ".join(map(_cells, rows)) + " |"
    yield ""
    yield "| over all calls | " + " | ".join(run.title for run in runs) + " |"
    yield "| --- |" + " ---: |" * len(runs)
    for title, show in _TOTALS:
        yield f"| {title} | " + " | ".join(show(run) for run in runs) + " |"


def _cells(row: Row) -> str:
    others = ", ".join(f"{row.verdicts[bad]} {bad}" for bad in _BAD if row.verdicts.get(bad))
    first = f"{_number(row.first_ms['p50'])}, {_number(row.first_ms['p99'])} ms"
    again = "" if row.recovery_s is None else f"{row.recovery_s:.1f} s"
    share = f"{row.survival:.2%}" if row.verdicts.get("right", 0) != row.calls else "100 %"
    return f"{share} | {others} | {first} | {again}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def write_page(text: str) -> None:
    """Put `text` between the page's markers."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} has lost its markers.")
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
