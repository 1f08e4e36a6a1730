"""The admin API beside the endpoint."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freehold.admin.api import Api
from freehold.app.aside import Aside
from freehold.app.configuration import look_at_configuration
from freehold.app.forecasts import forecasts_of
from freehold.app.health import health_of
from freehold.app.model_lists import list_provider_models
from freehold.app.opening import (
    admin_keys_of,
    audit_of,
    books_of,
    comparisons_of,
    history_of,
    keys_of,
    rollouts_of,
)
from freehold.app.parts import Parts
from freehold.office.office import RunningOffice
from freehold.office.premises import Premises

if TYPE_CHECKING:
    from freehold.core.clock import Clock


_QUESTION_SECONDS = 20.0
"""That a server may take over a question of an administrator: the end of the process may wait for it."""


def open_admin(parts: Parts, clock: Clock) -> Api | None:
    """The admin API, on a port of its own where there is one; given back where it is to be on this one too."""

    settings = parts.settings
    api = Api(RunningOffice(_premises(parts, clock)), settings.admin, clock.tick)
    parts.ends.push_async_callback(api.close)
    if settings.admin.listen is not None:
        from freehold.office.server import AdminServer  # noqa: PLC0415 - only where it has a port of its own

        # Of several workers any answers there: they listen on the same socket.
        place = parts.place
        listener = None if place is None else place.listeners[settings.server.workers]
        parts.admin = AdminServer(api, settings.admin.listen, settings.server, listener)
        parts.ends.callback(parts.admin.close)
    return api if settings.admin.on_data_port else None


def _premises(parts: Parts, clock: Clock) -> Premises:
    settings = parts.settings
    # Keys of its own: those that calls look at are locked while they are changed.
    keys = keys_of(settings, outlast=True)
    comparisons = comparisons_of(settings, patience=_QUESTION_SECONDS)
    parts.ends.callback(comparisons.close)
    rollouts = rollouts_of(settings, patience=_QUESTION_SECONDS)
    parts.ends.callback(rollouts.close)
    aside = Aside(comparisons.place, settings.database or settings.data / "ledger.db", os.environ)
    parts.ends.callback(aside.close)
    return Premises(
        keys=keys,
        admin_keys=admin_keys_of(settings, keys),
        audit=audit_of(settings),
        history=history_of(settings, patience=_QUESTION_SECONDS),
        opinions=parts.opinions,
        clock=clock,
        environ=os.environ,
        overrides=parts.overrides,
        overseer=parts.desk.overseer,
        providers_health=parts.health_of_providers,
        settings=lambda: parts.settings,
        problem=lambda: parts.problem,
        poke=lambda: look_at_configuration(parts),
        health=lambda: health_of(parts),
        ledger=lambda: parts.ledger.status,
        limits=lambda: parts.limits.status,
        calls=lambda: parts.engine.active,
        local_models=lambda: {} if parts.local is None else parts.local.states(),
        open_books=books_of,
        forecasts=forecasts_of,
        list_models=list_provider_models,
        comparisons=comparisons,
        rollouts=rollouts,
        report=aside.report,
        findings=aside.findings,
    )
