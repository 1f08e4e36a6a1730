"""`freehold`: the entrance to every command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from freehold.cli.commands import Commands
from freehold.cli.failure import YOURS, finish, show_misuse

app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Data goes to standard output, everything else to standard error. "
    "Exit 0: fine. Exit 1: no, or something for you to mend. Exit 2: something for us to mend. Exit 3: not enough "
    "evidence to say.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from freehold import __version__  # noqa: PLC0415 - one source for the number

        typer.echo(f"freehold {__version__}")
        raise typer.Exit


@app.callback()
def freehold(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="When something fails, show where in the code it failed.")
    ] = False,
) -> None:
    """Put any model behind one endpoint, keep every call on record, prove that you can leave any provider."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line, without the program's name, and return its exit status."""
    command = typer.main.get_command(app)
    try:
        status = command.main(list(arguments) or ["--help"], prog_name="freehold", standalone_mode=False)
    except typer.Abort:
        status = YOURS
    except typer.TyperException as misuse:
        status = show_misuse(misuse)
    return finish(status if isinstance(status, int) else 0)


def main() -> NoReturn:
    """Run the command line of this process and exit with its status."""
    sys.exit(run(sys.argv[1:]))
