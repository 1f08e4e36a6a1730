"""The office of a running endpoint: what the admin API asks for, as `freehold.admin.office.Office` has it."""

from __future__ import annotations

import asyncio

from freehold.access.admin_keys import AdminKeys
from freehold.access.audit import AuditLog
from freehold.access.keys import Keys
from freehold.admin.office import (
    Checked,
    HealthReport,
    InForce,
    ShownBatch,
    ShownFile,
    ShownProvider,
)
from freehold.catalog.shown import ShownModel, show_model
from freehold.compare.archive import Archive
from freehold.compare.judges.checks import Checks
from freehold.compare.suites.shelf import SuiteShelf
from freehold.config.check import check
from freehold.config.live import ask_providers
from freehold.config.plain import digest_of, plain
from freehold.config.settings import Settings
from freehold.core.clock import microseconds
from freehold.core.errors import NotFound
from freehold.ledger.opinions import Opinions
from freehold.ledger.reading import LedgerReader
from freehold.limits.overview import overview
from freehold.limits.shown import (
    Released,
    ShownForecast,
    ShownLimit,
    show_forecast,
    show_limit,
    show_released,
)
from freehold.office import shown
from freehold.office.counters import release, standings_of
from freehold.office.premises import Premises
from freehold.office.rollouts import terms_of, whole_of
from freehold.rollout.acts import Acts
from freehold.rollout.archive import Archive as RolloutArchive
from freehold.rollout.independence.report import Independence
from freehold.rollout.shown import WholeRollout
from freehold.rollout.terms import Terms
from freehold.rollout.wanted import RolloutWanted
from freehold.routing.routes import Target
from freehold.routing.shown import ShownRoute, show_route


class RunningOffice:
    """Methods that are not `async` wait for databases, and are called in threads."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._shelf = SuiteShelf(premises.comparisons)
        self._archive = Archive(premises.comparisons)
        self._checks = Checks(premises.comparisons)
        self._rollouts = RolloutArchive(premises.rollouts)
        self._acts = Acts(self._rollouts, premises.audit, premises.clock)

    @property
    def keys(self) -> Keys:
        """Those of the endpoint."""
        return self._premises.keys

    @property
    def admin_keys(self) -> AdminKeys:
        """Those of administrators."""
        return self._premises.admin_keys

    @property
    def audit(self) -> AuditLog:
        """Where acts are written down."""
        return self._premises.audit

    @property
    def history(self) -> LedgerReader:
        """The calls on record."""
        return self._premises.history

    @property
    def opinions(self) -> Opinions:
        """Where feedback on calls goes."""
        return self._premises.opinions

    @property
    def shelf(self) -> SuiteShelf:
        """The suites."""
        return self._shelf

    @property
    def archive(self) -> Archive:
        """What is kept of comparisons."""
        return self._archive

    @property
    def rollouts(self) -> RolloutArchive:
        """What is kept of rollouts."""
        return self._rollouts

    @property
    def rollout_acts(self) -> Acts:
        """What is done to them."""
        return self._acts

    def rollout_terms(self, wanted: RolloutWanted) -> Terms:
        """The terms of one that is to begin. Raises BadRequest."""
        return terms_of(self._settings, wanted, self._now_us())

    def rollout(self, which: str) -> WholeRollout:
        """How one stands. Raises NotFound, BadRequest."""
        return whole_of(self._rollouts, self._rollouts.find(which))

    @property
    def checks(self) -> Checks:
        """The checks of judges."""
        return self._checks

    async def report(self, comparison: str) -> bytes:
        """The page on a comparison."""
        return await self._premises.report(comparison)

    async def findings(self, check: str, alpha: float) -> bytes:
        """What a check of a judge found."""
        return await self._premises.findings(check, alpha)

    def independence(self, since_us: int, route: str | None) -> Independence:
        """How much of the calls since then would go on if a provider vanished."""
        from freehold.office.leaving import independence_of  # noqa: PLC0415 - an endpoint starts without it

        return independence_of(
            self._settings,
            self.history,
            self._archive,
            self._shelf,
            since_us=since_us,
            now_us=self._now_us(),
            route=route,
        )

    # Routes, models, providers

    def routes(self) -> list[ShownRoute]:
        """In the order of the configuration."""
        settings, now_us = self._settings, self._now_us()
        prices = settings.price_list()
        return [
            show_route(
                route,
                lambda one: prices.price_of(one.provider, one.model, now_us),
                settings.policies.get(route.name),
            )
            for route in settings.routes.values()
        ]

    def models(self) -> list[ShownModel]:
        """Every model that the configuration names."""
        return self._shown_models(list(self._settings.models()))

    def price_of(self, model: str) -> ShownModel:
        """Any model of a configured provider, by `provider/name`. Raises NotFound."""
        provider, slash, name = model.partition("/")
        if not (slash and name) or provider not in self._settings.providers:
            raise NotFound(
                f"No provider of the configuration has `{model[:100]}`.",
                hint="It is written `provider/name`.",
            )
        return self._shown_models([Target(provider, name)])[0]

    def providers(self) -> list[ShownProvider]:
        """In the order of the configuration."""
        accounts = self._settings.accounts()
        return [
            ShownProvider(
                provider=one.name,
                kind=one.kind,
                base_url=one.base_url,
                key_from=one.api_key.source if one.api_key else None,
                dialects=list(one.dialects),
                quota=accounts.quota_of(one.name),
                prices=one.prices,
                models=list(one.models),
            )
            for one in self._settings.providers.values()
        ]

    def _shown_models(self, targets: list[Target]) -> list[ShownModel]:
        settings, now_us = self._settings, self._now_us()
        catalog, prices = settings.catalog(), settings.price_list()
        states = self._premises.local_models()
        return [
            show_model(
                catalog.find(one.provider, one.model),
                prices.price_of(one.provider, one.model, now_us),
                states.get(one.name),
            )
            for one in targets
        ]

    # Limits

    def limits(self, *, past: bool) -> list[ShownLimit]:
        """How every limit stands. Raises StoreError."""
        settings, now_us = self._settings, self._now_us()
        if not settings.limits:
            return []
        standings = standings_of(settings, self._premises.open_books, now_us)
        names = self._key_names()
        return [
            show_limit(row, names) for row in overview(settings.limits.values(), standings, now_us, past=past)
        ]

    def release(self, limit: str, who: str | None, by: str) -> list[Released]:
        """Release what expired. Raises NotFound, StoreError."""
        names = self._key_names()
        rows = release(
            self._settings,
            self._premises.open_books,
            self.audit,
            limit=limit,
            who=who,
            names=names,
            now_us=self._now_us(),
            by=by,
        )
        return [show_released(row, names) for row in rows]

    def forecast(self) -> list[ShownForecast]:
        """What every window in money will have come to. Raises StoreError."""
        settings, now_us = self._settings, self._now_us()
        standings = standings_of(settings, self._premises.open_books, now_us)
        names = self._key_names()
        return [show_forecast(one, names) for one in self._premises.forecasts(settings, standings, now_us)]

    # The configuration

    def configuration(self) -> InForce:
        """What is in force."""
        settings = self._settings
        return InForce(
            file=str(settings.path) if settings.path else None,
            configuration=settings.version,
            digest=digest_of(settings),
            problem=self._premises.problem(),
            settings=plain(settings),
        )

    def check(self, text: str | None) -> Checked:
        """What a configuration would do: `text`, or what the file holds now."""
        premises = self._premises
        report = check(
            self._settings.path,
            premises.environ,
            overrides=premises.overrides,
            folder=self._settings.data.parent,
            text=text,
        )
        return shown.checked(report)

    async def check_live(self) -> Checked:
        """As `check` of the configuration in force, and ask its providers for their models."""
        premises, settings = self._premises, self._settings
        # Not of a text that somebody gives: its addresses would be sent the keys that it refers to.
        answers = await ask_providers(settings, lambda provider: premises.list_models(settings, provider))
        report = await asyncio.to_thread(
            check, settings.path, premises.environ, overrides=premises.overrides, folder=settings.data.parent
        )
        return shown.checked(report, answers)

    async def reload(self, by: str) -> None:
        """Look at the configuration at once."""
        await asyncio.to_thread(self.audit.append, by, "configuration.reload")
        self._premises.poke()

    # How it is doing

    async def health(self) -> HealthReport:
        """How everything is doing at this moment."""
        premises = self._premises
        said = premises.health()
        now, tick = premises.clock.now(), premises.clock.tick()
        accounts = self._settings.accounts()
        names = dict.fromkeys(accounts.quota_of(one) for one in self._settings.providers)
        return HealthReport(
            ready=said.ready,
            parts=dict(said.parts),
            calls_in_flight=premises.calls(),
            ledger=shown.ledger_state(premises.ledger()),
            limits=shown.limits_state(premises.limits()),
            open_breakers=shown.open_breakers(premises.providers_health, now, tick),
            quotas=[shown.quota_state(premises.providers_health, name, now, tick) for name in names],
            local_models=dict(premises.local_models()),
        )

    # Batches and files

    def batches(self, limit: int, after: str | None) -> list[ShownBatch]:
        """Of every key, newest first. `after`: only older ones than this."""
        return [shown.batch(one) for one in self._premises.overseer.batches(limit, after)]

    def batch(self, batch: str) -> ShownBatch:
        """One of them. Raises NotFound."""
        return shown.batch(self._premises.overseer.batch(batch))

    async def cancel_batch(self, batch: str, by: str) -> ShownBatch:
        """Begin no further line of it. Raises NotFound, BadRequest when it has ended."""
        overseer = self._premises.overseer
        await asyncio.to_thread(overseer.batch, batch)  # of what is not there, there is no act
        await asyncio.to_thread(self.audit.append, by, "batches.cancel", batch)
        return shown.batch(await overseer.cancel(batch))

    def files(self, limit: int, after: str | None) -> list[ShownFile]:
        """Of every key, newest first. `after`: only older ones than this."""
        return [shown.file(one) for one in self._premises.overseer.files(limit, after)]

    def file(self, file: str) -> ShownFile:
        """One of them. Raises NotFound."""
        return shown.file(self._premises.overseer.file(file))

    def delete_file(self, file: str, by: str) -> None:
        """Take it away. Raises NotFound."""
        found = self._premises.overseer.file(file)
        with self.audit.of(by, "files.delete", file, {"name": found.name, "key": found.key_id}):
            self._premises.overseer.delete_file(file)

    @property
    def _settings(self) -> Settings:
        return self._premises.settings()

    def _key_names(self) -> dict[str, str]:
        return {key.id: key.name for key in self.keys.list()}

    def _now_us(self) -> int:
        return microseconds(self._premises.clock.now())
