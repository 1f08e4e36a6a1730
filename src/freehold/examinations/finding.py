"""One thing that was looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["good", "notice", "broken"]
"""
good    as it should be
notice  works, but could be better or will not for long
broken  Freehold cannot do its work until this is mended
"""


class Finding(msgspec.Struct, frozen=True, omit_defaults=False):
    """What was found, and the next step where one is needed."""

    subject: str
    state: State
    found: str
    next: str | None = None


def good(subject: str, found: str) -> Finding:
    """As it should be."""
    return Finding(subject, "good", found)


def notice(subject: str, found: str, next_step: str) -> Finding:
    """Works, but there is something to do."""
    return Finding(subject, "notice", found, next_step)


def broken(subject: str, found: str, next_step: str | None) -> Finding:
    """Has to be mended."""
    return Finding(subject, "broken", found, next_step)
