"""The whole of an installation, from the machine up to the address of the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from freehold.admin.settings import address_of
from freehold.config.settings import Settings
from freehold.core.errors import SettingsError
from freehold.examinations.companions import examine_companions
from freehold.examinations.databases import examine_databases
from freehold.examinations.embedded import examine_embedded_models, examine_files_of_models
from freehold.examinations.finding import Finding, broken, good, notice
from freehold.examinations.folder import examine_folder
from freehold.examinations.machine import examine_machine
from freehold.examinations.network import examine_admin, examine_network


def examine(load: Callable[[], Settings]) -> Iterator[Finding]:
    """Everything that there is to be looked at; changes nothing. `load` may raise SettingsError."""
    yield from examine_machine()
    try:
        settings = load()
    except SettingsError as error:
        place = f"{error.where}: " if error.where else ""
        step = error.hint or "`freehold check` shows all of it."
        yield broken("configuration", place + error.message, step)
        return
    yield good(
        "configuration", str(settings.path) if settings.path else "no freehold.toml: the defaults hold"
    )
    for warning in settings.warnings:
        step = warning.hint or "`freehold check` says more."
        yield notice("configuration", f"{warning.where}: {warning.message}", step)
    if settings.local.enabled:
        named = frozenset(target.name for route in settings.routes.values() for target in route.plan)
        yield from examine_embedded_models(named)
        yield from examine_files_of_models(settings, named)
    yield from examine_folder(settings.data)
    yield from examine_databases(settings)
    yield from examine_companions(settings)
    if settings.server.port:
        yield from examine_network(settings.server.host, settings.server.port)
    if settings.admin.listen is not None and address_of(settings.admin.listen)[1]:
        yield from examine_admin(settings.admin.listen)
