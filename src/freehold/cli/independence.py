"""`freehold independence`: how much would go on if a provider vanished."""

from __future__ import annotations

import time
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.completion import route_names
from freehold.cli.options import AsJson, Config
from freehold.cli.output import Column, Listing, fold, plain, say, write, write_json
from freehold.core.clock import microseconds
from freehold.core.figures import count, counted, money
from freehold.core.moments import parse_moment

if TYPE_CHECKING:
    from freehold.rollout.independence.report import Independence, RoutePart

app = typer.Typer(rich_markup_mode=None, add_completion=False)

NOT_ENOUGH = 3
"""Exit status: there is not enough evidence to say anything."""


@app.command()
def independence(
    *,
    since: Annotated[
        str,
        typer.Option("--since", metavar="WHEN", help="Calls from then on: `30d` ago, `today`, `2026-01-31`."),
    ] = "30d",
    route: Annotated[
        str | None,
        typer.Option("--route", metavar="ROUTE", help="Of this route alone.", autocompletion=route_names),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say how much would go on if a provider vanished.

    The score is the share of calls, of 100, that other providers' models would answer as well if the worst provider
    vanished: a lower bound, from the ledger, the verdicts that stand, and what your calls use. Below it stands the one
    action that would raise it most. `docs/independence.md` says how it is reckoned. Exit 3: not enough calls.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.compare.archive import Archive  # noqa: PLC0415
    from freehold.compare.suites.shelf import SuiteShelf  # noqa: PLC0415
    from freehold.office.leaving import independence_of  # noqa: PLC0415

    settings = freehold.settings_from(config)
    now_us = microseconds(time.time())
    since_us = parse_moment(since, now_us)
    with closing(freehold.comparisons_of(settings)) as database:
        found = independence_of(
            settings,
            freehold.history_of(settings),
            Archive(database),
            SuiteShelf(database),
            since_us=since_us,
            now_us=now_us,
            route=route,
        )
    if as_json:
        write_json(found)
    elif found.enough:
        _show(found)
    if not found.enough:
        say(
            f"Not enough evidence: {counted(found.calls, 'answered call')} on record since then, and it takes "
            f"{count(found.least_calls)}. `--since` looks further back."
        )
        raise typer.Exit(NOT_ENOUGH)


def _show(found: Independence) -> None:
    assert found.score is not None
    of_route = f" of `{plain(found.route)}`" if found.route else ""
    calls = f"{counted(found.calls, 'call')}{of_route} since {found.since[:10]}"
    if found.worst is None:
        write(fold(f"Independence {found.score:.0f} of 100: own models answered all {calls}.") + "\n")
    else:
        write(
            fold(
                f"Independence {found.score:.0f} of 100: if `{plain(found.worst)}` vanished, at least "
                f"{found.score:.0f} % of {calls} would go on."
            )
            + "\n"
        )
    write(fold(" ".join(_beside(found))) + "\n")
    if found.action is not None:
        gain = f"(+{found.action.gain:.0f} points at the most, to {found.action.score_then:.0f})"
        write("\n" + fold(f"What would raise it most: {plain(found.action.text)} {gain}") + "\n")
        if found.action.command is not None:
            write(f"  {plain(found.action.command)}\n")
    write("\n")
    _list_providers(found)
    write("\n")
    _list_routes(found.routes)
    for note in found.notes:
        say(fold(note))


def _beside(found: Independence) -> list[str]:
    said = [
        f"With the models alone that the routes have now it is {_points(found.at_once)}, with own models alone "
        f"{_points(found.own)} (they answer {_points(found.own_now)} % of the calls now)."
    ]
    by_cost = "unknown" if found.hhi_cost is None else f"{found.hhi_cost:.2f}"
    said.append(f"Concentration (HHI): {found.hhi_calls or 0:.2f} by calls, {by_cost} by cost.")
    if found.quality_retained is not None:
        said.append(
            f"What would take over keeps {100 * found.quality_retained:.0f} % of the quality at least."
        )
    if found.cutover_seconds is not None:
        said.append(f"The newest rollout took {found.cutover_seconds / 3600:.1f} h to its cutover.")
    return said


def _list_providers(found: Independence) -> None:
    listing = Listing(
        [
            Column("PROVIDER", width=32),
            Column("OWN"),
            Column("CALLS", right=True),
            Column("SHARE", right=True),
            Column("COST", right=True, rank=6),
            Column("INDEPENDENT", right=True),
            Column("AT ONCE", right=True, rank=5),
            Column("BY COST", right=True, rank=7),
        ]
    )
    listing.write(
        (
            one.provider,
            "own" if one.own else "",
            count(one.calls),
            f"{100 * one.calls_share:.0f} %",
            money(None if one.cost is None else Decimal(one.cost)),
            _points(one.independence),
            _points(one.at_once),
            _points(one.by_cost),
        )
        for one in found.providers
    )


def _list_routes(routes: list[RoutePart]) -> None:
    listing = Listing(
        [
            Column("ROUTE", width=32),
            Column("CLASS", width=28, rank=5),
            Column("ANSWERED BY", width=40),
            Column("SHARE", right=True),
            Column("REPLACEABLE", right=True),
            Column("BY", width=40, rank=4),
            Column("WHY NOT MORE", width=60, rank=6),
        ]
    )
    listing.write(
        (
            part.route,
            one.task_class,
            one.model,
            f"{100 * part.calls_share * one.calls_share:.0f} %",
            f"{one.replaceable:.2f}",
            "" if one.best is None or one.replaceable == 0 else one.best.model,
            one.why_not,
        )
        for part in routes
        for one in part.classes
    )


def _points(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f}"
