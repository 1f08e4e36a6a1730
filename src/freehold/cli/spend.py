"""`freehold spend`: what the calls cost."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.selection import (
    OfArm,
    OfKey,
    OfModel,
    OfOperation,
    OfOutcome,
    OfPolicy,
    OfProvider,
    OfRollout,
    OfRoute,
    Selection,
    Since,
    Until,
    known_keys,
)
from freehold.core.errors import BadRequest
from freehold.core.figures import count, counted, money

if TYPE_CHECKING:
    from freehold.ledger.filters import Filter
    from freehold.ledger.reading import LedgerReader
    from freehold.ledger.spending import Spend

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EXACT = Context(prec=60)


@app.command()
def spend(
    *,
    by: Annotated[
        Literal["route", "model", "provider", "key", "day"], typer.Option("--by", help="What to add up for.")
    ] = "route",
    since: Since = None,
    until: Until = None,
    route: OfRoute = None,
    model: OfModel = None,
    provider: OfProvider = None,
    key: OfKey = None,
    outcome: OfOutcome = None,
    operation: OfOperation = None,
    policy: OfPolicy = None,
    rollout: OfRollout = None,
    arm: OfArm = None,
    forecast: Annotated[
        bool,
        typer.Option(
            "--forecast", help="What this month, and every limit in money, will have come to at its end."
        ),
    ] = False,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Add up what the calls cost, and foresee it.

    Sums are exact. A call whose cost is unknown is counted under UNKNOWN and is in no sum: it is not free.
    Days are days of UTC. Copies of calls that were sent to models on trial (mirrors) are in no sum, unless
    `--operation mirror` asks for them; what they came to is told beside.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    if forecast:
        if by != "route" or any(
            (since, until, route, model, provider, key, outcome, operation, policy, rollout, arm)
        ):
            raise BadRequest(
                "`--forecast` is about this month and every limit in money, and takes no choice of calls.",
                hint="`freehold spend --forecast` alone; limits on keys, teams or users are foreseen one by one.",
            )
        from freehold.cli.forecast import show_forecast  # noqa: PLC0415 - imported when it is wanted

        show_forecast(freehold.settings_from(config), utc=utc, as_json=as_json)
        return
    settings = freehold.settings_from(config)
    keys = known_keys(settings)
    selection = Selection(
        route=route,
        model=model,
        provider=provider,
        key=key,
        outcome=outcome,
        operation=operation,
        policy=policy,
        rollout=rollout,
        arm=arm,
        since=since,
        until=until,
        utc=utc,
    )
    chosen = selection.filter(keys)
    history = freehold.history_of(settings)
    found = history.spend(by, chosen) if history.exists else []
    key_names = {one.id: one.name for one in keys} if by == "key" else {}
    if as_json:
        for one in found:
            write_json(_as_json(by, one, key_names))
        return
    if not found:
        say("No such call is on record." if history.exists else "No call is on record yet.")
        _tell_of_mirrors(history, chosen)
        return
    listing = Listing(
        [
            Column(by.upper(), width=48),
            Column("CALLS", right=True),
            Column("COST", right=True),
            Column("UNKNOWN", right=True),
            Column("READ", right=True, rank=6),
            Column("WRITTEN", right=True, rank=7),
            Column("UNCOUNTED", right=True, rank=9),
        ]
    )
    listing.write([*(_row(key_names.get(one.name or "", one.name), one) for one in found), _total(found)])
    _tell_of_mirrors(history, chosen)


def _tell_of_mirrors(history: LedgerReader, chosen: Filter) -> None:
    """A line for what copies of such calls came to, where there are any beside."""
    if chosen.operation is not None or not history.exists:
        return
    for one in history.sums((), msgspec.structs.replace(chosen, operation="mirror")):
        cost = "an unknown sum" if one.cost is None else money(one.cost)
        unpriced = f", {counted(one.unpriced, 'call')} at unknown cost" if one.unpriced and one.cost else ""
        mirrors = counted(one.calls, "mirror")
        say(f"Beside these: {mirrors}, sent to models on trial, for {cost}{unpriced} (`--operation mirror`).")


def _row(name: str | None, one: Spend) -> tuple[str, ...]:
    return (
        name or "(none)",
        count(one.calls),
        money(one.cost),
        count(one.unpriced) if one.unpriced else "",
        count(one.input_tokens),
        count(one.output_tokens),
        count(one.uncounted) if one.uncounted else "",
    )


def _total(found: list[Spend]) -> tuple[str, ...]:
    known = [one.cost for one in found if one.cost is not None]
    amount = Decimal(0)
    for cost in known:
        amount = _EXACT.add(amount, cost)
    unpriced, uncounted = sum(one.unpriced for one in found), sum(one.uncounted for one in found)
    return (
        "total",
        count(sum(one.calls for one in found)),
        money(amount if known else None),
        count(unpriced) if unpriced else "",
        count(sum(one.input_tokens for one in found)),
        count(sum(one.output_tokens for one in found)),
        count(uncounted) if uncounted else "",
    )


def _as_json(by: str, one: Spend, key_names: dict[str, str]) -> dict[str, object]:
    from freehold.ledger.shown import show_spend  # noqa: PLC0415 - imported when the command runs

    said = msgspec.structs.asdict(show_spend(one, key_names))
    value: dict[str, object] = {by: said.pop("name")}
    key_name = said.pop("key_name")
    return {**value, "key_name": key_name, **said} if by == "key" else value | said
