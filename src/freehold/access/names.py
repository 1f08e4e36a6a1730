"""What keys may be called."""

from __future__ import annotations

import re
from collections.abc import Collection

from freehold.core.errors import BadRequest

LONGEST = 64
COMMAND_LINE = "command line"
"""What keys are called that `freehold ask` makes for itself."""
_LIKE_A_KEY = re.compile(r"fha?-[\w-]{20,}")


def checked(name: str) -> str:
    """The name without spaces around it. Raises BadRequest when it is no name, or holds a key."""
    name = name.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise BadRequest(
            f"A key's name has 1 to {LONGEST} printable characters.",
            hint="Name who holds it: `laptop`.",
            param="name",
        )
    if _LIKE_A_KEY.search(name):
        raise BadRequest(
            "This name holds a key; names are shown to everybody.", hint="Name who holds it.", param="name"
        )
    return name


def checked_group(name: str | None, what: str) -> str | None:
    """The name of a team or user, without spaces around it. Raises BadRequest as `checked` does."""
    if name is None:
        return None
    name = name.strip()
    if not name or len(name) > LONGEST or not name.isprintable() or _LIKE_A_KEY.search(name):
        raise BadRequest(f"A {what}'s name has 1 to {LONGEST} printable characters.", param=what)
    return name


def numbered(name: str, taken: Collection[str]) -> str:
    """`name` itself when it is free, else with the first free number behind it: `up 2`."""
    if name not in taken:
        return name
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"


def is_numbered(name: str, stem: str) -> bool:
    """Whether `numbered(stem, …)` can have given `name`."""
    return name == stem or (name.startswith(f"{stem} ") and name[len(stem) + 1 :].isdecimal())


def is_held(name: str, expires_us: int | None) -> bool:
    """Whether somebody holds the key of this name: those that `freehold ask` made for an hour, nobody does."""
    return expires_us is None or not is_numbered(name, COMMAND_LINE)
