"""Which calls a command is about: the options that `calls` and `spend` share, and what they mean."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from freehold.cli.completion import key_names, route_names
from freehold.cli.times import parse_moment
from freehold.core.clock import microseconds
from freehold.core.errors import NotFound, StoreError

if TYPE_CHECKING:
    from freehold.access.key import Key
    from freehold.config.settings import Settings
    from freehold.ledger.filters import Filter

OutcomeName = Literal["answered", "refused", "failed", "cut", "cancelled"]

OfRoute = Annotated[
    str | None,
    typer.Option("--route", metavar="ROUTE", help="Calls of this route.", autocompletion=route_names),
]
OfModel = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODEL", help="Calls that ended at this model: `provider/name` or its name."
    ),
]
OfProvider = Annotated[
    str | None, typer.Option("--provider", metavar="NAME", help="Calls that ended at this provider.")
]
OfKey = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="KEY", help="Calls with this key: its name or id.", autocompletion=key_names
    ),
]
OfOutcome = Annotated[OutcomeName | None, typer.Option("--outcome", help="What became of them.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="From then on: `2h` ago, `today`, `2026-01-31`, `2026-01-31T10:00`."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Before then; written like --since.")
]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What was written on the command line."""

    route: str | None = None
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    outcome: str | None = None
    since: str | None = None
    until: str | None = None
    utc: bool = False

    def filter(self, keys: list[Key]) -> Filter:
        """The calls meant, for the ledger. Raises BadRequest and NotFound."""
        from freehold.ledger.filters import Filter  # noqa: PLC0415 - imported when the command runs

        now_us = microseconds(time.time())
        return Filter(
            route=self.route,
            model=self.model,
            provider=self.provider,
            key_id=self.key if self.key is None else _key_id(self.key, keys, now_us),
            outcome=self.outcome,
            since_us=None if self.since is None else parse_moment(self.since, now_us, utc=self.utc),
            until_us=None if self.until is None else parse_moment(self.until, now_us, utc=self.utc),
        )


def known_keys(settings: Settings) -> list[Key]:
    """The keys, whose names calls are shown with. Without them, calls are shown with the keys' ids."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    if not freehold.has_keys(settings):
        return []  # looking makes no files
    with suppress(StoreError), closing(freehold.keys_of(settings)) as keys:
        return keys.list()
    return []


def _key_id(which: str, keys: list[Key], now_us: int) -> str:
    from freehold.access.choice import choose  # noqa: PLC0415 - imported when the command runs

    try:
        return choose(which, keys, now_us).id
    except NotFound:
        if which.startswith("key_"):
            return which  # forgotten since, while its calls are still on record
        raise
