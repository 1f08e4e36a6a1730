"""Suites as people and programs see them on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.cli.output import fold, say
from freehold.core.figures import counted

if TYPE_CHECKING:
    from freehold.compare.case import Suite


def tell(made: Suite, *, new: bool) -> None:
    """Say what came of making a suite."""
    cases = counted(made.cases, "case")
    if not new:
        say(f"`{made.name}` has this content already ({made.id}, {cases}): no other suite was made.")
        return
    say(
        f"`{made.name}` ({made.id}) has {cases}, judged by {name_scorers(made)}. Its hash is {made.hash[:12]}…."
    )
    for note in made.source.notes:
        say(fold(f"- {note}", indent=2))


def show_suite(one: Suite) -> dict[str, Any]:
    """A suite for programs, without its cases."""
    from freehold.compare import shown  # noqa: PLC0415 - imported when the command runs

    return msgspec.structs.asdict(shown.show_suite(one))


def shortened(digests: Sequence[str], *, least: int) -> list[str]:
    """Beginnings that tell the digests apart, all of one length, as Git shows commits; the same where two are."""
    different = set(digests)
    length = least
    while len({one[:length] for one in different}) < len(different):
        length += 1
    return [one[:length] for one in digests]


def name_scorers(one: Suite) -> str:
    """Its scorers as they are written on the command line."""
    from freehold.compare.suites.scorer_text import write_scorer  # noqa: PLC0415 - imported when the command runs

    return " + ".join(map(write_scorer, one.scorers)) or "nothing"


def by_size(classes: dict[str, int]) -> list[tuple[str, int]]:
    """Classes with the most cases first."""
    return sorted(classes.items(), key=lambda one: (-one[1], one[0]))
