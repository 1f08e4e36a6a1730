"""Tables of the figures: on the terminal, and in `docs/performance.md` between its markers; the chart."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from .environments import HERE, ROOT, python_with
from .figures import GOALS, Headline, Summary, headline, summarize
from .results import Results

PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "images" / "performance.svg"
_BEGIN, _END = (
    "<!-- figures of the last full run: written by `make bench-gateway` -->",
    "<!-- end of the figures -->",
)

Row = list[str]


def _number(value: float | None, digits: int = 0, unit: str = "") -> str:
    return "-" if value is None else f"{value:,.{digits}f}{unit}"


def _goal_rows(figures: Headline) -> Iterator[Row]:
    for goal in GOALS:
        value: float | None = getattr(figures, goal.figure)
        if value is None:
            yield [goal.says, "not measured", goal.bound, ""]
            continue
        met = "met" if goal.is_met(value) else "**missed**"
        yield [goal.says, _number(value, goal.digits, goal.unit), goal.bound, met]


def _rate_rows(summaries: list[Summary], figures: Headline) -> Iterator[Row]:
    ours = figures.rps_per_core
    for one in summaries:
        yield [
            one.title,
            *(_number(rate) for rate in one.rates.values()),
            f"±{one.spread_percent:.0f} %",
            f"{ours / one.best_rate:,.2f} times" if one.name != "freehold" else "1",
            _number(one.cpu_us, unit=" µs"),
            _number(one.chunks_per_second),
            _number(one.cpu_us_stream, unit=" µs"),
        ]


def _latency_rows(summaries: list[Summary]) -> Iterator[Row]:
    for one in summaries:
        yield [
            one.title,
            _number(one.added_p50_ms, 3, " ms"),
            _number(one.paced_rate, unit="/s"),
            _number(one.paced_p50_ms, 2, " ms"),
            _number(one.paced_p99_ms, 2, " ms"),
            _number(one.added_p99_ms, 2, " ms"),
        ]


def _footprint_rows(summaries: list[Summary]) -> Iterator[Row]:
    for one in summaries:
        if one.start_mb is None:
            continue
        yield [
            one.title,
            _number(one.cold_start_seconds, 2, " s"),
            _number(one.start_mb, unit=" MB"),
            _number(one.load_mb, unit=" MB"),
            "byte for byte" if one.verbatim else "rewritten",
            "yes" if one.keys else "no",
            f"{one.lowest_core_percent:.0f} %",
            f"{one.foreign_percent:.0f} %",
            "yes" if one.honest else "**no**",
        ]


def _tables(results: Results) -> Iterator[tuple[str, Row, list[Row]]]:
    summaries, figures = summarize(results), headline(results)
    plan = results.plan
    yield "Goals", ["Freehold", "figure", "goal", ""], list(_goal_rows(figures))
    yield (
        "Rates on one core",
        [
            "gateway",
            *(f"answers/s, {clients} client{'s' if clients > 1 else ''}" for clients in plan.clients),
            "spread",
            "Freehold is",
            "CPU per answer",
            f"chunks/s, {plan.stream_clients} streams",
            "CPU per stream",
        ],
        list(_rate_rows(summaries, figures)),
    )
    yield (
        "Latency",
        ["gateway", "added, median, 1 client", "half load", "median there", "p99 there", "added, p99"],
        list(_latency_rows(summaries)),
    )
    yield (
        "Footprint and checks",
        [
            "gateway",
            "cold start",
            "memory at start",
            "under load",
            "answers",
            "checks keys",
            "own core, least",
            "others, most",
            "every request counted",
        ],
        list(_footprint_rows(summaries)),
    )
    if results.soak:
        readings = [[f"{requests:,}", f"{resident:.1f} MB"] for requests, resident in results.soak.readings]
        yield "Freehold's memory in the soak", ["requests answered", "resident"], readings


def print_report(results: Results) -> None:
    """Tables and then, as the last line, one JSON object, on standard output."""
    console = Console(width=150, highlight=False)
    console.print(f"{results.machine}. Tools: {_tools(results)}.\n")
    for title, columns, rows in _tables(results):
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        console.print(table)
    if results.soak:
        console.print(_soak_words(results))
    rounded = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in msgspec.to_builtins(headline(results)).items()
    }
    print(msgspec.json.encode(rounded).decode(), flush=True)


def _tools(results: Results) -> str:
    return ", ".join(f"{name} {version}" for name, version in results.tools.items())


def _soak_words(results: Results) -> str:
    assert results.soak is not None
    soak = results.soak
    return (
        f"Of the {soak.made_calls:,} calls of the soak the ledger has {soak.kept_calls:,}; "
        f"it says that it dropped {soak.dropped:,}."
    )


def write_page(results: Results) -> None:
    """Put tables, machine and chart into `docs/performance.md`, between its markers."""
    parts = [
        f"Run on {results.date}: {results.machine}; {_tools(results)}.",
        "![The figures](images/performance.svg)",
    ]
    for title, columns, rows in _tables(results):
        lines = [f"### {title}", "", _line(columns), _line(["---"] * len(columns)), *map(_line, rows)]
        parts.append("\n".join(lines))
    if results.soak:
        parts.append(_soak_words(results))
    before, begin, rest = PAGE.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} has lost its markers.")
    PAGE.write_text(before + begin + "\n\n" + "\n\n".join(parts) + "\n\n" + end + after)
    _draw(results)


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"


def _draw(results: Results) -> None:
    goals = {goal.figure: goal.at_least or goal.at_most for goal in GOALS}
    measured: dict[str, Callable[[Summary], float | None]] = {
        "rate": lambda one: one.best_rate,
        "chunks": lambda one: one.chunks_per_second,
        "added": lambda one: one.added_p50_ms,
        "memory": lambda one: one.load_mb,
    }
    drawing = {
        "rows": [
            {"title": one.title, "ours": one.name == "freehold"}
            | {name: of(one) for name, of in measured.items()}
            for one in summarize(results)
        ],
        "goals": {
            "rate": goals["rps_per_core"],
            "chunks": goals["chunks_per_s_per_core"],
            "added": goals["added_p50_ms"],
            "memory": goals["rss_mb"],
        },
        "soak": results.soak.readings if results.soak else [],
    }
    CHART.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [python_with(HERE / "chart.txt"), HERE / "chart.py", CHART],
        input=msgspec.json.encode(drawing),
        check=True,
        timeout=120,
    )


def render(path: Path) -> None:
    """Write the page anew from kept results."""
    results = msgspec.json.decode(path.read_bytes(), type=Results)
    write_page(results)
