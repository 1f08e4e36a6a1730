"""`freehold rollout`: move a route from one model to another, in stages that end where harm shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import say, write, write_json
from freehold.cli.rollout_shown import list_rollouts, percent, show
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from pathlib import Path

    from freehold.office.rollouts import OpenedRollouts
    from freehold.rollout.terms import Rollout

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

_DEFAULT_PLAN = "shadow:500,canary:1%,5%,25%,cutover"
_MOST = 1000.0

Which = Annotated[
    str, typer.Argument(help="Its id, a beginning of it, or the route it is on.", metavar="ROLLOUT")
]


@app.callback()
def rollout() -> None:
    """Move a route to another model in stages, and back where that does harm."""


@app.command()
def start(
    route: Annotated[str, typer.Argument(help="The route to be moved.", metavar="ROUTE")],
    *,
    to: Annotated[str, typer.Option(metavar="MODEL", help="The candidate: `provider/name`.")],
    plan: Annotated[
        str,
        typer.Option(
            metavar="STAGES",
            help="Copies first, then shares of the conversations, each larger than the one before it.",
        ),
    ] = _DEFAULT_PLAN,
    margin: Annotated[
        float,
        typer.Option(metavar="NUMBER", help="How much worse its answers may look, as scores from 0 to 1."),
    ] = 0.05,
    errors: Annotated[
        str, typer.Option(metavar="PERCENT", help="How many more of the calls it may seem not to answer.")
    ] = "1%",
    refusals: Annotated[
        str, typer.Option(metavar="PERCENT", help="How many more of the calls it may seem to decline.")
    ] = "2%",
    losses: Annotated[
        str, typer.Option(metavar="PERCENT", help="Of how many more of the calls something may be lost.")
    ] = "5%",
    complaints: Annotated[
        str, typer.Option(metavar="PERCENT", help="How much more often people may seem to complain.")
    ] = "50%",
    slower: Annotated[
        str, typer.Option(metavar="PERCENT", help="How much slower it may look; `any`: it does not matter.")
    ] = "50%",
    dearer: Annotated[
        str,
        typer.Option(
            metavar="PERCENT", help="How much dearer its calls may look; `any`: it does not matter."
        ),
    ] = "25%",
    alpha: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", help="The chance, at the most, that a candidate no worse is rolled back."
        ),
    ] = 0.05,
    settle: Annotated[
        int, typer.Option(metavar="N", help="Conversations it has to have answered before a stage is passed.")
    ] = 100,
    settle_time: Annotated[
        str, typer.Option(metavar="SPAN", help="How long a stage lasts at least: `90s`, `15m`, `2d`.")
    ] = "5m",
    judge: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The model that judges the copies: `provider/name`.")
    ] = None,
    allow_judge: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="A judge that may judge a model of its own provider."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="What copies and their judging may cost together.")
    ] = None,
    without_quality: Annotated[
        bool, typer.Option("--without-quality", help="Cut over without a verdict on quality.")
    ] = False,
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="Although the candidate's price is not known.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Begin to move a route to another model.

    A running endpoint takes it over within a second. From stage to stage it goes by itself once the gates let it; a
    candidate that does harm is rolled back by itself.
    """
    from freehold.cli.actor import actor  # noqa: PLC0415 - imported when the command runs
    from freehold.core.clock import SystemClock, microseconds  # noqa: PLC0415
    from freehold.office.rollouts import terms_of, wanted_from  # noqa: PLC0415

    wanted = wanted_from(
        {
            "route": route,
            "to": to,
            "plan": plan,
            "margin": margin,
            "errors": _share(errors, "errors"),
            "refusals": _share(refusals, "refusals"),
            "losses": _share(losses, "losses"),
            "complaints": _share(complaints, "complaints"),
            "slower": _share_or_any(slower, "slower"),
            "dearer": _share_or_any(dearer, "dearer"),
            "alpha": alpha,
            "settle_calls": settle,
            "settle_time": settle_time,
            "judge": judge,
            "allow_judges": tuple(allow_judge or ()),
            "budget": budget,
            "without_quality": without_quality,
            "unpriced": unpriced,
        }
    )
    with _opened(config) as opened:
        terms = terms_of(opened.settings, wanted, microseconds(SystemClock().now()))
        begun = opened.acts.start(wanted.route, terms, by=actor())
    _tell(begun, as_json=as_json)
    if not as_json:
        say(
            f"Watch it: `freehold rollout status {begun.id}`. Take it back: `freehold rollout abort {begun.id}`."
        )


@app.command()
def status(which: Which, *, config: Config = None, utc: Utc = False, as_json: AsJson = False) -> None:
    """Show how a rollout stands, what its gates know, and everything that happened to it.

    Ends with 1 where the candidate was rolled back, and with 3 where it waits for somebody to decide.
    """
    from freehold.office.rollouts import whole_of  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as opened:
        found = whole_of(opened.archive, opened.archive.find(which))
    if as_json:
        write_json(found)
    else:
        show(found, utc=utc)
    if found.state == "rolled back":
        raise typer.Exit(1)
    if found.needs_somebody:
        raise typer.Exit(3)


@app.command(name="list")
def list_(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many.")] = 50,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """List the rollouts, the newest first."""
    from freehold.rollout.shown import show_rollout  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as opened:
        found = opened.archive.newest(limit)
    if as_json:
        for one in found:
            write_json(show_rollout(one))
        return
    if not found:
        say("No rollout was started yet: `freehold rollout start ROUTE --to MODEL`.")
        return
    list_rollouts(found, utc=utc)


@app.command()
def pause(which: Which, *, config: Config = None, as_json: AsJson = False) -> None:
    """Keep a rollout at its stage. Where the candidate does harm, it is rolled back all the same."""
    from freehold.cli.actor import actor  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as opened:
        _tell(opened.acts.pause(which, by=actor()), as_json=as_json)


@app.command()
def resume(which: Which, *, config: Config = None, as_json: AsJson = False) -> None:
    """Let a paused rollout go on."""
    from freehold.cli.actor import actor  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as opened:
        _tell(opened.acts.resume(which, by=actor()), as_json=as_json)


@app.command()
def promote(
    which: Which,
    *,
    at: Annotated[
        str,
        typer.Option(
            "--from", metavar="STAGE", help="The stage that it is at, so that none is skipped: `5%`."
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let a rollout go on to the next stage at once, whatever its gates wait for."""
    from freehold.cli.actor import actor  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as opened:
        _tell(opened.acts.promote(which, at, by=actor()), as_json=as_json)


@app.command()
def abort(which: Which, *, config: Config = None, as_json: AsJson = False) -> None:
    """Give the route back to its incumbent, also after the rollout was finished.

    Conversations that the candidate is answering tool calls in stay with it until that is done.
    """
    from freehold.cli.actor import actor  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as opened:
        _tell(opened.acts.abort(which, by=actor()), as_json=as_json)


@contextmanager
def _opened(config: Path | None) -> Iterator[OpenedRollouts]:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.office.rollouts import open_rollouts  # noqa: PLC0415

    settings = freehold.settings_from(config)
    with open_rollouts(settings, freehold.rollouts_of(settings), freehold.audit_of(settings)) as opened:
        yield opened


def _share(text: str, name: str) -> float:
    """`5%` or `0.05`."""
    word = text.strip()
    try:
        found = float(word[:-1]) / 100.0 if word.endswith("%") else float(word)
    except ValueError:
        found = -1.0
    if not 0.0 < found <= _MOST:
        raise BadRequest(f"`{text}` is no share.", hint=f"Write it like `--{name} 5%`.", param=name)
    return found


def _share_or_any(text: str, name: str) -> float | None:
    return None if text.strip().lower() == "any" else _share(text, name)


def _tell(rollout: Rollout, *, as_json: bool) -> None:
    from freehold.rollout.shown import show_rollout  # noqa: PLC0415 - imported when the command runs

    if as_json:
        write_json(show_rollout(rollout))
        return
    write(f"{rollout.id}\n")
    who = f"`{rollout.terms.candidate.name}` answers {percent(rollout.share)} of the conversations"
    say(f"{rollout.state.capitalize()} at `{rollout.at.name}`: {who} of `{rollout.route}`.")
