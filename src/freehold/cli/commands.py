"""Which commands there are. A command's module is imported when the command runs, not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from freehold.cli.failure import guarded

SUMMARIES = {
    "up": "Start the endpoint and keep it running until Ctrl-C.",
    "check": "Validate the configuration and say what it would do.",
    "ask": "Ask a model one question and stream its answer.",
    "models": "List the models that can be called.",
    "routes": "List the routes: the models behind each name and their prices.",
    "route": "Explain which model a call was given to, and why.",
    "keys": "Create, list and revoke keys.",
    "admin-keys": "Create, list and revoke keys of administrators.",
    "calls": "List, follow, show and export the calls on record.",
    "spend": "Add up what the calls cost, and foresee it.",
    "limits": "Show the limits and how they stand.",
    "suite": "Make, list and export suites: the cases that models are compared on.",
    "dataset": "Make, list and export datasets: what models are trained on.",
    "audit": "List, verify and export the log of administrative acts.",
    "compare": "Find out whether a model may replace the one that a route has.",
    "judge": "Measure judges against what people say.",
    "rollout": "Move a route to another model in stages, and back where that does harm.",
    "router": "Learn which model is good enough for a question, and certify it.",
    "drill": "Rehearse the loss of a provider, and say what would survive it.",
    "independence": "Say how much would go on if a provider vanished.",
    "migrate": "Say what moving a route to another provider would break, cost and take.",
    "train": "Make a model of your own: run a recipe on a dataset.",
    "export": "Make a file of a trained model, and prove that it is as good.",
    "own": "Go from a route's calls to a model of your own that answers it, gate by gate.",
    "doctor": "Examine this installation and say how to mend what is broken.",
}
"""Every command with its line in `freehold --help`; the module `freehold.cli.NAME` holds it, with `_` for `-`."""


def load(name: str) -> TyperCommand | TyperGroup:
    """The command called `name`, imported."""
    command = typer.main.get_command(import_module(f"freehold.cli.{name.replace('-', '_')}").app)
    assert isinstance(command, TyperCommand | TyperGroup)
    command.name = name
    return command


class Commands(TyperGroup):
    """All commands. `--help` and completion of names need the summaries only, and import no command."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, summary in SUMMARIES.items():
            self.commands[name] = TyperCommand(name, short_help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real command in place of its summary."""
        name, summary, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in SUMMARIES else summary, rest

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the words up to the command's; `--help` is printed here."""
        with guarded(debug=False):
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; errors become a message and an exit status."""
        with guarded(debug=bool(ctx.params.get("debug"))):
            return super().invoke(ctx)
