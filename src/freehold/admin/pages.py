"""Query parameters, and what they say, that several operations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.core.errors import BadRequest, NotFound

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


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Listed = TypeVar("Listed", bound=_HasId)


def page_of(found: Sequence[Listed], after: str | None, limit: int) -> tuple[Sequence[Listed], str | None]:
    """Those behind the one with the id `after`, and behind what to go on. Raises BadRequest: there is no such one."""
    begin = 0
    if after is not None:
        begin = 1 + next((at for at, one in enumerate(found) if one.id == after), len(found))
        if begin > len(found):
            raise no_such_page(after)
    page = found[begin : begin + limit]
    return page, page[-1].id if begin + limit < len(found) else None


def no_such_page(after: str) -> BadRequest:
    """For raising: there is nothing with this id."""
    return BadRequest(
        f"There is no `{after}` to go on behind.", hint="Begin again without `after`.", param="after"
    )


def named(text: str, kind: str) -> str:
    """A name or id as it may be looked for. Raises NotFound: nothing can have it."""
    if not text.isprintable():
        raise NotFound(f"No {kind} has a name with characters that cannot be seen.")
    return text
