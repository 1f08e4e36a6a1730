"""Where the answers of a dialect have reasoning state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from freehold.core.fields import Fields

EACH = "*"
"""Every element of a list."""

Kind = Literal["signature", "encrypted", "redacted"]
"""As of a State."""

Tree: TypeAlias = "dict[str, Tree]"
"""Fields, or EACH, and what is below each of them; with nothing below it, an object that may hold state."""


class StatePlaces(NamedTuple):
    """Where the answers of a dialect, whole and streamed, have state."""

    marks: tuple[bytes, ...]
    """Words of which every answer and every event with state has one."""
    tree: Tree
    """The fields that lead to it."""
    fields_of: Callable[[Fields], tuple[tuple[str, Kind], ...]]
    """Which fields of such an object are state."""
    beside_text: bool = False
    """An event that only goes on writing may hold some too."""
    of_model: bool = False
    """Some of it can be read by no other model of the same account."""


NOWHERE = StatePlaces((), {}, lambda _: ())
"""Of dialects that no client speaks."""
