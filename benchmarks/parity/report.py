"""The document: a summary, a table for each inbound dialect, and what the names in it mean."""

from __future__ import annotations

from benchmarks.parity.features import FEATURES, PROBES
from benchmarks.parity.judging import Cell, Finding, short
from benchmarks.parity.probes import INBOUND, MODES, OUTBOUND
from freehold.core.losses import LOSSES

_HEAD = """\
# Parity: the same from every provider

An application written for one provider's API can be answered by any other through Freehold, without a changed line.
This page shows what it then gets, feature by feature. It is made by `make parity`, which asks everything twice: once
of a simulated provider in the application's own dialect, and once through the real endpoint of one that speaks
another dialect. Both times it looks at two things: what the provider understood of the request, and what the
official SDK hands to the application. The tests make it anew and fail when it differs from this page.

How to read a cell:

- **same**: the provider was asked the same, and the application got the same.
- **declared**: the same but for the losses that are named. They are in the header `x-freehold-losses` of the answer,
  and of streams in the record of the call (`freehold calls show ID`). What each means stands [below](#losses). Where
  some of several attempts were refused, the reason is among the notes.
- **refused**: an error that says why, as the SDK's own exception.
- A number refers to the notes under the table: what a provider's dialect has no word for is not Freehold's loss,
  but the application does not get it.

A difference that none of this explains would be **silent**. There must be none.
"""

_NAMES = {
    "openai-chat": "OpenAI chat completions",
    "openai-responses": "OpenAI responses",
    "anthropic-messages": "Anthropic messages",
    "gemini": "Gemini",
    "bedrock-converse": "Bedrock Converse",
    "cohere": "Cohere chat",
}


def counts(table: list[Cell], expected: int) -> dict[str, int]:
    """How many cells there are of each kind; `expected` 0: as many as there are."""
    verdicts = [cell.verdict for cell in table]
    found = {"cells": max(expected, len(table))}
    found |= {
        name: sum(one == name for one in verdicts) for name in ("same", "declared", "refused", "silent")
    }
    found["empty"] = found["cells"] - len(table) + verdicts.count(None)
    return found


def render(findings: list[Finding], table: list[Cell], found: dict[str, int]) -> str:
    """As Markdown."""
    cells = {(one.feature, one.inbound, one.outbound, one.mode): one for one in table}
    tables = (_table(inbound, cells) for inbound in INBOUND)
    return "\n".join((_HEAD, _summary(cells, found), *tables, _tried(), _legend(findings), _idle(findings)))


Cells = dict[tuple[str, str, str, str], Cell]


def _summary(cells: Cells, found: dict[str, int]) -> str:
    lines = [
        "## Summary",
        "",
        f"{found['cells']} cells ({len(FEATURES)} features, {len(INBOUND)} inbound and {len(OUTBOUND)} outbound "
        f"dialects, whole and streamed): {found['same']} the same, {found['declared']} with declared losses, "
        f"{found['refused']} refused, {found['silent']} silent, {found['empty']} empty.",
        "",
        "Cells that are the same, of all, for each pair of dialects; all others name their losses or their reason:",
        "",
        "| application \\ provider | " + " | ".join(f"`{one}`" for one in OUTBOUND) + " |",
        "| --- |" + " --- |" * len(OUTBOUND),
    ]
    for inbound in INBOUND:
        row = [f"`{inbound}`"]
        for outbound in OUTBOUND:
            here = [one for key, one in cells.items() if key[1:3] == (inbound, outbound)]
            row.append(f"{sum(one.verdict == 'same' for one in here)} / {len(here)}")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join((*lines, ""))


def _table(inbound: str, cells: Cells) -> str:
    notes: dict[str, int] = {}
    lines = [
        f"## Applications that speak `{inbound}` ({_NAMES[inbound]})",
        "",
        "| feature | " + " | ".join(f"`{one}`" for one in OUTBOUND) + " |",
        "| --- |" + " --- |" * len(OUTBOUND),
    ]
    for feature in FEATURES:
        row = [feature]
        for outbound in OUTBOUND:
            said = [_cell(cells.get((feature, inbound, outbound, mode)), notes) for mode in MODES]
            both = said[0] if said[0] == said[1] else f"whole: {said[0]}; streamed: {said[1]}"
            row.append(both)
        lines.append("| " + " | ".join(row) + " |")
    lines += ["", *(f"{number}. {note}" for note, number in notes.items()), ""]
    return "\n".join(lines)


def _cell(cell: Cell | None, notes: dict[str, int]) -> str:
    if cell is None or cell.verdict is None:
        return "**empty**"
    reasons = tuple(
        dict.fromkeys(
            f"Refused, {one.job.probe.name}: {one.reason}."
            for one in cell.findings
            if one.verdict == "refused"
        )
    )
    told = [f"`{cell.outbound}` {why}." for why in cell.collected("untold")]
    numbers = [str(notes.setdefault(note, len(notes) + 1)) for note in (*reasons, *told)]
    marks = f" [{', '.join(sorted(numbers, key=int))}]" if numbers else ""
    if cell.verdict == "declared":
        losses = sorted({*cell.collected("losses"), *cell.collected("idle")})
        return f"declared: {short(losses)}{marks}" if losses else f"declared{marks}"
    return (f"**{cell.verdict}**" if cell.verdict == "silent" else cell.verdict) + marks


def _tried() -> str:
    lines = ["## What is tried", ""]
    for feature in FEATURES:
        names = dict.fromkeys(
            one.name if one.switched is None else f"{one.name} (another {one.switched})"
            for one in PROBES
            if one.feature == feature
        )
        lines.append(f"- **{feature}**: {'; '.join(names)}.")
    return "\n".join((*lines, ""))


def _legend(findings: list[Finding]) -> str:
    names = sorted({name for one in findings for name in (*one.losses, *one.idle)})
    bases = sorted({name if name in LOSSES else name.partition(".")[0] for name in names})
    lines = [
        "## Losses",
        "",
        "| loss | what is lost |",
        "| --- | --- |",
        *(f"| `{base}` | {LOSSES.get(base, '')} |" for base in bases),
        "",
    ]
    return "\n".join(lines)


def _idle(findings: list[Finding]) -> str:
    """What is declared to be on the safe side."""
    found: dict[str, dict[str, None]] = {}
    for one in findings:
        for loss in one.idle:
            found.setdefault(loss, {})[one.job.outbound or ""] = None
    lines = [
        "## Declared without a difference",
        "",
        "Losses that were declared at least once where nothing was seen to differ: the provider was asked for less,",
        "but would have given no more. Too much is said rather than too little.",
        "",
        *(f"- `{loss}`: {', '.join(f'`{one}`' for one in sorted(found[loss]))}" for loss in sorted(found)),
        "",
    ]
    return "\n".join(lines)
