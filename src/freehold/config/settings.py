"""Everything that was configured, checked and typed. Made by `load`, handed down by the composition root."""

from __future__ import annotations

from pathlib import Path

import msgspec

from freehold.admin.settings import AdminSettings
from freehold.batches.settings import BatchSettings
from freehold.catalog.models import Catalog
from freehold.catalog.own import OwnModel
from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.profile import Profile
from freehold.compare.settings import CompareSettings
from freehold.config.local import known_here, served_here
from freehold.config.problems import Finding
from freehold.config.sections import HealthSettings, LocalSettings, SharedSettings
from freehold.core.secret import Secret
from freehold.engine.background.settings import BackgroundSettings
from freehold.gateway.settings import ServerSettings
from freehold.ledger.settings import LedgerSettings
from freehold.limits.limit import Limit
from freehold.providers.fetch.settings import FetchSettings
from freehold.providers.local.models import LocalModel
from freehold.providers.settings import ProviderSettings
from freehold.rollout.settings import RolloutSettings
from freehold.routing.plans import Accounts
from freehold.routing.policies.settings import PolicySettings
from freehold.routing.routes import Route, RouteTable, Target
from freehold.store.places import Server
from freehold.telemetry.settings import Collector, TelemetrySettings


class AccessSettings(msgspec.Struct, frozen=True):
    """What keys are hashed with."""

    pepper: Secret | None = None
    """64 hexadecimal digits; None: they are in the file `secret` of the data folder."""


class Settings(msgspec.Struct, frozen=True):
    """What `freehold.toml`, the environment and the command line say together."""

    path: Path | None
    """The file that was read; None when there is none."""
    data: Path
    """Folder of the databases and the secret; it may not exist yet."""
    server: ServerSettings
    local: LocalSettings
    ledger: LedgerSettings
    fetch: FetchSettings
    batches: BatchSettings
    compare: CompareSettings
    rollout: RolloutSettings
    background: BackgroundSettings
    providers: dict[str, ProviderSettings]
    """By name; `local` and `own` among them unless `[local]` is switched off."""
    health: HealthSettings
    pools: dict[str, tuple[str, ...]]
    """Providers by the name of their pool."""
    routes: dict[str, Route]
    """By name; the default ones among them."""
    prices: dict[str, tuple[ModelPrice, ...]]
    """The user's own price rows by `provider/model`."""
    limits: dict[str, Limit]
    """By name."""
    shared: SharedSettings
    shared_url: Secret | None
    """Of the server that limits are shared through; None: they are kept in a file."""
    facts: dict[str, Profile]
    """The user's own facts about models by `provider/model`."""
    policies: dict[str, PolicySettings] = {}
    """By route, where it has one."""
    own: dict[str, OwnModel] = {}
    """The models that were made here and can be served, by name."""
    database: Server | None = None
    """Where keys and the ledger are; None: in files of the data folder."""
    access: AccessSettings = AccessSettings()
    version: str = ""
    """What the file's text is called: the same for the same text, and for no other."""
    telemetry: TelemetrySettings = TelemetrySettings()
    collector: Collector | None = None
    """Where telemetry is sent to; None: nowhere."""
    admin: AdminSettings = AdminSettings()
    secret_files: tuple[Path, ...] = ()
    """Files that secrets came from; a change in one is a change of the configuration."""
    warnings: tuple[Finding, ...] = ()
    """What the owner should look at, although it can be used."""

    def route_table(self) -> RouteTable:
        """Routes, and every model of every provider by its own name."""
        return RouteTable(self.routes, frozenset(self.providers) | frozenset(self.pools))

    def accounts(self) -> Accounts:
        """How the providers belong together."""
        quotas = {one.name: one.quota for one in self.providers.values() if one.quota is not None}
        return Accounts(quotas, self.pools)

    def price_list(self) -> PriceList:
        """Prices the calls of these providers."""
        return PriceList(own=self.prices, lists=self._lists(), source=self._named())

    def catalog(self) -> Catalog:
        """Knows the models of these providers."""
        here = known_here(self.served_here())
        return Catalog(own=self.facts, lists=self._lists(), source=self._named(), here=here)

    def served_here(self) -> dict[str, LocalModel]:
        """Every model that this machine serves, by id."""
        return served_here(self.local, self.own, self.data)

    def models(self) -> tuple[Target, ...]:
        """Every model that is named anywhere, sorted; others may be called all the same."""
        routed = [target for route in self.routes.values() for target in route.plan]
        routed += [target for policy in self.policies.values() for target in policy.brings]
        members = [
            Target(provider, target.model)
            for target in routed
            for provider in self.pools.get(target.provider, (target.provider,))
        ]
        named = {target.name: target for target in members}
        for provider in self.providers.values():
            for model in provider.models:
                named[f"{provider.name}/{model}"] = Target(provider.name, model)
        for name in (*self.prices, *self.facts):
            provider_name, _, model = name.partition("/")
            named[name] = Target(provider_name, model)
        return tuple(named[name] for name in sorted(named))

    def _lists(self) -> dict[str, str]:
        return {one.name: one.prices for one in self.providers.values() if one.prices is not None}

    def _named(self) -> str:
        return self.path.name if self.path else "freehold.toml"
