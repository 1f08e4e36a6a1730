"""Rollouts: routes on their way from one model to another."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import PageQuery, given, named, no_such_page
from freehold.core.errors import NotFound
from freehold.rollout.shown import ShownRollout, WholeRollout, show_rollout
from freehold.rollout.wanted import RolloutWanted


class RolloutList(msgspec.Struct):
    """A page of rollouts, newest first."""

    rollouts: list[ShownRollout]
    next: str | None


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which stage is to be left for the next one."""

    at: Annotated[
        str,
        Meta(
            min_length=1, max_length=20, description="The one that it is at, as in the plan: `shadow`, `5%`."
        ),
    ] = msgspec.field(name="from")


def _list(office: Office, asked: Asked) -> RolloutList:
    query: PageQuery = asked.query
    after = given(query.after)
    try:
        last = None if after is None else office.rollouts.find(named(after, "rollout"))
    except NotFound:
        raise no_such_page(str(after)) from None
    found = office.rollouts.newest(query.limit, behind=last)
    following = found[-1].id if len(found) == query.limit else None
    return RolloutList([show_rollout(one) for one in found], following)


def _start(office: Office, asked: Asked) -> ShownRollout:
    wanted: RolloutWanted = asked.body
    terms = office.rollout_terms(wanted)
    return show_rollout(office.rollout_acts.start(wanted.route, terms, by=asked.actor))


def _show(office: Office, asked: Asked) -> WholeRollout:
    return office.rollout(_which(asked))


def _pause(office: Office, asked: Asked) -> ShownRollout:
    return show_rollout(office.rollout_acts.pause(_which(asked), by=asked.actor))


def _resume(office: Office, asked: Asked) -> ShownRollout:
    return show_rollout(office.rollout_acts.resume(_which(asked), by=asked.actor))


def _promote(office: Office, asked: Asked) -> ShownRollout:
    promotion: Promotion = asked.body
    return show_rollout(office.rollout_acts.promote(_which(asked), promotion.at, by=asked.actor))


def _abort(office: Office, asked: Asked) -> ShownRollout:
    return show_rollout(office.rollout_acts.abort(_which(asked), by=asked.actor))


def _which(asked: Asked) -> str:
    return named(asked.path["rollout"], "rollout")


OPERATIONS = (
    Operation(
        method="GET", path="/rollouts", least="viewer", act=_list, answer=RolloutList, query=PageQuery,
        summary="List rollouts, newest first",
    ),
    Operation(
        method="POST", path="/rollouts", least="operator", act=_start, answer=ShownRollout, body=RolloutWanted,
        status=201, summary="Begin to move a route to another model",
    ),
    Operation(
        method="GET", path="/rollouts/{rollout}", least="viewer", act=_show, answer=WholeRollout,
        summary="Show how a rollout stands, what its gates know, and what happened to it",
    ),
    Operation(
        method="POST", path="/rollouts/{rollout}/pause", least="operator", act=_pause, answer=ShownRollout,
        summary="Keep a rollout at its stage; harm still rolls it back",
    ),
    Operation(
        method="POST", path="/rollouts/{rollout}/resume", least="operator", act=_resume, answer=ShownRollout,
        summary="Let a paused rollout go on",
    ),
    Operation(
        method="POST", path="/rollouts/{rollout}/promote", least="operator", act=_promote, answer=ShownRollout,
        body=Promotion, summary="Let a rollout go on to its next stage at once",
    ),
    Operation(
        method="POST", path="/rollouts/{rollout}/abort", least="operator", act=_abort, answer=ShownRollout,
        summary="Give the route back to its incumbent",
    ),
)  # fmt: skip
