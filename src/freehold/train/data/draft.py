"""A line on its way into a dataset: nothing is masked in it yet, and nobody has asked whether it may be used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from freehold.train.data.row import Accepted

if TYPE_CHECKING:
    from freehold.train.data.tally import Tally

UNKNOWN = "unknown"
"""The maker of an answer of which nobody says who wrote it."""

Json = dict[str, Any]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes a `Row`, unless it is left out. Values are JSON that was decoded."""

    id: str
    request: Json
    """The body of an `openai-chat` request without `model` and `stream`."""
    answer: Json
    """The assistant's message."""
    maker: str
    """`provider/name`, `people` or `unknown`."""
    origin: str
    accepted: Accepted = "unchecked"
    group: str | None = None
    """None: the conversation is told by what it begins with."""
    rejected: Json | None = None
    rejected_maker: str = UNKNOWN
    target: Any | UnsetType = UNSET
    task_class: str = ""
    made_on: date | None = None
    """When the answer was written, as the terms of that day hold; None: as they are today."""


class Source(Protocol):
    """Where lines come from."""

    @property
    def name(self) -> str:
        """`route:copilot`, `suite:S`, `file:F`, `synthesised`."""

    def drafts(self, tally: Tally) -> Iterator[Draft]:
        """The lines, one at a time, always in the same order; `tally` is told what was left out, and why.

        Raises BadRequest, NotFound: there is nothing that could be used.
        """
