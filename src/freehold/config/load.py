"""Finds and reads the configuration, once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from freehold.admin.settings import address_of
from freehold.catalog.own import OWN
from freehold.config.databases import DatabaseReader
from freehold.config.limits import read_limits
from freehold.config.local import local_providers, read_local, read_own
from freehold.config.models import Stated, read_models
from freehold.config.pools import read_pools
from freehold.config.problems import Problems
from freehold.config.providers import ProviderReader
from freehold.config.reading import read_section
from freehold.config.routes import default_routes, read_routes
from freehold.config.sections import File
from freehold.config.settings import AccessSettings, Settings
from freehold.config.source import Source, read_source
from freehold.config.telemetry import read_collector
from freehold.config.values import shown
from freehold.core.errors import SettingsError
from freehold.routing.policies.settings import PolicySettings
from freehold.routing.routes import Route

NAME = "freehold.toml"
VARIABLE = "FREEHOLD_CONFIG"
_NAMED = ("providers", "pools", "routes", "models", "limits")
"""Tables of tables, which are read one by one."""
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def find_file(chosen: Path | None, environ: Mapping[str, str], folder: Path) -> Path | None:
    """The configuration file: the chosen one, else FREEHOLD_CONFIG's, else the one in `folder`, else none.

    Raises SettingsError when a file was named and is not there.
    """
    named = chosen or (Path(environ[VARIABLE]) if environ.get(VARIABLE) else None)
    if named is None:
        usual = folder / NAME
        return usual if usual.exists() else None
    named = named.expanduser()
    path = named if named.is_absolute() else folder / named
    if not path.is_file():
        by = "--config" if chosen else VARIABLE
        raise SettingsError(
            f"There is no file `{path}`, which `{by}` names.",
            hint="Name an existing file, or leave it out: Freehold works without one.",
        )
    return path


def load(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
    folder: Path | None = None,
    text: str | None = None,
) -> Settings:
    """The settings of the file at `path`, or the defaults when it is None or does not exist.

    `overrides` are settings by their full names (`server.port`) that come before the file's, from the
    command line. `folder` is where things lie when there is no file; the working directory by default. `text` is read
    instead of the file, as if it stood there.
    Raises SettingsError; when the settings themselves are wrong, InvalidSettingsError with every reason.
    """
    if text is not None:
        source = Source(path, text)
    else:
        source = read_source(path) if path is not None and path.exists() else Source(path)
    home = (path.parent if path is not None else folder or Path.cwd()).resolve()
    overrides = overrides or {}
    values = _overridden(source.values, overrides)
    problems = Problems(source, overrides)
    file = read_section(File, {key: one for key, one in values.items() if key not in _NAMED}, (), problems)
    assert file is not None  # every setting in it has a default
    _check_host(file.server.host, problems)
    _check_listen(file.admin.listen, problems)
    if file.ledger.keeps_sums_too_short:
        told = "`ledger.keep_rollups_days` must be at least `ledger.keep_calls_days`."
        problems.error(("ledger", "keep_rollups_days"), told)
    databases = DatabaseReader(home, environ, problems)
    database, pepper = databases.server(file.database), databases.pepper(file.access)
    reader = ProviderReader(home, environ, problems)
    providers = reader.read_all(values.get("providers", {}))
    routes = default_routes()
    known: dict[str, Collection[str] | None] = dict.fromkeys(_names(values.get("providers")))
    data = _data_folder(file.data, home, problems)
    local, own = read_local(file.local, home, problems), read_own(data, problems)
    here = local_providers(local, own)
    providers |= here
    known |= {one.name: one.models for one in here.values()}
    if not here:
        routes.clear()
    pools = read_pools(values.get("pools", {}), known, problems)
    routed, policies = read_routes(
        values.get("routes", {}), known | dict.fromkeys(_names(values.get("pools"))), problems
    )
    routes |= routed
    stated = read_models(values.get("models", {}), known, problems)
    if not own and not any(named.startswith(f"{OWN}/") for named in _named_models(routes, policies, stated)):
        providers.pop(OWN, None)
    limits = read_limits(values.get("limits", {}), routes, known, problems)
    shared_url = None if file.shared.url is None else reader.find(file.shared.url, ("shared", "url"))
    collector = read_collector(file.telemetry, reader.find, problems)
    secret_files = (*reader.secret_files, *databases.secret_files)
    problems.raise_errors(secret_files)
    return Settings(
        path=path if path is not None and (text is not None or path.exists()) else None,
        data=data,
        server=file.server,
        local=local,
        own=own,
        ledger=file.ledger,
        fetch=file.fetch,
        batches=file.batches,
        compare=file.compare,
        rollout=file.rollout,
        background=file.background,
        providers=providers,
        health=file.health,
        pools=pools,
        routes=routes,
        policies=policies,
        prices=stated.prices,
        facts=stated.facts,
        database=database,
        access=AccessSettings(pepper),
        telemetry=file.telemetry,
        collector=collector,
        limits=limits,
        shared=file.shared,
        shared_url=shared_url,
        version=source.version,
        admin=file.admin,
        secret_files=secret_files,
        warnings=problems.warnings,
    )


def _named_models(
    routes: Mapping[str, Route], policies: Mapping[str, PolicySettings], stated: Stated
) -> Iterator[str]:
    yield from (target.name for route in routes.values() for target in route.plan)
    yield from (target.name for policy in policies.values() for target in policy.brings)
    yield from (*stated.prices, *stated.facts)


def _data_folder(written: str, home: Path, problems: Problems) -> Path:
    data = home / written
    try:
        data = home / Path(written).expanduser()
        if data.exists() and not data.is_dir():
            problems.error(("data",), f"`{data}` is not a folder.")
    except OSError as error:
        problems.error(("data",), f"`data` cannot be a folder: {error.strerror}.")
    except RuntimeError:
        problems.error(("data",), f"`data` begins with the name of nobody here: {shown(written)}.")
    return data


def _check_host(host: str, problems: Problems) -> None:
    if not _is_host(host):
        problems.error(
            ("server", "host"),
            f"`server.host` must be an address or a name of this machine, not {shown(host)}.",
            "The port has a setting of its own: `server.port`.",
        )


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None
    return True


def _check_listen(listen: str | None, problems: Problems) -> None:
    if listen is None:
        return
    try:
        is_good = _is_host(address_of(listen)[0])
    except ValueError:
        is_good = False
    if not is_good:
        problems.error(
            ("admin", "listen"),
            f"`admin.listen` must be an address or a name of this machine with a port, not {shown(listen)}.",
            "Write it as `127.0.0.1:8790` or `[::1]:8790`.",
        )


def _names(tables: object) -> list[str]:
    """Every provider that was meant, so that a mistake in one is not told again for each of its routes."""
    return list(tables) if isinstance(tables, Mapping) else []


def _overridden(values: dict[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    merged = dict(values)
    for name, value in overrides.items():
        table, _, setting = name.rpartition(".")
        if not table:
            merged[setting] = value
            continue
        inner = merged.get(table, {})
        merged[table] = {**inner, setting: value} if isinstance(inner, Mapping) else inner
    return merged
