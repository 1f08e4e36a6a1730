"""`freehold router`: which model is good enough for a question, learned from a route's own labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from freehold.cli.completion import route_names
from freehold.cli.measures import Share
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, plain, say, write, write_json
from freehold.cli.router_shown import facts_of, tell_fit, tell_missing, tell_router
from freehold.core.errors import BadRequest
from freehold.core.figures import show_moment

if TYPE_CHECKING:
    from freehold.rollout.routers.watching import Watched

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Live = Literal["shadow", "feedback"]

NOT_ENOUGH = 3
"""Exit status: there is not enough evidence to certify anything."""

Named = Annotated[
    str,
    typer.Argument(
        help="Its route, of which the newest is meant, or a beginning of its hash.", metavar="ROUTER"
    ),
]


@app.callback()
def router() -> None:
    """Learn which model is good enough for a question, and certify it."""


@app.command()
def fit(
    route: Annotated[str, typer.Argument(help="The route.", metavar="ROUTE", autocompletion=route_names)],
    *,
    suite: Annotated[
        str | None,
        typer.Option("--suite", metavar="SUITE", help="The suite over which its models were compared."),
    ] = None,
    source: Annotated[
        Live | None,
        typer.Option(
            "--from",
            help="Of live calls instead: copies that rollouts in shadow have judged, or feedback on calls whose model "
            "was drawn by lot.",
        ),
    ] = None,
    risk: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            click_type=Share(min=0.001, max=0.5),
            help="Of all answers, that may be worse than the incumbent's.",
        ),
    ] = 0.05,
    confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", click_type=Share(min=0.5, max=0.9999), help="How sure that is to be."),
    ] = 0.95,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="SCORE",
            min=0.0,
            max=0.99,
            help="An answer's score may be lower by this without being worse.",
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Fixes which labels certify.")] = 0,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a router of what comparisons over a suite have found, or of live calls, and certify it.

    A half of the labels teaches it which question is answered worse by whom; the other half says how far it may go, so
    that no more than the risk of all answers is worse than the incumbent's. A route with `[routes.NAME.policy] kind =
    "learned"` takes up its newest router within half a minute. Exit 3: not enough labels, and how many are missing.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.routers import fit_router  # noqa: PLC0415
    from freehold.cli.waiting import waiting  # noqa: PLC0415
    from freehold.routing.learned.promise import Promise  # noqa: PLC0415

    if (suite is None) == (source is None):
        raise BadRequest(
            "It takes a suite, or one kind of live calls.",
            hint=f"`freehold router fit {route} --suite SUITE`, or `--from shadow`, or `--from feedback`.",
        )
    settings = freehold.settings_from(config)
    promise = Promise(risk=risk, confidence=confidence, tolerance=tolerance)
    with waiting("Learning") as _:
        found = fit_router(settings, route, promise, suite=suite, source=source, seed=seed)
    if found.shelved is not None:
        if as_json:
            write_json(facts_of(found.shelved))
        else:
            tell_fit(found, settings)
        return
    assert found.missing is not None
    if as_json:
        write_json({"router": None, "promise": promise, "evidence": found.missing})
    tell_missing(found.missing, promise, route, suite)
    raise typer.Exit(NOT_ENOUGH)


@app.command(name="list")
def list_(config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """List the routers, the newest first. The newest of a route is the one that it goes by."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.learned import routers_of  # noqa: PLC0415

    found = routers_of(freehold.settings_from(config)).all()
    if as_json:
        for one in found:
            write_json(facts_of(one))
        return
    if not found:
        say("There is no router yet: `freehold router fit ROUTE --suite SUITE`.")
        return
    columns = [
        Column("ROUTER", width=16),
        Column("MADE", rank=3),
        Column("ROUTE", width=24),
        Column("CHOOSES", width=44, rank=2),
        Column("RISK", right=True),
        Column("LABELS", right=True, rank=4),
        Column("SAVES", right=True),
    ]
    Listing(columns).write(
        (
            one.hash,
            show_moment(one.about.made_us, utc=utc),
            one.about.route,
            ", ".join(one.about.chosen),
            f"{one.about.certificate.risk:.1%}",
            str(one.about.certificate.trained + one.about.certificate.certified),
            f"{one.about.certificate.saving:.0%}",
        )
        for one in found
    )


@app.command()
def show(which: Named, config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """Show a router's certificate, and how it does while it decides."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.learned import routers_of  # noqa: PLC0415
    from freehold.rollout.routers.following import read_watched  # noqa: PLC0415

    shelved = routers_of(freehold.settings_from(config)).find(which)
    watched: Watched = read_watched(shelved)
    if as_json:
        told = msgspec.structs.asdict(watched)
        del told["heard"]  # digests of calls, which say nothing to anybody
        write_json({**facts_of(shelved), "watched": told, "log_e": watched.log_e})
        return
    write(
        f"Router {shelved.hash} of {plain(shelved.about.route)}, made {show_moment(shelved.about.made_us, utc=utc)}"
    )
    tell_router(shelved.about, watched)


@app.command()
def check(which: Named, config: Config = None, as_json: AsJson = False) -> None:
    """Check that a router is whole, fits its route, and may be relied on. Exit 1: it may not."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.routers import faults_of  # noqa: PLC0415

    found = faults_of(freehold.settings_from(config), which)
    if as_json:
        write_json({"router": found.shelved.hash, "relied_on": not found.faults, "faults": found.faults})
    elif not found.faults:
        write(f"Router {found.shelved.hash} is whole, fits its route, and may be relied on.\n")
    if found.faults:
        raise BadRequest(" ".join(found.faults), hint="Make it anew: `freehold router fit`.")
