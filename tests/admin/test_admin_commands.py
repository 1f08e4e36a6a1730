"""Everything that the command line can do has an operation, or a reason why not; and the page says so."""

from __future__ import annotations

from pathlib import Path

from typer.core import TyperCommand, TyperGroup

from freehold.admin.operations import OPERATIONS
from freehold.admin.reference import COMMANDS, reference
from freehold.cli.commands import SUMMARIES, load

PAGE = Path(__file__).parents[2] / "docs/admin-api.md"
NAMES = {one.name for one in OPERATIONS}


def _commands() -> set[str]:
    found = set()
    for name in SUMMARIES:
        command = load(name)
        if not isinstance(command, TyperGroup):
            found.add(name)
            continue
        if command.invoke_without_command:
            found.add(name)
        found |= {f"{name} {below}" for below in command.commands}
    return found


def _loaded(name: str) -> TyperCommand | TyperGroup:
    group, _, below = name.partition(" ")
    command = load(group)
    if not below:
        return command
    assert isinstance(command, TyperGroup)
    found = command.commands[below]
    assert isinstance(found, TyperCommand)
    return found


def test_every_command_has_an_operation_or_a_reason() -> None:
    assert {command for command in COMMANDS if " --" not in command} == _commands()
    for command, done_by in COMMANDS.items():
        if isinstance(done_by, tuple):
            assert done_by, command
            assert set(done_by) <= NAMES, command
        else:
            assert len(done_by.split()) > 5, f"{command}: that is no reason"
        assert command.split(" --")[0] in _commands()


def test_options_that_are_matters_of_their_own_are_options() -> None:
    for command in COMMANDS:
        name, dashes, option = command.partition(" --")
        if dashes:
            words = [option for parameter in _loaded(name).params for option in parameter.opts]
            assert f"--{option}" in words, command


def test_the_page_is_made_from_the_declarations() -> None:
    assert PAGE.read_text() == reference(), "run: python -m freehold.admin.reference > docs/admin-api.md"
