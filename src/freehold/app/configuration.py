"""The configuration at work: how a changed one takes over from the one before."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from freehold import __version__
from freehold.app.local_models import begin_or_end_local_models
from freehold.app.observing import seen_by_telemetry
from freehold.app.parts import Parts
from freehold.app.runtimes import build_runtime
from freehold.config.load import NAME, load
from freehold.config.plain import changes_between, digest_of
from freehold.config.watch import Watch
from freehold.core.errors import SettingsError

if TYPE_CHECKING:
    from freehold.config.problems import Finding
    from freehold.config.settings import Settings


log = logging.getLogger("freehold")


def look_at_configuration(parts: Parts) -> None:
    """Have the file looked at now, by whoever watches it."""
    if parts.watch is not None:
        parts.watch.poke()
    elif parts.member is not None:
        parts.member.crew.poke()


def new_watch(parts: Parts) -> Watch:
    """What takes over the edited file."""
    path = parts.settings.path or Path.cwd() / NAME
    return Watch(
        path,
        parts.settings,
        reload=lambda: load(path, os.environ, overrides=parts.overrides),
        apply=lambda settings: apply(parts, settings),
        refuse=lambda problem: _refuse(parts, problem),
        restart=_tell_to_restart,
    )


def apply(parts: Parts, settings: Settings) -> None:
    """Swap routes, providers and prices as one. Calls under way finish with what they began with."""
    old = parts.engine.runtime
    runtime = build_runtime(parts, settings, old.providers)
    parts.prices.current = settings.price_list()
    parts.engine.runtime = runtime
    parts.telemetry.take_over(*seen_by_telemetry(settings))
    before, parts.settings = parts.settings, settings
    parts.configured.set()
    parts.problem = None
    for name, client in old.providers.items():
        if runtime.providers.get(name) is not client:
            client.close()
    begin_or_end_local_models(parts, old.providers.values())
    if parts.place is None:
        note(parts, "configuration.change", settings, before)
        log.warning("the changed configuration is in force")
    elif parts.upkeep.take():  # the supervisor says so, and one of the workers writes it down
        note(parts, "configuration.change", settings, before)


def _refuse(parts: Parts, problem: SettingsError) -> None:
    """The edited configuration was not taken."""
    parts.problem = problem.message
    where = f"{problem.where}: " if problem.where else ""
    log.error("the edited configuration is not in force, the old one is: %s%s", where, problem)


def note(parts: Parts, act: str, settings: Settings, before: Settings | None = None) -> None:
    """Have the configuration that is in force from now on written down in the audit log."""

    where = str(settings.path) if settings.path else ""
    detail: dict[str, object] = {"configuration": settings.version, "digest": digest_of(settings)}
    if before is None:
        parts.scribe.note("freehold", act, where, {**detail, "version": __version__})
        return
    detail |= {"before": before.version, "changed": changes_between(before, settings)}
    parts.scribe.note("reload", act, where, detail)


def _tell_to_restart(in_vain: tuple[Finding, ...]) -> None:
    for finding in in_vain:
        log.warning("%s %s", finding.message, finding.hint)
