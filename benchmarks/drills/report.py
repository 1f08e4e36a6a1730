"""The table of the run: for the terminal and, between its markers, for `docs/drills.md`."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.gateway.environments import ROOT

from .figures import Cell

PAGE = ROOT / "docs" / "drills.md"
_BEGIN = "<!-- figures of the last full run: written by `make bench-drills` -->"
_END = "<!-- end of the figures -->"


def table(cells: Mapping[tuple[str, str], Cell], faults: list[str], policies: list[str]) -> str:
    """Survival by fault and policy, as Markdown; what others got stands beside it."""
    lines = [
        "| fault | " + " | ".join(policies) + " |",
        "| --- |" + " ---: |" * len(policies),
    ]
    lines += [
        f"| {fault} | " + " | ".join(_cell(cells.get((fault, policy))) for policy in policies) + " |"
        for fault in faults
    ]
    return "\n".join(lines)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    shown = "100 %" if cell.right == cell.calls else f"{int(cell.survival * 100_000) / 1000:.3f} %"
    others = ", ".join(f"{many} {verdict}" for verdict, many in cell.others.items())
    return shown + (f" ({others})" if others else "")


def write_page(text: str) -> None:
    """Put `text` between the page's markers."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} has lost its markers.")
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
