"""Which calls are meant: what `freehold calls` and the admin API understand alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.access.choice import choose
from freehold.access.key import Key
from freehold.admin.pages import After, Limit, Word, given
from freehold.core.decision import Arm
from freehold.core.errors import NotFound
from freehold.core.moments import parse_moment
from freehold.ledger.filters import Filter
from freehold.ledger.record import Operation, Outcome

When = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        description="ISO 8601 (`2026-01-31T10:00Z`; without a zone, UTC), `today`, or how long ago: `2h`, `30d`.",
    ),
]


class CallsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls: those that agree with everything given."""

    route: Word | UnsetType = UNSET
    model: Annotated[Word, Meta(description="`provider/name` or its name.")] | UnsetType = UNSET
    provider: Word | UnsetType = UNSET
    key: Annotated[Word, Meta(description="Its id or its name.")] | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    operation: Operation | UnsetType = UNSET
    error: Word | UnsetType = UNSET
    policy: Annotated[Word, Meta(description="The policy that decided.")] | UnsetType = UNSET
    rollout: Annotated[Word, Meta(description="Of whose decisions they are part.")] | UnsetType = UNSET
    arm: Annotated[Arm, Meta(description="The side of a rollout.")] | UnsetType = UNSET
    mirrors_of: Annotated[Word, Meta(description="Copies of the call with this id.")] | UnsetType = UNSET
    since: Annotated[When, Meta(description="From then on.")] | UnsetType = UNSET
    until: Annotated[When, Meta(description="Before then; written like `since`.")] | UnsetType = UNSET


class CallsPage(CallsQuery, frozen=True, forbid_unknown_fields=True):
    """A page of those calls."""

    limit: Limit = 50
    after: After | UnsetType = UNSET


def filter_of(query: CallsQuery, keys: Sequence[Key], now_us: int, *, utc: bool = True) -> Filter:
    """The calls meant, for the ledger. Raises BadRequest and NotFound."""
    key, since, until = given(query.key), given(query.since), given(query.until)
    return Filter(
        route=given(query.route),
        model=given(query.model),
        provider=given(query.provider),
        key_id=None if key is None else _key_id(key, keys, now_us),
        outcome=given(query.outcome),
        operation=given(query.operation),
        error=given(query.error),
        policy=given(query.policy),
        rollout=given(query.rollout),
        arm=given(query.arm),
        mirrors_of=given(query.mirrors_of),
        since_us=None if since is None else parse_moment(since, now_us, utc=utc),
        until_us=None if until is None else parse_moment(until, now_us, utc=utc),
    )


def _key_id(which: str, keys: Sequence[Key], now_us: int) -> str:
    try:
        return choose(which, keys, now_us).id
    except NotFound:
        if which.startswith(("key_", "comparison_", "rollout_")):
            return which  # forgotten since, while its calls are still on record
        raise
