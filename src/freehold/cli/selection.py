"""Which calls a command is about: the options that `calls` and `spend` share, and what they mean."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from freehold.cli.completion import key_names, route_names
from freehold.core.clock import microseconds
from freehold.core.errors import StoreError

if TYPE_CHECKING:
    from freehold.access.key import Key
    from freehold.config.settings import Settings
    from freehold.ledger.filters import Filter

OutcomeName = Literal["answered", "refused", "failed", "cut", "cancelled"]

OperationName = Literal["chat", "embeddings", "count", "mirror"]

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
OfOperation = Annotated[
    OperationName | None,
    typer.Option(
        "--operation",
        help="Calls that asked for this; `mirror`: copies of calls that were sent to models on trial.",
    ),
]
OfPolicy = Annotated[
    str | None, typer.Option("--policy", metavar="NAME", help="Calls that this policy decided on.")
]
OfRollout = Annotated[
    str | None, typer.Option("--rollout", metavar="ROLLOUT", help="Calls decided on as part of this rollout.")
]
OfArm = Annotated[
    Literal["incumbent", "candidate"] | None,
    typer.Option("--arm", help="Of rollouts, calls that were given to this side."),
]
MirrorsOf = Annotated[
    str | None, typer.Option("--mirrors-of", metavar="CALL", help="Copies of this call, by its whole id.")
]
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
    operation: str | None = None
    policy: str | None = None
    rollout: str | None = None
    arm: str | None = None
    mirrors_of: str | None = None
    since: str | None = None
    until: str | None = None
    utc: bool = False

    def filter(self, keys: list[Key]) -> Filter:
        """The calls meant, for the ledger. Raises BadRequest and NotFound."""
        from freehold.admin.selection import CallsQuery, filter_of  # noqa: PLC0415 - imported when the command runs

        said = msgspec.structs.asdict(self)
        utc = said.pop("utc")
        query = CallsQuery(**{name: value for name, value in said.items() if value is not None})
        return filter_of(query, keys, microseconds(time.time()), utc=utc)


def known_keys(settings: Settings) -> list[Key]:
    """The keys, whose names calls are shown with. Without them, calls are shown with the keys' ids."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    if not freehold.has_keys(settings):
        return []  # looking makes no files
    with suppress(StoreError), closing(freehold.keys_of(settings)) as keys:
        return keys.list()
    return []
