"""`freehold doctor`: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from freehold.cli.options import AsJson, Config
from freehold.cli.output import fold, in_colour, plain, say, terminal_width, write, write_json
from freehold.cli.waiting import waiting

if TYPE_CHECKING:
    from freehold.examinations.finding import Finding

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_WIDE = 80
"""Columns below which what was found stands below what was looked at, and not beside it."""
_COLOURS = {"good": typer.colors.GREEN, "notice": typer.colors.YELLOW, "broken": typer.colors.RED}


@app.command()
def doctor(config: Config = None, as_json: AsJson = False) -> None:
    """Examine this installation and say how to mend what is broken.

    Looks at the machine, the packages, the configuration, the data folder, the databases, the server of the limits,
    the collector and the address. Changes nothing. Exit status 1 when something is broken.
    """
    states = []
    for finding in _examine(config):
        states.append(finding.state)
        if as_json:
            write_json(finding)
            sys.stdout.flush()
        else:
            _show(finding)
    broken, notices = states.count("broken"), states.count("notice")
    if not as_json:
        say(f"{len(states)} examined: {broken} broken, {notices} to look at.")
    if broken:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    state = f"{finding.state:<7}"
    found = plain(finding.found)
    if terminal_width() >= _WIDE:
        indent = 27
        lines = [fold(f"{state} {finding.subject:<18} {found}", indent=indent)]
    else:
        indent = 4
        lines = [f"{state} {finding.subject}", fold(f"    {found}", indent=indent)]
    if finding.next:
        lines.append(fold(f"{'':<{indent}}-> {plain(finding.next)}", indent=indent + 3))
    text = "\n".join(lines)
    if in_colour():
        styled = typer.style(state, fg=_COLOURS[finding.state], bold=finding.state != "good")
        text = styled + text.removeprefix(state)
    write(text + "\n")


def _examine(config: Config) -> Iterator[Finding]:
    """Each finding as it is made; a sign of work where one takes long."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.examinations.installation import examine  # noqa: PLC0415

    findings = examine(lambda: freehold.settings_from(config))
    while True:
        with waiting("Examining"):
            finding = next(findings, None)
        if finding is None:
            return
        yield finding
