"""`freehold train`: make a model of your own."""

from __future__ import annotations

import typer

from freehold.cli.train_plan import plan

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def train() -> None:
    """Make a model of your own: run a recipe on a dataset."""


app.command(name="plan")(plan)
