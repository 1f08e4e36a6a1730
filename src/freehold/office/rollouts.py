"""Rollouts for the command line and the admin API: whether one can be started, on which terms, and how one stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

import msgspec

from freehold.access.audit import AuditLog
from freehold.compare.case import ScorerSettings
from freehold.compare.judges.registry import check_neutrality
from freehold.config.settings import Settings
from freehold.core.clock import SystemClock, microseconds
from freehold.core.errors import BadRequest
from freehold.core.moments import parse_span
from freehold.core.suggest import did_you_mean, one_of
from freehold.rollout.acts import Acts
from freehold.rollout.archive import Archive
from freehold.rollout.database import Database
from freehold.rollout.plan import Plan, parse_plan
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.shown import WholeRollout, show_whole
from freehold.rollout.terms import Rollout, Terms, Tolerances
from freehold.rollout.wanted import RolloutWanted
from freehold.routing.routes import Route, Target

_PICO = Decimal("1e12")
_MOST_DOLLARS = Decimal(9_000_000)
_SHARE = "has to be more than 0 % and less than 100 % of the calls"
_MORE = "has to be more than 0 %, and at most 100,000 %"
_BOUNDS = {
    "plan": "has no stage, or more than 1,000 characters",
    "margin": "has to be more than 0 and less than 1",
    "errors": _SHARE,
    "refusals": _SHARE,
    "losses": _SHARE,
    "complaints": _MORE,
    "slower": _MORE,
    "dearer": _MORE,
    "alpha": "has to be 0.0001 to 0.5",
    "settle_calls": "(`--settle`) has to be 1 to 10,000,000 conversations",
}
"""What each number may be, for people: they write shares in percent."""


class OpenedRollouts(msgspec.Struct, frozen=True):
    """Rollouts, and what can be done to them."""

    settings: Settings
    archive: Archive
    acts: Acts


@contextmanager
def open_rollouts(settings: Settings, database: Database, audit: AuditLog) -> Iterator[OpenedRollouts]:
    """The rollouts for a command, closed at its end."""
    archive = Archive(database)
    try:
        yield OpenedRollouts(settings, archive, Acts(archive, audit, SystemClock()))
    finally:
        database.close()
        audit.close()


def wanted_from(said: Mapping[str, object]) -> RolloutWanted:
    """What somebody wants, from words and numbers. Raises BadRequest, which names what is out of its bounds."""
    try:
        return msgspec.convert(said, RolloutWanted)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].rstrip("`")
        bound = _BOUNDS.get(field)
        why = str(error) if bound is None else f"`{field}` {bound}"
        raise BadRequest(f"A rollout cannot be started so: {why}.", param=field or None) from None


def whole_of(archive: Archive, rollout: Rollout) -> WholeRollout:
    """A rollout with what its gates know, and all that happened to it."""
    progress = archive.progress(rollout.id)
    return show_whole(
        rollout,
        archive.transitions(rollout.id),
        findings=None if progress is None else progress.findings,
        looked_us=None if progress is None else progress.at_us,
        not_copied=PairArchive(archive.database).passed_over(rollout.id),
        now_us=microseconds(SystemClock().now()),
    )


def terms_of(settings: Settings, wanted: RolloutWanted, now_us: int) -> Terms:
    """The terms of a rollout. Raises BadRequest: it cannot be started, and why."""
    route = settings.routes.get(wanted.route)
    if route is None:
        raise BadRequest(
            f"No route is called `{wanted.route[:100]}`.",
            hint=did_you_mean(wanted.route, settings.routes) or "`freehold routes` lists them.",
            param="route",
        )
    plan = parse_plan(wanted.plan)
    if not _chats(settings, route.incumbent):
        raise BadRequest(
            f"`{route.name}` answers no chats: `{route.incumbent.name}` does not chat.",
            hint="Only chats can be moved in stages; name another incumbent in freehold.toml.",
            param="route",
        )
    candidate = _model(settings, wanted.to, "to")
    if candidate == route.incumbent:
        raise BadRequest(
            f"`{candidate.name}` is the incumbent of `{route.name}` already.",
            hint="Name another model: `--to provider/model`.",
            param="to",
        )
    if not wanted.unpriced:
        _check_price(settings, candidate, now_us)
    _check_shadow(settings, route, plan, wanted, candidate)
    return Terms(
        incumbent=route.incumbent,
        candidate=candidate,
        plan=plan,
        tolerances=Tolerances(
            quality=wanted.margin,
            errors=wanted.errors,
            refusals=wanted.refusals,
            losses=wanted.losses,
            complaints=wanted.complaints,
            latency=wanted.slower,
            cost=wanted.dearer,
        ),
        alpha=wanted.alpha,
        settle_calls=wanted.settle_calls,
        settle_us=parse_span(wanted.settle_time),
        judge=wanted.judge,
        budget_pico=None if wanted.budget is None else _pico(wanted.budget),
        without_quality=wanted.without_quality,
    )


def _model(settings: Settings, name: str, param: str) -> Target:
    provider, slash, model = name.partition("/")
    if not (slash and provider and model):
        raise BadRequest(f"`{name[:100]}` is no model.", hint="It is written `provider/model`.", param=param)
    if provider not in settings.providers and provider not in settings.pools:
        raise BadRequest(
            f"No provider of the configuration is called `{provider[:100]}`.",
            hint=did_you_mean(provider, [*settings.providers, *settings.pools])
            or "`freehold check` lists the providers.",
            param=param,
        )
    here = settings.providers.get(provider)
    if here is not None and here.kind == "local" and model not in here.models:
        raise BadRequest(
            f"`{name[:100]}` is not one of the models that run here.",
            hint=did_you_mean(model, here.models) or f"There are {one_of(here.models)}.",
            param=param,
        )
    target = Target(provider, model)
    if not _chats(settings, target):
        raise BadRequest(
            f"`{name[:100]}` does not chat.", hint="Name a model that answers in words.", param=param
        )
    return target


def _chats(settings: Settings, model: Target) -> bool:
    """What nobody knows is not held against a model."""
    catalog = settings.catalog()
    known = [
        catalog.find(one, model.model).profile.operations
        for one in settings.pools.get(model.provider, (model.provider,))
    ]
    return all(operations is None or "chat" in operations for operations in known)


def _check_price(settings: Settings, candidate: Target, now_us: int) -> None:
    prices = settings.price_list()
    members = settings.pools.get(candidate.provider, (candidate.provider,))
    if any(prices.price_of(one, candidate.model, now_us) is None for one in members):
        raise BadRequest(
            f"There is no price for `{candidate.name}`, so nobody could tell whether it is dearer.",
            hint="Give it one in freehold.toml, or say that it needs none: `--unpriced`.",
            param="to",
        )


def _check_shadow(
    settings: Settings, route: Route, plan: Plan, wanted: RolloutWanted, candidate: Target
) -> None:
    has_shadow = plan.stages[0].kind == "shadow"
    if wanted.judge is not None:
        _model(settings, wanted.judge, "judge")
        if not has_shadow:
            raise BadRequest(
                "A judge compares copies with their calls, and the plan makes no copies.",
                hint="Begin the plan with `shadow:500`.",
                param="judge",
            )
        settings_of_judge = msgspec.json.encode({"model": wanted.judge})
        judge = ScorerSettings(kind="pairwise-judge", settings=msgspec.Raw(settings_of_judge))
        check_neutrality([judge], [route.incumbent.name, candidate.name], wanted.allow_judges)
    if has_shadow and not (settings.ledger.bodies and route.keep_bodies):
        raise BadRequest(
            f"The bodies of `{route.name}` are not kept, so its calls cannot be copied.",
            hint="Leave `shadow` out of the plan, or have them kept: `keep_bodies = true`.",
            param="plan",
        )


def _pico(text: str) -> int:
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 < amount <= _MOST_DOLLARS:
        raise BadRequest(
            f"`{text}` is no budget in dollars.", hint="Write it like `5` or `0.50`.", param="budget"
        )
    return int(amount * _PICO)
