"""A group of commands that is a command itself: `freehold compare ROUTE …` beside `freehold compare list`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

DIRECT = "ROUTE"
"""The name under which a group has the command that it is itself: what stands there in its usage."""


class DirectGroup(TyperGroup):
    """Whatever is not the name of one of its commands belongs to the command called `ROUTE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Hand over words that begin with no command's name."""
        asks_for_help = args and args[0] in ctx.help_option_names
        if args and not asks_for_help and args[0] not in self.commands:
            args = [DIRECT, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help of the command that it is itself, and below it the others."""
        direct = self.commands[DIRECT]
        assert isinstance(direct, TyperCommand)
        direct.name = ctx.info_name
        direct.format_usage(ctx, formatter)
        direct.format_help_text(ctx, formatter)
        direct.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)
