"""Query parameters that several operations share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

Word = Annotated[str, Meta(min_length=1, max_length=300)]
Limit = Annotated[int, Meta(ge=1, le=1000, description="At most so many.")]
After = Annotated[
    str, Meta(min_length=1, max_length=100, description="Go on behind this: the `next` of a page.")
]


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a list."""

    limit: Limit = 50
    after: After | UnsetType = UNSET


def given(value: str | UnsetType) -> str | None:
    """The value of a parameter, if it was given."""
    return None if isinstance(value, UnsetType) else value
