"""`freehold models`: what can be called by its own name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.models_terms import show_terms
from freehold.cli.options import AsJson, Config
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.pricing import show_rates
from freehold.core.clock import microseconds
from freehold.core.figures import count

if TYPE_CHECKING:
    from freehold.catalog.models import Model

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, config: Config = None, as_json: AsJson = False) -> None:
    """List the models that can be called.

    Those are the models that the configuration names; any other model of a configured provider can be
    called as `provider/name` all the same. Prices are US dollars per million tokens. HERE tells how the models of this
    machine are, where an endpoint runs at the configured address.
    """
    if context.invoked_subcommand is None:
        _list(config, as_json=as_json)


@app.command()
def terms(
    model: Annotated[
        str | None,
        typer.Argument(help="`provider/name`; without it, all models that are named.", metavar="[MODEL]"),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say whether models may be trained on a model's answers, under which condition, and where that is written.

    It is what was read in services' terms and in licences of weights, by laymen: no legal advice. `unknown` is never
    taken for allowed. A licence that the table does not know can be stated in `[models."provider/name"]`.
    """
    show_terms(model, config, as_json=as_json)


def _list(config: Config, *, as_json: bool) -> None:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.catalog.shown import show_model  # noqa: PLC0415

    settings = freehold.settings_from(config)
    catalog, prices = settings.catalog(), settings.price_list()
    now_us = microseconds(time.time())
    found = [
        (catalog.find(target.provider, target.model), prices.price_of(target.provider, target.model, now_us))
        for target in settings.models()
    ]
    states = freehold.local_states(settings)
    if as_json:
        for model, price in found:
            write_json(show_model(model, price, states.get(model.id)))
        return
    if not found:
        say("No model is named. Add a provider or a route to freehold.toml; `freehold check` helps.")
        return
    listing = Listing(
        [
            Column("MODEL", width=64),
            Column("DOES", width=24, rank=5),
            Column("CONTEXT", right=True, rank=6),
            Column("READ", right=True, rank=3),
            Column("WRITTEN", right=True, rank=3),
            Column("PRICE FROM", width=44, rank=9),
            Column("HERE", width=8, rank=4),
        ]
    )
    listing.write(
        (
            model.id,
            _operations(model) or "?",
            count(model.profile.context_window),
            *show_rates(price),
            states.get(model.id, ""),
        )
        for model, price in found
    )


def _operations(model: Model) -> str:
    return ", ".join(sorted(model.profile.operations or ()))
