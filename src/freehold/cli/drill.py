"""`freehold drill`: rehearse the loss of a provider."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.measures import Seconds, Share
from freehold.cli.options import AsJson, Config
from freehold.cli.output import plain, say, write_json
from freehold.core.errors import BadRequest, StoreError
from freehold.core.figures import counted, size

if TYPE_CHECKING:
    from freehold.app.live_drilling import WantedLive
    from freehold.config.settings import Settings
    from freehold.rollout.drills.live import Tally

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def drill(
    *,
    lose: Annotated[
        str,
        typer.Option("--lose", metavar="PROVIDER", help="Whom to lose: a provider, or a pool of several."),
    ],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", metavar="ROUTE", help="This route alone; may be repeated. Default: all that ask it."
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME",
            help="This fault alone; may be repeated. Default: all. `--fault ?` lists them.",
        ),
    ] = None,
    calls: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2_000,
            metavar="N",
            help="Calls of each route, drawn at random from those on record. Default: 20; with --simulated 200.",
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, metavar="N", help="How far back calls are drawn from.")
    ] = 30,
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated",
            help="Ask stand-ins in place of the survivors, too: free, and it says nothing of them.",
        ),
    ] = False,
    deadline: Annotated[
        float | None,
        typer.Option(
            click_type=Seconds(min=0.1, max=3600),
            metavar="SECONDS",
            help="After which an answer is of no use. Default: the route's own, else 30.",
        ),
    ] = None,
    require: Annotated[
        float,
        typer.Option(
            click_type=Share(min=0.0, max=1.0),
            metavar="SHARE",
            help="The share of calls that has to survive.",
        ),
    ] = 0.999,
    least: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="With fewer calls of a route, there is not enough evidence."),
    ] = 10,
    budget: Annotated[
        str,
        typer.Option(metavar="DOLLARS", help="What asking the survivors may cost; `none` for no bound."),
    ] = "1",
    concurrency: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Calls at once.")] = 16,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Fixes which calls are drawn.")] = 0,
    live: Annotated[
        str | None,
        typer.Option(
            "--live",
            metavar="SHARE",
            help="Drill on this share of the live calls of one route, such as `5%`; it ends by itself.",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.05, max=1440, metavar="N", help="With --live: how long.")
    ] = 5.0,
    stop_below: Annotated[
        float,
        typer.Option(
            "--stop-below",
            click_type=Share(min=0.0, max=1.0),
            metavar="SHARE",
            help="With --live: end at once when fewer of the chosen calls survive.",
        ),
    ] = 0.95,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one HTML file, too.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse the loss of a provider, and say what would survive it.

    Calls on record are asked again, in this process and of an engine of its own, while a stand-in plays every way in
    which the provider could be lost; those who take over are really asked. No live call is touched, and calls that
    would do something twice (hosted tools, MCP, background) are not repeated but counted.

    With --live, the running endpoint lets a share of one route's conversations find the provider lost, with faults that
    come before any word of an answer. It ends with its time, when too few survive, and when this command is ended.

    Exit 0: survived. Exit 1: not survived, or something for you to mend. Exit 3: not enough evidence.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.app.drill_scope import Wanted  # noqa: PLC0415
    from freehold.app.drilling import Drill, check_place, write_drill_page  # noqa: PLC0415

    if fault == ["?"]:
        _list_faults()
        return
    if live is not None:
        from freehold.app.live_drilling import WantedLive  # noqa: PLC0415

        if html is not None or simulated or on is None or len(set(on)) != 1:
            raise BadRequest(
                "A live drill is on one route, with those who take over, and has no page.",
                hint=f"`freehold drill --lose {lose} --on ROUTE --live 5%`",
            )
        wanted_live = WantedLive(
            lose=lose,
            route=on[0],
            share=_share(live),
            minutes=minutes,
            faults=tuple(fault or ()),
            stop_below=stop_below,
            require=require,
            least_calls=least,
            deadline=deadline,
        )
        _lead(freehold.settings_from(config), wanted_live, as_json=as_json)
        return
    wanted = Wanted(
        lose=lose,
        on=tuple(dict.fromkeys(on or ())),
        faults=tuple(fault or ()),
        days=days,
        calls=calls or (200 if simulated else 20),
        seed=seed,
        simulated=simulated,
        deadline=deadline,
        require=require,
        least_calls=least,
        budget=_dollars(budget),
        concurrency=concurrency,
    )
    beginning = Drill(freehold.settings_from(config), wanted)
    if html is not None:
        check_place(html)
    report = beginning.run(_telling())
    if as_json:
        write_json(report)
    else:
        from freehold.cli.drill_shown import show  # noqa: PLC0415 - imported when something is shown

        show(report)
    try:
        beginning.keep(report)
    except StoreError as error:
        say(f"warning: {error} The report is not kept.")
    if html is not None:
        written = write_drill_page(report, html)
        say(f"{plain(str(html))}: {size(written)}, complete in itself.")
    if report.status:
        raise typer.Exit(report.status)


def _lead(settings: Settings, wanted: WantedLive, *, as_json: bool) -> None:
    from freehold.access.audit import AuditLog  # noqa: PLC0415
    from freehold.app.live_drilling import LiveDrilling  # noqa: PLC0415
    from freehold.app.opening import audit_of  # noqa: PLC0415
    from freehold.cli.actor import actor  # noqa: PLC0415

    drilling = LiveDrilling(settings, wanted)
    log: AuditLog = audit_of(settings)
    try:
        what = {"provider": wanted.lose, "share": wanted.share, "minutes": wanted.minutes}
        log.append(actor(), "drill.live", drilling.route.name, what)
    finally:
        log.close()
    report = drilling.lead(_watching())
    if as_json:
        write_json(report)
    else:
        from freehold.cli.drill_shown import show_live  # noqa: PLC0415 - imported when something is shown

        show_live(report)
    if report.status:
        raise typer.Exit(report.status)


def _watching() -> Callable[[Tally, str], None]:
    """At a terminal, a line that counts."""

    def watch(tally: Tally, fault: str) -> None:
        if sys.stderr.isatty():
            calls = sum(count.calls for count in tally.faults.values())
            survived = sum(count.survived for count in tally.faults.values())
            sys.stderr.write(f"\r\x1b[K{fault}: {survived:,} of {counted(calls, 'call')} survived")
            sys.stderr.flush()

    return watch


def _share(text: str) -> float:
    number, percent, rest = text.partition("%")
    try:
        share = float(number) / (100.0 if percent else 1.0)
    except ValueError:
        share = -1.0
    if rest or not 0.0 < share <= 1.0:
        raise BadRequest(f"`{text[:50]}` is no share of calls.", hint="Write it as `5%`, or as `0.05`.")
    return share


def _list_faults() -> None:
    from freehold.cli.output import Column, Listing  # noqa: PLC0415
    from freehold.rollout.drills.faults import FAULTS  # noqa: PLC0415

    Listing([Column("FAULT"), Column("WHAT HAPPENS")]).write([(one.name, one.title) for one in FAULTS])


def _dollars(text: str) -> Decimal | None:
    if text == "none":
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0:
        raise BadRequest(f"`{text[:50]}` is no budget.", hint="Write dollars, such as `0.50`, or `none`.")
    return amount


def _telling() -> Callable[[str, int, int], None]:
    """A line for each fault as it ends; at a terminal, one that counts."""

    def tell(title: str, done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(
                f"\r\x1b[K{title}: {done} of {counted(of, 'call')}" + ("\n" if done == of else "")
            )
            sys.stderr.flush()

    return tell
