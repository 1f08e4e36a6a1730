"""`freehold compare`: may a model replace the one that a route has?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.budgets import budget_in
from freehold.cli.compare_group import DIRECT, DirectGroup
from freehold.cli.compare_report import report_comparison
from freehold.cli.completion import route_names
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.core.errors import BadRequest
from freehold.core.figures import money, show_moment

if TYPE_CHECKING:
    from freehold.app.comparing import Beginning, Comparisons
    from freehold.compare.running.comparing import Ended

app = typer.Typer(cls=DirectGroup, rich_markup_mode=None, add_completion=False, no_args_is_help=True)

_LISTED = 50


@app.callback()
def group() -> None:
    """Find out whether a model may replace the one that a route has."""


@app.command(DIRECT, hidden=True)
def compare(
    *,
    route: Annotated[
        str | None,
        typer.Argument(
            help="The route whose incumbent may be replaced, or a model in its place.",
            metavar=DIRECT,
            autocompletion=route_names,
        ),
    ] = None,
    candidates: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="MODEL", help="A candidate: `provider/name`. May be given several times."
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite", metavar="SUITE", help="The cases: a suite's name, or a beginning of its id or hash."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            min=0.0,
            max=0.99,
            help="How much worse a candidate may be, in mean score. Default: 0.03.",
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", min=1e-9, max=0.5, help="How often a verdict may be wrong. Default: 0.05."
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="What all calls together may cost at the most.")
    ] = None,
    max_cases: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Ask at the most so many cases; a group of cases is one."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Fixes the order in which cases are drawn. Default: 0."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=1000, metavar="N", help="Calls at once to one provider."),
    ] = None,
    system: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask candidates with this system prompt in place of the cases' own. The incumbent may be one of them.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    to_the_end: Annotated[
        bool, typer.Option("--to-the-end", help="Ask all cases, however sure the verdict is before.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again what an earlier comparison has asked.")
    ] = False,
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="With a budget: let models be asked whose price is not known.")
    ] = False,
    allow_judge: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-judge",
            metavar="MODEL",
            help="A judge that may judge although the provider of a compared model serves it.",
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a comparison that was broken off.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="ray[=ADDRESS]",
            help="Ask the models from a Ray cluster: that of RAY_ADDRESS or ADDRESS, else one of this machine alone.",
        ),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Say what it would ask and cost at the most, and ask nothing.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find out whether a model may replace the one that a route has.

    Both are asked the cases of a suite, in random order, and it stops as soon as the verdict is sure: `replaces`, `does
    not replace`, or `undecided` with what is missing. Every answer is kept as it arrives: the same command again goes
    on where it was broken off, and pays for nothing twice.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.comparing import Wanted, open_comparisons  # noqa: PLC0415
    from freehold.compare.terms import Means, Prompt  # noqa: PLC0415
    from freehold.core.suggest import did_you_mean  # noqa: PLC0415

    terms = {"margin": margin, "alpha": alpha, "seed": seed, "max_cases": max_cases}
    settings = freehold.settings_from(config)
    if on is not None and on.partition("=")[0] != "ray":
        raise BadRequest(f"Cases cannot be run on `{on}`.", hint="Write `--on ray`, or `--on ray=ADDRESS`.")
    means = Means(
        budget=budget_in(budget),
        unpriced=unpriced,
        concurrency=concurrency or settings.compare.concurrency,
        ray=on is not None,
        ray_address=None if on is None else on.partition("=")[2] or None,
    )
    with open_comparisons(settings) as comparisons:
        if resume is not None:
            said = (route, suite, system, *terms.values())
            if candidates or allow_judge or fresh or to_the_end or any(one is not None for one in said):
                raise BadRequest(
                    "What is compared, and on what terms, is known of a comparison that is gone on with.",
                    hint=f"`freehold compare --resume {resume}`, with --budget or --concurrency if need be.",
                )
            beginning = comparisons.resume(resume)
        else:
            if route is None or suite is None:
                meant = did_you_mean(route, ("list", "show", "report")) if route and not candidates else None
                raise BadRequest(
                    "It takes a route, a candidate and a suite.",
                    hint=meant or "`freehold compare ROUTE --with MODEL --suite SUITE`",
                )
            wanted = Wanted(
                incumbent=route,
                candidates=tuple(candidates or ()),
                suite=suite,
                to_the_end=to_the_end,
                fresh=fresh,
                judges_allowed=tuple(allow_judge or ()),
                prompt=None if system is None else Prompt(system.stem, _text_of(system)),
                **{name: value for name, value in terms.items() if value is not None},  # type: ignore[arg-type]
            )
            beginning = comparisons.begin(wanted)
        if plan_only:
            _show_plan(comparisons, beginning, as_json=as_json)
            return
        _tell_beginning(beginning)
        from freehold.cli.compare_progress import watching  # noqa: PLC0415 - imported when something is run

        with watching() as watch:
            ended = comparisons.run(beginning, means, watch)
        _show(ended, as_json=as_json)
        if ended.asked and any(sum(one.evidence.failures.values()) for one in ended.verdicts):
            say(f"`freehold calls --key {ended.comparison.id}` lists the calls that failed, too.")
        if ended.comparison.state == "stopped":
            say(f"`freehold compare --resume {ended.comparison.id}` goes on with it.")


@app.command("list")
def list_comparisons(config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """List the comparisons, the newest first."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.comparing import open_comparisons  # noqa: PLC0415

    with open_comparisons(freehold.settings_from(config)) as comparisons:
        found = comparisons.archive.newest(_LISTED)
        if as_json:
            for one in found:
                write_json(one)
            return
        if not found:
            say("There is no comparison yet: `freehold compare ROUTE --with MODEL --suite SUITE`.")
            return
        listing = Listing(
            [
                Column("BEGUN", least=19, rank=3),
                Column("ID"),
                Column("INCUMBENT", width=32, rank=2),
                Column("CANDIDATES", width=44, rank=1),
                Column("STATE"),
                Column("VERDICTS", width=44),
            ]
        )
        listing.write(
            (
                show_moment(one.begun_us, utc=utc),
                one.id,
                one.terms.incumbent,
                ", ".join(one.terms.candidates),
                one.state,
                ", ".join(v.decision for v in comparisons.archive.verdicts(one.id) if not v.task_class)
                or "-",
            )
            for one in found
        )


@app.command("show")
def show_comparison(
    which: Annotated[str, typer.Argument(help="Its id, or a beginning of it.", metavar="ID")],
    *,
    rescore: Annotated[
        bool,
        typer.Option("--rescore", help="Score the kept answers anew, without a call, and judge by that."),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a comparison came to."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.comparing import open_comparisons  # noqa: PLC0415

    with open_comparisons(freehold.settings_from(config)) as comparisons:
        comparison = comparisons.archive.find(which)
        ended = comparisons.rescore(comparison) if rescore else comparisons.look(comparison)
        _show(ended, as_json=as_json, ran=False)


app.command("report")(report_comparison)


def _text_of(path: Path) -> str:
    """A system prompt. Raises BadRequest: it is none."""
    try:
        text = path.read_text("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise BadRequest(f"`{path}` is not UTF-8.", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise BadRequest(f"`{path}` cannot be read: {error.strerror}.") from None
    if not text:
        raise BadRequest(f"`{path}` is empty.", hint="Write the system prompt into it.")
    return text


def _tell_beginning(beginning: Beginning) -> None:
    comparison = beginning.comparison
    if beginning.goes_on:
        say(f"Going on with {comparison.id}, which was broken off: what is answered is not asked again.")
    else:
        say(
            f"{comparison.id}: what is answered is kept. Ctrl-C breaks it off, the same command goes on with it."
        )


def _show(ended: Ended, *, as_json: bool, ran: bool = True) -> None:
    from freehold.cli.compare_shown import as_json as in_json  # noqa: PLC0415 - imported when something is shown
    from freehold.cli.compare_shown import show  # noqa: PLC0415

    if as_json:
        write_json(in_json(ended))
    else:
        show(ended, ran=ran)


def _show_plan(comparisons: Comparisons, beginning: Beginning, *, as_json: bool) -> None:
    plan = comparisons.plan(beginning)
    if as_json:
        write_json(plan)
        return
    listing = Listing(
        [
            Column("MODEL", width=44),
            Column("CALLS", right=True),
            Column("ANSWERED", right=True),
            Column("COST AT MOST", right=True),
        ]
    )
    rows = [(one.model, f"{one.calls:,}", f"{one.known:,}", money(one.worst)) for one in plan.models]
    listing.write([*rows, ("together", f"{sum(one.calls for one in plan.models):,}", "", money(plan.worst))])
    say(f"{plan.cases:,} cases at the most; it stops as soon as the verdict is sure.")
    if plan.judges:
        say(
            f"What {', '.join(f'`{one}`' for one in plan.judges)} as a judge is asked and costs comes on top."
        )
