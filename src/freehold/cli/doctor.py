"""`freehold doctor`: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from freehold.cli.options import AsJson, Config
from freehold.cli.output import fold, in_colour, plain, say, terminal_width, write, write_json
from freehold.core.errors import SettingsError

if TYPE_CHECKING:
    from freehold.cli.examinations.finding import Finding

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_WIDE = 80
"""Columns below which what was found stands below what was looked at, and not beside it."""
_COLOURS = {"good": typer.colors.GREEN, "notice": typer.colors.YELLOW, "broken": typer.colors.RED}


@app.command()
def doctor(config: Config = None, as_json: AsJson = False) -> None:
    """Examine this installation and say how to mend what is broken.

    Looks at the machine, the packages, the configuration, the data folder, the databases and the address.
    Changes nothing. Exit status 1 when something is broken.
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
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.endpoint import local_url  # noqa: PLC0415
    from freehold.cli.examinations.databases import examine_databases  # noqa: PLC0415
    from freehold.cli.examinations.embedded import examine_embedded_models  # noqa: PLC0415
    from freehold.cli.examinations.finding import broken, good, notice  # noqa: PLC0415
    from freehold.cli.examinations.folder import examine_folder  # noqa: PLC0415
    from freehold.cli.examinations.machine import examine_machine  # noqa: PLC0415
    from freehold.cli.examinations.network import examine_network  # noqa: PLC0415

    yield from examine_machine()
    try:
        settings = freehold.settings_from(config)
    except SettingsError as error:
        place = f"{error.where}: " if error.where else ""
        yield broken(
            "configuration", place + error.message, error.hint or "`freehold check` shows all of it."
        )
        return
    yield good(
        "configuration", str(settings.path) if settings.path else "no freehold.toml: the defaults hold"
    )
    for warning in settings.warnings:
        yield notice(
            "configuration",
            f"{warning.where}: {warning.message}",
            warning.hint or "`freehold check` says more.",
        )
    if settings.local.enabled:
        named = frozenset(target.name for route in settings.routes.values() for target in route.plan)
        yield from examine_embedded_models(named)
    yield from examine_folder(settings.data)
    yield from examine_databases(settings)
    server = settings.server
    if server.port:
        yield from examine_network(server.host, server.port, local_url(server.host, server.port))
