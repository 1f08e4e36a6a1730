"""`freehold dataset synthesise`: rows that a teacher writes from seeds, checked before they count."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.actor import actor
from freehold.cli.budgets import budget_in
from freehold.cli.dataset_shown import facts_of, tell_made
from freehold.cli.measures import Share
from freehold.cli.options import AsJson, Config
from freehold.cli.output import fold, plain, say, write, write_json
from freehold.core.errors import BadRequest
from freehold.core.figures import counted, money

if TYPE_CHECKING:
    from freehold.app.synthesising import Prepared, Result
    from freehold.train.synthesis.diversity import Diversity
    from freehold.train.synthesis.memory import Memory
    from freehold.train.synthesis.runner import Runner

INTERRUPTED = 130
_SHOWN = 3


def synthesise(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the dataset: `sums-2026`.")],
    *,
    outline: Annotated[
        Path,
        typer.Option("--outline", metavar="FILE", help="Seeds, how to ask, and how to check: a TOML file."),
    ],
    teacher: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Who writes the answers, a model or a route; else the outline's."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many; else the outline's.")
    ] = None,
    calls: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Calls at the most, those of earlier runs of it among them."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="Money at the most, that of earlier runs of it included."),
    ] = None,
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="Models without a known price may be asked all the same.")
    ] = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1000, metavar="N", help="Attempts at once; else `[compare]`'s.")
    ] = None,
    tries: Annotated[
        int, typer.Option(min=1, metavar="N", help="Attempts for each row, after which it is given up.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the order of seeds and the numbers drawn.")] = 0,
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out",
            metavar="SHARE",
            click_type=Share(min=0.0, max=0.9),
            help="Of questions, that are not learned from.",
        ),
    ] = 0.1,
    alike: Annotated[
        float,
        typer.Option(
            "--alike",
            metavar="SHARE",
            click_type=Share(min=0.5, max=1.0),
            help="How much two questions, or two rows, have in common that count as the same.",
        ),
    ] = 0.8,
    spared: Annotated[
        list[str] | None,
        typer.Option(
            "--except", metavar="SUITE", help="Do not look for cases of this suite; may be given again."
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="MAKER=REASON",
            help="Let a teacher's answers in that its terms do not simply allow to learn from.",
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides what --allow lets in.")
    ] = None,
    masked: Annotated[
        bool, typer.Option("--masked", help="Mask personal data; names that the teacher makes up, too.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be asked, and at most how often, without a call.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Have a teacher write a dataset from seeds: asked, checked, without near-duplicates, and measured.

    The teacher has to be one whose terms allow to learn from it. Each call is in the ledger. What was answered is kept,
    so that the same command goes on where it was broken off, and with more `--rows` asks for the rest alone.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.synthesising import Wanted, prepare  # noqa: PLC0415
    from freehold.app.synthesising import synthesise as begin  # noqa: PLC0415
    from freehold.train.data.gate import decisions_of  # noqa: PLC0415
    from freehold.train.synthesis.outline import with_rows  # noqa: PLC0415

    settings = freehold.settings_from(config)
    wanted = Wanted(
        name=name,
        outline=with_rows(_text_of(outline), rows),
        teacher=teacher,
        seed=seed,
        budget=budget_in(budget),
        unpriced=unpriced,
        calls=calls,
        concurrency=concurrency or settings.compare.concurrency,
        tries=tries,
        masked=masked,
        held_out=held_out,
        alike=alike,
        decisions=decisions_of(allow or [], by),
        spared=tuple(spared or ()),
    )
    prepared = prepare(settings, wanted)
    if plan:
        _tell_plan(prepared, as_json=as_json)
        return
    with _watching(wanted.outline.rows) as watch:
        result = begin(settings, prepared, by=actor(), watch=watch)
    _tell(result, as_json=as_json)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"`{path}` cannot be read: {error}.") from None


def _tell_plan(prepared: Prepared, *, as_json: bool) -> None:
    from freehold.train.synthesis.asked import first_questions  # noqa: PLC0415 - imported when the command runs

    outline, terms = prepared.wanted.outline, prepared.terms
    shown = first_questions(outline, prepared.wanted.seed, _SHOWN)
    if as_json:
        write_json(
            {
                "id": prepared.id,
                "teacher": prepared.teacher,
                "terms": terms,
                "rows": outline.rows,
                "cells": prepared.cells,
                "most_calls": prepared.most_calls,
                "calls_before": prepared.calls_before,
                "questions": shown,
            }
        )
        return
    lines = [
        f"{prepared.teacher} would write {counted(outline.rows, 'row')} from {counted(prepared.cells, 'cell')}.",
        f"  terms    {terms.verdict} ({terms.holder})",
        f"  calls    {prepared.most_calls:,} at the most; {prepared.calls_before:,} were made before",
        f"  check    {', '.join(outline.check.scorers) or 'no scorer'}"
        + ("" if outline.check.agreement is None else f", agreement of {outline.check.agreement:.0%}"),
        *(f"  it asks  {' '.join(one.split())}" for one in shown),
    ]
    write("".join(fold(plain(line), indent=11) + "\n" for line in lines))


def _tell(result: Result, *, as_json: bool) -> None:
    report = result.report
    if as_json:
        dataset = (
            None if result.made is None else {**facts_of(result.made.dataset), "new": result.made.is_new}
        )
        made = None if result.made is None else result.made.report
        write_json({"synthesis": report, "dataset": dataset, "report": made})
    else:
        cost = "an unknown sum" if report.dollars is None else money(report.dollars)
        say(
            f"{counted(report.kept, 'row')} of {counted(report.attempts, 'attempt')} ({report.share_kept:.0%}), with "
            f"{counted(report.calls, 'call')} for {cost}; {report.covered} of {counted(report.cells, 'cell')} covered."
        )
        for why, many in report.left_out.items():
            say(fold(f"- {counted(many, 'time')} {why}", indent=2))
        say(f"- questions: {_measures(report.questions)}")
        say(f"- answers: {_measures(report.answers)}")
        if report.why is not None:
            say(fold(f"It ended early. {report.why}"))
    if result.made is None:
        say("It was interrupted. The same command goes on; nothing that was answered is asked again.")
        raise typer.Exit(INTERRUPTED)
    if not as_json:
        tell_made(result.made)


def _measures(diversity: Diversity) -> str:
    told = [
        ("new words", diversity.distinct_1, "{:.0%}"),
        ("new pairs of words", diversity.distinct_2, "{:.0%}"),
        ("compressed", diversity.compression, "{:.1f} times"),
        ("overlap", diversity.overlap, "{:.2f}"),
        ("likeness of meaning", diversity.similarity, "{:.2f}"),
    ]
    return (
        ", ".join(f"{name} {form.format(value)}" for name, value, form in told if value is not None)
        or "too few"
    )


@contextmanager
def _watching(rows: int) -> Iterator[Callable[[Runner, Memory], None]]:
    """A bar of rows on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda runner, memory: None
        return
    from rich.console import Console  # noqa: PLC0415 - imported when something is shown
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=rows)

        def watch(runner: Runner, memory: Memory) -> None:
            spent = "" if memory.spent is None else f", {money(memory.spent)}"
            told = f"rows of {runner.attempts:,} attempts, {memory.calls:,} calls{spent}"
            progress.update(task, completed=len(runner.kept), description=told)

        yield watch
