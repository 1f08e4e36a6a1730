"""`freehold migrate`: what moving a route to another provider would break, cost and take."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.budgets import budget_in
from freehold.cli.completion import route_names
from freehold.cli.options import AsJson, Config
from freehold.cli.output import Column, Listing, fold, plain, say, write, write_json
from freehold.core.clock import microseconds
from freehold.core.moments import parse_moment

if TYPE_CHECKING:
    from freehold.rollout.migration.content import Content
    from freehold.rollout.migration.report import Migration, Step

app = typer.Typer(rich_markup_mode=None, add_completion=False)

NOT_ENOUGH = 3
"""Exit status: there is not enough evidence to say what would break."""

_NUMBERS = frozenset(
    {
        "Age",
        "Break",
        "Breaks",
        "Calls",
        "Difference",
        "First token",
        "Median",
        "On record now",
        "Pairs",
        "US dollars",
        "Weakened",
        "p99",
    }
)
"""Columns that are aligned to the right."""


@app.command()
def migrate(
    route: Annotated[str, typer.Argument(help="The route.", autocompletion=route_names)],
    *,
    leaves: Annotated[str, typer.Option("--from", metavar="PROVIDER", help="The provider that is left.")],
    to: Annotated[str, typer.Option("--to", metavar="MODEL", help="Where it goes: `provider/name`.")],
    since: Annotated[
        str,
        typer.Option("--since", metavar="WHEN", help="Calls from then on: `30d` ago, `today`, `2026-01-31`."),
    ] = "30d",
    sample: Annotated[
        int, typer.Option("--sample", min=20, max=20_000, metavar="N", help="Look at so many calls.")
    ] = 500,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Which of the samples there are.")
    ] = 0,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the report as Markdown.")
    ] = None,
    measure: Annotated[
        int,
        typer.Option(
            "--measure",
            min=0,
            max=1_000,
            metavar="N",
            help="Ask the target so many of the calls whose prompts are ported, before and after.",
        ),
    ] = 0,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="DOLLARS", help="What measuring may cost.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say what moving a route to another provider would break, cost and take.

    Kept calls are written for the target by the code that would send them: what is lost, for whom and for which class
    of tasks; which prompts should be ported and how; what the traffic would cost; the verdicts there are; the stages
    there and the way back. Nothing is sent, unless --measure asks the target. Exit 3: not enough calls.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.migrating import Wanted, page_for, write_to  # noqa: PLC0415
    from freehold.app.migrating import migrate as report_of  # noqa: PLC0415
    from freehold.rollout.migration.content import content_of  # noqa: PLC0415
    from freehold.rollout.migration.markdown import markdown_of  # noqa: PLC0415

    wanted = Wanted(
        route=route,
        leaves=leaves,
        target=to,
        since_us=parse_moment(since, microseconds(time.time())),
        sample=sample,
        seed=seed,
        measure=measure,
        budget=budget_in(budget),
    )
    found = report_of(freehold.settings_from(config), wanted)
    if html is not None:
        write_to(html, page_for(found))
    if markdown is not None:
        write_to(markdown, markdown_of(found).encode())
    if as_json:
        write_json(found)
    else:
        _show(found, content_of(found))
    for path in (html, markdown):
        if path is not None:
            say(f"Written to {path}. It contains prompts of your applications.")
    if not found.enough:
        say(fold(f"Not enough evidence: {found.missing}"))
        raise typer.Exit(NOT_ENOUGH)


def _show(found: Migration, content: Content) -> None:
    write(f"{plain(content.title)}\n")
    for line in content.glance:
        write(fold(f"  {plain(line)}", indent=2) + "\n")
    for section in content.sections:
        if not section.tables:
            continue
        write(f"\n{section.title}\n")
        for table in section.tables:
            listing = Listing(
                [
                    Column(name.upper(), right=name in _NUMBERS, width=36, rank=0 if at < 3 else at)
                    for at, name in enumerate(table.columns)
                ]
            )
            listing.write(table.rows)
    if found.prompts:
        write("\nPrompts to port\n")
        for one, measured in zip(found.prompts, content.measured, strict=True):
            write(f"\n  {one.digest}, {one.calls:,} of the sampled calls\n")
            for finding in one.findings:
                write(fold(f"  {plain(finding.why)}", indent=2) + "\n")
            write("".join(f"    {plain(line)}\n" for line in one.diff.splitlines()[2:]))
            if measured is not None:
                Listing(
                    [Column(name.upper(), right=at > 0) for at, name in enumerate(measured.columns)]
                ).write(measured.rows)
    _show_steps("The plan", found.plan)
    _show_steps("The way back", found.back)
    for note in content.notes:
        say(fold(plain(note)))


def _show_steps(title: str, steps: list[Step]) -> None:
    write(f"\n{title}\n")
    for number, step in enumerate(steps, 1):
        write(fold(f"  {number}. {plain(step.text)}", indent=5) + "\n")
        if step.command is not None:
            write(f"     {plain(step.command)}\n")
