"""A limit, as it was configured."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from freehold.limits.subject import Subject, Target
from freehold.limits.windows import Window

Measure = Literal["money", "tokens", "input_tokens", "output_tokens", "requests", "concurrency"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
On = Literal["organisation", "team", "user", "key", "route", "model", "provider"]

EVERYBODY = "*"
"""Who the limit of the organisation is on."""


class Limit(msgspec.Struct, frozen=True):
    """What may be used, on whom, over which time."""

    name: str
    on: On
    bounds: tuple[tuple[Measure, int], ...]
    """Money in billionths of a US dollar. What is unlimited has no bound here."""
    window: Window | None = None
    """None where only concurrency is bound."""
    only: frozenset[str] = frozenset()
    """Whom of them it is on; empty: each of them, for itself."""
    allow_unpriced: bool = False
    """Whether models without a known price may be called; their money is not counted then."""
    output_when_unsaid: int = 32_768
    """Tokens of output that are reckoned with where neither the request nor the catalog bounds it."""

    def who(self, subject: Subject, target: Target) -> str | None:
        """Whom of those it is on a call counts for; None when it is not on it."""
        found: str | None
        match self.on:
            case "organisation":
                return EVERYBODY
            case "team":
                found = subject.team
            case "user":
                found = subject.user
            case "key":
                found = subject.key_id
                if self.only and subject.key_name in self.only:
                    return found
            case "route":
                found = subject.route
            case "model":
                found = f"{target.provider}/{target.model}"
            case "provider":
                found = target.provider
        return None if found is None or (self.only and found not in self.only) else found

    @property
    def of_target(self) -> bool:
        """Whether it looks at what is asked and not at who asks."""
        return self.on in ("model", "provider")
