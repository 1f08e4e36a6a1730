"""How independent of each provider the calls are."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import Word, given
from freehold.admin.selection import When
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest, NotFound
from freehold.core.moments import parse_moment
from freehold.rollout.independence.report import Independence

DAYS = "30d"
"""Over which calls are looked at unless it is said otherwise."""


class IndependenceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which calls."""

    since: Annotated[When, Meta(description="Calls from then on.")] = DAYS
    route: Annotated[Word, Meta(description="Of this route alone.")] | UnsetType = UNSET


def _show(office: Office, asked: Asked) -> Independence:
    query: IndependenceQuery = asked.query
    since_us = parse_moment(query.since, microseconds(time.time()), utc=True)
    try:
        return office.independence(since_us, given(query.route))
    except NotFound as error:  # it is a parameter, and not what stands in the path
        raise BadRequest(error.message, hint=error.hint, param="route") from None


OPERATIONS = (
    Operation(
        method="GET", path="/independence", least="viewer", act=_show, answer=Independence, query=IndependenceQuery,
        summary="Say how much of the calls would go on if a provider vanished, at least",
    ),
)  # fmt: skip
