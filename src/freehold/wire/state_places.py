"""Where the answers of a dialect have reasoning state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from freehold.core.fields import Fields

EACH = "*"
"""Every element of a list."""

Kind = Literal["signature", "encrypted", "redacted"]
"""As of a State."""


class StatePlaces(NamedTuple):
    """Where the answers of a dialect, whole and streamed, have state."""

    marks: tuple[bytes, ...]
    """Words of which every answer and every event with state has one."""
    paths: tuple[tuple[str, ...], ...]
    """Names of the fields that lead to the objects which may hold some; EACH goes through a list."""
    fields_of: Callable[[Fields], tuple[tuple[str, Kind], ...]]
    """Which fields of such an object are state."""
    of_model: bool = False
    """Some of it can be read by no other model of the same account."""


NOWHERE = StatePlaces((), (), lambda _: ())
"""Of dialects that no client speaks."""
