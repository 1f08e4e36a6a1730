"""Datasets as people and programs see them on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.cli.output import fold, plain, say, write
from freehold.core.figures import counted, show_moment

if TYPE_CHECKING:
    from freehold.train.data.making import Made
    from freehold.train.data.report import Lengths, Report
    from freehold.train.data.shelf import Dataset

_SHOWN = 5


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """A dataset for programs, without its rows."""
    facts = {"dataset": dataset.reference, **msgspec.structs.asdict(dataset.manifest)}
    facts["scorers"] = msgspec.json.decode(dataset.manifest.scorers)  # which is laid out over several lines
    return facts


def tell_made(made: Made) -> None:
    """Say what came of making a dataset."""
    rows = made.report.rows
    if not made.is_new:
        say(f"`{made.dataset.reference}` has these rows already: no other version was made.")
        return
    say(
        f"`{made.dataset.reference}` has {counted(rows['train'], 'row')} to learn from, and "
        f"{counted(rows['held-out'], 'row')} held out."
    )
    for line in _left_out(made.report):
        say(fold(f"- {line}", indent=2))
    for note in made.report.notes:
        say(fold(f"- {note}", indent=2))
    say(f"All of it: `freehold dataset show {made.dataset.reference}`.")


def tell_report(dataset: Dataset, report: Report, *, utc: bool) -> None:
    """Show all that is known of it."""
    manifest = dataset.manifest
    masked = ", ".join(f"{kind} {many:,}" for kind, many in report.masked.items()) or "nothing was found"
    lines = [
        dataset.reference,
        f"  hash       {manifest.hash}",
        f"  made       {show_moment(manifest.made_us, utc=utc)} from {manifest.source}",
        f"  rows       {report.rows['train']:,} in {_groups(report, 'train')}",
        f"  held out   {report.rows['held-out']:,} in {_groups(report, 'held-out')}",
        f"  masked     {masked if report.is_masked else 'no'}",
        f"  questions  {_lengths(report.question_lengths)}",
        f"  answers    {_lengths(report.answer_lengths)}",
        *_counts("written by", report.written_by),
        *_counts("accepted", report.accepted),
        *_counts("languages", report.languages),
        *_counts("classes", report.classes),
        *_counts("lost in translation", report.losses),
    ]
    having = {
        "thoughts before the answer": report.with_reasoning,
        "a worse answer, too": report.with_rejected,
        "a target": report.with_target,
        "calls of tools": report.with_tools,
    }
    lines += _counts("with", {what: many for what, many in having.items() if many})
    lines.append(f"  from {report.looked_at:,} looked at, {report.taken:,} taken")
    lines += [fold(f"    - {one}", indent=6) for one in _left_out(report)]
    lines += list(_terms(report))
    lines += list(_contamination(report))
    if report.duplicates:
        lines.append("  some near-duplicates")
        lines += [f"    {row} is like {other}" for row, other in report.duplicates[:_SHOWN]]
    if report.notes:
        lines.append("  notes")
        lines += [fold(f"    - {note}", indent=6) for note in report.notes]
    write("".join(plain(line) + "\n" for line in lines))


def _left_out(report: Report) -> Iterator[str]:
    for one in report.left_out:
        yield f"Left out, as they {one.why}: {one.rows:,}."
    if report.rejected_left_out:
        yield (
            f"Worse answers that were taken off their lines, as the terms of who wrote them do not allow to use them: "
            f"{report.rejected_left_out:,}."
        )


def _terms(report: Report) -> Iterator[str]:
    yield "  terms"
    for one in report.makers:
        state = one.verdict if one.let_in else f"{one.verdict}, kept out"
        source = f", {one.terms.source}" if one.terms.source else ""
        yield f"    {one.maker}  {counted(one.rows, 'line')}: {state} ({one.terms.holder}{source})"
        if one.decision is not None:
            yield f"      let in by {one.decision.by}: {one.decision.reason}"


def _contamination(report: Report) -> Iterator[str]:
    found = report.contamination
    yield (
        f"  decontaminated against {counted(found.texts, 'text')} of {counted(found.suites, 'suite')}: "
        f"{counted(found.rows, 'line')} dropped, like {counted(found.cases, 'case')}"
    )
    for suite, many in found.by_suite.items():
        yield f"    {many:>6,}  {suite}"
    for one in found.sample[:_SHOWN]:
        yield f"    {one.row} is like {one.suite} {one.case} ({one.part}, {one.share:.0%}): {one.words}"
    for suite in found.spared:
        yield f"    not looked for: {suite}"


def _counts(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    if counts:
        yield f"  {title}"
        for name, many in counts.items():
            yield f"    {many:>6,}  {name}"


def _groups(report: Report, split: Any) -> str:
    return counted(report.groups[split], "conversation")


def _lengths(lengths: Lengths | None) -> str:
    if lengths is None:
        return "none"
    return (
        f"{lengths.median:,} characters in the middle, {lengths.most_of_them:,} for nineteen of twenty, "
        f"{lengths.most:,} at the most"
    )
