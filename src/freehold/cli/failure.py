"""What a user sees when a command fails, and the exit status. The one place that maps errors to both."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from freehold.cli.output import plain
from freehold.core.errors import ClientError, FreeholdError, SettingsError, StoreError

YOURS = 1
"""Exit status: something for the user to mend."""
OURS = 2
"""Exit status: something for us to mend."""
READER_GONE = 141
"""Exit status when whoever reads our output stopped reading; what shells report for it."""


def status_of(error: FreeholdError) -> int:
    """Whose mistake it is."""
    if isinstance(error, StoreError):
        from freehold.store.faults import Fault, fault_of  # noqa: PLC0415 - SQLAlchemy is slow to import

        of_the_machine = {Fault.READ_ONLY, Fault.MISSING, Fault.FULL, Fault.LOCKED}
        of_a_server = {Fault.AWAY, Fault.UNMADE, Fault.BUSY, Fault.REFUSED, Fault.FORBIDDEN}
        return YOURS if fault_of(error) in of_the_machine | of_a_server else OURS
    return YOURS if isinstance(error, ClientError | SettingsError) else OURS


def show(message: str, hint: str | None = None) -> None:
    """One error on standard error, with the next step below it."""
    typer.secho("error: ", err=True, fg=typer.colors.RED, bold=True, nl=False, color=_in_colour())
    typer.echo(plain(message), err=True)
    if hint:
        typer.secho(" next: ", err=True, fg=typer.colors.CYAN, bold=True, nl=False, color=_in_colour())
        typer.echo(plain(hint), err=True)


def show_misuse(misuse: typer.TyperException) -> int:
    """A command line that cannot be understood. Returns the exit status."""
    context = getattr(misuse, "ctx", None)
    if type(misuse).__name__ == "NoArgsIsHelpError":
        typer.echo(misuse.message, err=True)
        return YOURS
    message = misuse.format_message()
    for theirs, ours in _KINDS.items():
        message = message.replace(theirs, ours)
    show(message, f"`{context.command_path} --help` shows how." if context else None)
    return YOURS


_KINDS = {
    "is not a valid float range": "is not a number",
    "is not a valid int range": "is not a whole number",
    "is not a valid float": "is not a number",
    "is not a valid integer": "is not a whole number",
}
"""What a value should have been, in ordinary words."""


def finish(status: int) -> int:
    """Hand the last of the data to whoever reads it. Returns the exit status."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _abandon_output()
        if isinstance(error, BrokenPipeError):
            return READER_GONE
        if status == 0:
            show(f"Standard output could not be written: {error.strerror}.")
            return OURS
    return status


@contextmanager
def guarded(*, debug: bool) -> Iterator[None]:
    """Turn whatever a command raises into a message and an exit status. No traceback unless `debug`."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.TyperException):
        raise
    except BrokenPipeError:
        _abandon_output()
        raise typer.Exit(READER_GONE) from None
    except Exception as raised:  # noqa: BLE001 - the last place before the user; a traceback helps nobody there
        error = _only(raised)
        _trace(debug)
        if isinstance(error, FreeholdError):
            where = f"{error.where}: " if isinstance(error, SettingsError) and error.where else ""
            show(where + error.message, error.hint)
            raise typer.Exit(status_of(error)) from None
        show(
            f"Freehold failed, and that is our mistake: {type(error).__name__}: {error}",
            "Please report it, with what `freehold --debug …` and the same words show.",
        )
        raise typer.Exit(OURS) from None


def _only(error: Exception) -> Exception:
    """The one error that a group of tasks ended with."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _abandon_output() -> None:
    """Nobody reads any more: let the interpreter close standard output without complaint."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _trace(debug: bool) -> None:
    if debug:
        import traceback  # noqa: PLC0415 - only when asked for

        traceback.print_exc()


def _in_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
