"""What calls cost and will cost, and what may be used."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from msgspec import Meta

from freehold.admin.calls import key_names
from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import given
from freehold.admin.selection import CallsQuery, filter_of
from freehold.core.clock import microseconds
from freehold.ledger.shown import ShownSpend, show_spend
from freehold.ledger.spending import By
from freehold.limits.shown import Released, ShownForecast, ShownLimit


class SpendQuery(CallsQuery, frozen=True, forbid_unknown_fields=True):
    """Of which calls, added up for what."""

    by: By = "route"


class SpendList(msgspec.Struct):
    """Sums, the dearest first; days (of UTC) in their order."""

    by: By
    spend: list[ShownSpend]


class ForecastList(msgspec.Struct):
    """This month as a whole, and every limit in money."""

    forecast: list[ShownForecast]


class LimitsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which windows."""

    past: Annotated[bool, Meta(description="Windows that are over, too.")] = False


class LimitList(msgspec.Struct):
    """How the limits stand."""

    limits: list[ShownLimit]


class ReleaseWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be released."""

    who: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=300,
                description="Only of this team, user, key, route … Null: of all.",
            ),
        ]
        | None
    ) = None


class ReleasedList(msgspec.Struct):
    """What was released."""

    released: list[Released]


def _spend(office: Office, asked: Asked) -> SpendList:
    query: SpendQuery = asked.query
    chosen = filter_of(query, office.keys.list() if given(query.key) else (), microseconds(time.time()))
    if not office.history.exists:
        return SpendList(query.by, [])
    names = key_names(office.keys) if query.by == "key" else {}
    return SpendList(query.by, [show_spend(one, names) for one in office.history.spend(query.by, chosen)])


def _forecast(office: Office, _asked: Asked) -> ForecastList:
    return ForecastList(office.forecast())


def _limits(office: Office, asked: Asked) -> LimitList:
    return LimitList(office.limits(past=asked.query.past))


def _release(office: Office, asked: Asked) -> ReleasedList:
    return ReleasedList(office.release(asked.path["limit"], asked.body.who, asked.actor))


OPERATIONS = (
    Operation(
        method="GET", path="/spend", least="viewer", act=_spend, answer=SpendList, query=SpendQuery,
        summary="Add up what calls cost",
    ),
    Operation(
        method="GET", path="/spend/forecast", least="viewer", act=_forecast, answer=ForecastList,
        summary="Foresee what this month and every limit in money will come to",
    ),
    Operation(
        method="GET", path="/limits", least="viewer", act=_limits, answer=LimitList, query=LimitsQuery,
        summary="Show how the limits stand",
    ),
    Operation(
        method="POST", path="/limits/{limit}/release", least="operator", act=_release, answer=ReleasedList,
        body=ReleaseWanted, summary="Release what expired",
    ),
)  # fmt: skip
