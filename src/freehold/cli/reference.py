"""The page `docs/command-line.md`, made from the commands' own help: `python -m freehold.cli.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from freehold.cli.commands import SUMMARIES, load
from freehold.cli.main import app

WIDTH = 100

_HEAD = """\
# The command line

Made from the commands' own help by `python -m freehold.cli.reference > docs/command-line.md`; a test holds the
two together.

- Data goes to standard output, everything else (words, errors, progress) to standard error.
- `--json` gives one JSON object a line. Amounts of money are strings, so that no digit is lost; times are
  ISO 8601 in UTC; what is unknown is `null`.
- Times are shown in local time, with `--utc` in UTC. At a terminal long cells are cut; piped, nothing is.
- Exit status 0: fine. 1: no, or something for you to mend. 2: something for us to mend. 3: not enough evidence to say.
  130: you pressed Ctrl-C.
- An error says what to do next. `freehold --debug …` adds where in the code it happened.
- `freehold --install-completion` teaches your shell the commands, routes and names of keys.
"""


def reference() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    parts = [_HEAD, *_section("freehold", root, 2)]
    for name in SUMMARIES:
        command = load(name)
        parts += _section(f"freehold {name}", command, 2)
        if isinstance(command, TyperGroup):
            for below, one in command.commands.items():
                if one.hidden:
                    continue  # the group is this command itself
                assert isinstance(one, TyperCommand)
                parts += _section(f"freehold {name} {below}", one, 3)
    return "\n".join(parts)


def _section(words: str, command: TyperCommand | TyperGroup, depth: int) -> Iterator[str]:
    context = typer.Context(
        command,
        info_name=words,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"{'#' * depth} `{words}`\n"
    yield f"```text\n{help_text}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
