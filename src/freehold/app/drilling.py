"""A drill, from settings and the words of a command to its report: what it needs is started and ended here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, NotFound, UnknownModel

if TYPE_CHECKING:
    from pathlib import Path

    from freehold.app.policies import Surveyed
    from freehold.config.settings import Settings
    from freehold.engine.runtime import Runtime
    from freehold.engine.steering import Steering
    from freehold.ledger.reading import LedgerReader
    from freehold.ledger.record import Call
    from freehold.rollout.drills.asking import Outcome
    from freehold.rollout.drills.faults import Fault
    from freehold.rollout.drills.figures import CostOf, Row
    from freehold.rollout.drills.money import Doubling
    from freehold.rollout.drills.quality import Quality, Standing
    from freehold.rollout.drills.rehearsal import Rehearsal, Spending
    from freehold.rollout.drills.report import DeadlineIs, Report, RouteSample
    from freehold.rollout.drills.sample import Sample
    from freehold.rollout.drills.state import Held, OwnState
    from freehold.routing.routes import Route

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

ASSUMED_DEADLINE = 30.0
"""Seconds, for a route that has none."""
_DAY_US = 86_400_000_000
_MOST_FILES = 1_000_000
_MOST_DIRECT = 10
"""Models called by their own names that are looked at beside routes."""

Told = Callable[[str, int, int], None]
"""Title of a fault, calls that have an answer, and how many there are."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    lose: str
    """A provider or a pool."""
    on: tuple[str, ...] = ()
    """Routes; none: all that ask it."""
    faults: tuple[str, ...] = ()
    """By name; none: all."""
    days: int = 30
    calls: int = 20
    """Of each route, drawn at random."""
    seed: int = 0
    simulated: bool = False
    """Survivors are stand-ins, too: nothing is spent, and nothing is learnt of how good they are."""
    deadline: float | None = None
    """Seconds; None: the route's own."""
    require: float = 0.999
    least_calls: int = 10
    budget: Decimal | None = Decimal(1)
    """US dollars for asking survivors; None: no bound."""
    concurrency: int = 16


class Drill:
    """A drill that is about to be run. Nothing is asked or changed before `run`."""

    def __init__(self, settings: Settings, wanted: Wanted) -> None:
        """Raises NotFound: there is no such provider or route; BadRequest: no such fault, or the route does not ask
        the provider.
        """
        from freehold.core.clock import SystemClock, microseconds
        from freehold.core.ids import new_id
        from freehold.rollout.drills.faults import faults_called

        self.settings = settings
        self.wanted = wanted
        self.id = new_id("drill")
        self.clock = SystemClock()
        self.now_us = microseconds(self.clock.now())
        self.lost = lost_providers(settings, wanted.lose)
        self.faults: tuple[Fault, ...] = faults_called(wanted.faults)
        self.routes: list[Route] = self._routes()
        self.since_us = self.now_us - wanted.days * _DAY_US
        self._surveyed: dict[str, Surveyed] | None = None

    def run(self, told: Told = lambda title, done, of: None) -> Report:
        """Run it to its end. Raises StoreError, SettingsError."""
        import uvloop

        return uvloop.run(self._run(told))

    def keep(self, report: Report) -> None:
        """Keep what was found in the data folder: others go by it. Raises StoreError."""
        from freehold.rollout.drills.keeping import keep

        if report.rows:
            keep(self.settings.data, report)

    # What it is about

    def _routes(self) -> list[Route]:
        table = self.settings.route_table()
        if not self.wanted.on:
            return [one for one in self.settings.routes.values() if self._asks(one)]
        found = []
        for name in self.wanted.on:
            try:
                route = table.find(name)
            except UnknownModel as unknown:
                raise NotFound(unknown.message, hint=unknown.hint) from None
            if not self._asks(route):
                raise BadRequest(
                    f"`{name}` does not ask `{self.wanted.lose}`.",
                    hint=f"It asks {', '.join(f'`{one.name}`' for one in route.plan)}.",
                )
            found.append(route)
        return found

    def _asks(self, route: Route) -> bool:
        return any(self._members(target.provider) & self.lost for target in route.plan)

    def _members(self, provider: str) -> frozenset[str]:
        return frozenset(self.settings.pools.get(provider, (provider,)))

    def _is_lost(self, provider: str) -> bool:
        return self._members(provider) <= self.lost

    def _deadline(self, route: Route) -> tuple[float, DeadlineIs]:
        if self.wanted.deadline is not None:
            return self.wanted.deadline, "asked for"
        if route.deadline is not None:
            return route.deadline, "the route's"
        return ASSUMED_DEADLINE, "assumed"

    # Running

    async def _run(self, told: Told) -> Report:
        import asyncio

        from freehold.rollout.drills.noticing import notices_of
        from freehold.rollout.drills.rehearsal import Spending
        from freehold.rollout.drills.report import Report, conclude

        began = self.clock.tick()
        history = self._history()
        standing = await asyncio.to_thread(self._standing)
        samples = await asyncio.to_thread(self._samples, history)
        spending = Spending(None if self.wanted.simulated else self.wanted.budget)
        rows: list[Row] = []
        swapped: list[Outcome] = []
        unasked = 0
        if any(sample.calls for sample in samples):
            async with self._stage(spending) as rehearsal:
                rows, swapped = await self._rehearse(rehearsal, samples, told)
                unasked = rehearsal.unasked
        routes = self._told_routes(samples)
        doubling = await asyncio.to_thread(self._doubling, history, standing)
        conclusion, reasons = conclude(
            tuple(rows),
            routes,
            require=self.wanted.require,
            least_calls=self.wanted.least_calls,
            price_alone=all(fault.script is None for fault in self.faults),
        )
        if not self.routes:
            reasons = (f"No route asks `{self.wanted.lose}`, and nobody called its models by their names.",)
        if unasked and conclusion == "survived":
            conclusion = "not enough evidence"
            reasons = (f"The budget was used up with {unasked:,} calls left.",)
        whole = [row.survival for row in rows if not row.task]
        return Report(
            id=self.id,
            made_us=self.now_us,
            lost=self.wanted.lose,
            providers=tuple(sorted(self.lost)),
            conclusion=conclusion,
            reasons=reasons,
            require=self.wanted.require,
            survivors="simulated" if self.wanted.simulated else "real",
            seed=self.wanted.seed,
            days=self.wanted.days,
            routes=routes,
            rows=tuple(rows),
            least=min(whole) if whole else None,
            notices=tuple(notices_of(samples, swapped, self.lost)),
            doubling=doubling,
            quality=tuple(self._qualities(standing)),
            state=tuple(await asyncio.to_thread(self._state, history, samples)),
            spent=spending.spent,
            unpriced=spending.unpriced,
            unasked=unasked,
            seconds=self.clock.tick() - began,
        )

    async def _rehearse(
        self, rehearsal: Rehearsal, samples: Sequence[Sample], told: Told
    ) -> tuple[list[Row], list[Outcome]]:
        from freehold.rollout.drills.figures import rows_of

        calls = [call for sample in samples for call in sample.calls]
        cost_of = self._cost_of()
        rows: list[Row] = []
        swapped: list[Outcome] = []
        asked = [fault for fault in self.faults if fault.script is not None]
        for fault in asked:
            counting = _Counting(fault.title, len(calls), told)
            outcomes = await rehearsal.under(fault, calls, counting)
            rows += rows_of(outcomes, title=fault.title, cost_of=cost_of)
            if fault.answers:
                swapped = outcomes
        if len(asked) > 1:
            title = "all, one after another"
            outcomes = await rehearsal.in_sequence(asked, calls, _Counting(title, len(calls), told))
            rows += rows_of(outcomes, title=title, cost_of=cost_of)
        return rows, swapped

    @asynccontextmanager
    async def _stage(self, spending: Spending) -> AsyncIterator[Rehearsal]:
        """An engine of its own, in front of stand-ins for whoever is lost."""
        from freehold.access.key import Key
        from freehold.providers.simulated import SimulatedProvider
        from freehold.rollout.drills.faults import HEALTHY
        from freehold.rollout.drills.rehearsal import Rehearsal

        async with AsyncExitStack() as held:
            stand_in = await held.enter_async_context(SimulatedProvider(HEALTHY, keep=1000))
            base, keep = await self._survivors(held)
            yield Rehearsal(
                base,
                {name: self.settings.providers[name] for name in self.lost},
                stand_in=stand_in,
                key=Key(id=self.id, name=self.id, prefix="", created_us=self.now_us),
                clock=self.clock,
                keep=keep,
                prices=self.settings.price_list(),
                spending=spending,
                deadlines={route.name: self._deadline(route)[0] for route in self.routes},
                concurrency=self.wanted.concurrency,
                steering=lambda: self._steering(base),
            )

    def _steering(self, base: Runtime) -> Steering | None:
        """The routes' policies, with a memory of their own that ends with the fault; None: no route has any."""
        if not self.settings.policies:
            return None
        from freehold.app.policies import make_policies
        from freehold.app.steering import survey
        from freehold.engine.steered.memory import Memory
        from freehold.engine.steered.route_steering import RouteSteering

        steering = RouteSteering(Memory(None, self.clock), lambda: base)
        if self._surveyed is None:
            self._surveyed = survey(self.settings)
        steering.set_policies(make_policies(self.settings, self._surveyed))
        return steering

    async def _survivors(self, held: AsyncExitStack) -> tuple[Runtime, Callable[[Call], None] | None]:
        """Routes and clients, and what keeps the calls; None where nobody real is asked."""
        if not self.wanted.simulated:
            from freehold.app.asking import open_engine

            parts = await held.enter_async_context(open_engine(self.settings, {}))
            return parts.engine.runtime, parts.ledger.record
        from freehold.engine.runtime import Runtime
        from freehold.providers.client import ProviderClient
        from freehold.providers.simulated import SimulatedProvider
        from freehold.rollout.drills.faults import HEALTHY
        from freehold.rollout.drills.stand_ins import stand_in_for

        others = await held.enter_async_context(SimulatedProvider(HEALTHY, keep=1000))
        clients = {
            name: ProviderClient(stand_in_for(provider, others.root_url), tls=None)
            for name, provider in self.settings.providers.items()
        }
        for client in clients.values():
            held.callback(client.close)
        runtime = Runtime(
            self.settings.route_table(), clients, keep_bodies=False, accounts=self.settings.accounts()
        )
        return runtime, None

    # What is read

    def _history(self) -> LedgerReader:
        from freehold.app.opening import history_of

        return history_of(self.settings)

    def _samples(self, history: LedgerReader) -> list[Sample]:
        from freehold.rollout.drills.sample import sample_of
        from freehold.rollout.drills.tasks import with_tasks

        if not self.wanted.on:
            self.routes += self._called_directly(history)
        wanted = self.wanted
        samples = [
            sample_of(history, route.name, since_us=self.since_us, wanted=wanted.calls, seed=wanted.seed)
            for route in self.routes
        ]
        return [with_tasks(sample, seed=wanted.seed) for sample in samples]

    def _called_directly(self, history: LedgerReader) -> list[Route]:
        """Models of the provider that clients called by their own names: nobody stands behind those."""
        from freehold.ledger.filters import Filter

        table, found = self.settings.route_table(), dict[str, int]()
        for provider in sorted(self.lost) if history.exists else ():
            chosen = Filter(provider=provider, operation="chat", outcome="answered", since_us=self.since_us)
            for one in history.sums(("route",), chosen):
                name = one.names[0]
                if name and name not in self.settings.routes and name.partition("/")[0] in self.lost:
                    found[name] = found.get(name, 0) + one.calls
        often = sorted(found, key=lambda name: (-found[name], name))[:_MOST_DIRECT]
        return [table.find(name) for name in often]

    def _standing(self) -> Standing:
        from freehold.app.opening import comparisons_of
        from freehold.compare.archive import Archive
        from freehold.rollout.drills.quality import standing_verdicts

        database = comparisons_of(self.settings)
        try:
            return standing_verdicts(Archive(database)) if database.exists else {}
        finally:
            database.close()

    def _told_routes(self, samples: Sequence[Sample]) -> tuple[RouteSample, ...]:
        from collections import Counter

        from freehold.rollout.drills.figures import quantile
        from freehold.rollout.drills.report import RouteSample

        told = []
        for route, sample in zip(self.routes, samples, strict=True):
            deadline, whose = self._deadline(route)
            whole = [call.duration_ms / 1000 for call in sample.calls]
            first = [call.first_ms / 1000 for call in sample.calls if call.first_ms is not None]
            told.append(
                RouteSample(
                    route=route.name,
                    models=tuple(target.name for target in route.plan),
                    lost_models=tuple(target.name for target in route.plan if self._is_lost(target.provider)),
                    deadline_s=deadline,
                    deadline_is=whose,
                    found=sample.found,
                    asked=len(sample.calls),
                    left_out=sample.left_out,
                    before_p50_s=quantile(whole, 0.5),
                    before_p99_s=quantile(whole, 0.99),
                    before_first_p50_s=quantile(first, 0.5),
                    tasks=dict(Counter(call.task for call in sample.calls).most_common()),
                )
            )
        return tuple(told)

    def _qualities(self, standing: Standing) -> list[Quality]:
        from freehold.rollout.drills.quality import qualities

        gone = frozenset([*self.lost, *(pool for pool in self.settings.pools if self._is_lost(pool))])
        return qualities(self.routes, gone, standing)

    def _doubling(self, history: LedgerReader, standing: Standing) -> Doubling | None:
        from freehold.rollout.drills.money import doubling

        if all(fault.script is not None for fault in self.faults):
            return None
        return doubling(
            history,
            self.lost,
            self.settings.models(),
            self.settings.price_list(),
            standing,
            since_us=self.since_us,
            days=self.wanted.days,
            now_us=self.now_us,
        )

    def _state(self, history: LedgerReader, samples: Sequence[Sample]) -> list[Held]:
        from freehold.rollout.drills.state import state_of

        return state_of(
            history, self.lost, samples, self.settings.models(), self._own_state(), since_us=self.since_us
        )

    def _own_state(self) -> OwnState:
        from freehold.batches.records import StoredFile
        from freehold.batches.shelf import Shelf
        from freehold.rollout.drills.state import OwnState

        shelf = Shelf(self.settings.data, max_bytes=self.settings.batches.max_bytes)
        try:
            files = len(shelf.page_of(StoredFile, _MOST_FILES, None)) if shelf.exists else 0
            batches = len(shelf.unfinished()) if shelf.exists else 0
        finally:
            shelf.close()
        folder = self.settings.data / "background"
        return OwnState(files, batches, sum(1 for _ in folder.glob("*.json")))

    def _cost_of(self) -> CostOf:
        from freehold.core.usage import Usage

        prices = self.settings.price_list()

        def cost_of(outcome: Outcome) -> Decimal | None:
            provider, _, model = outcome.model.partition("/")
            if provider in self.lost:
                return outcome.recorded.cost  # as if nothing had happened
            recorded = outcome.recorded
            usage = outcome.call.usage
            if self.wanted.simulated:  # a stand-in's own tokens say nothing
                if recorded.input_tokens is None or recorded.output_tokens is None:
                    return None
                usage = Usage(
                    input_tokens=recorded.input_tokens, output_tokens=recorded.output_tokens, source="counted"
                )
            return prices.cost_of(provider, model, usage, self.now_us).amount

        return cost_of


class _Counting:
    """Tells how far one fault has come."""

    def __init__(self, title: str, of: int, told: Told) -> None:
        self._title = title
        self._of = of
        self._told = told
        self._done = 0

    def __call__(self, outcome: Outcome) -> None:
        self._done += 1
        self._told(self._title, self._done, self._of)


def check_place(path: Path) -> None:
    """Raises BadRequest: no file can be written there. Better now than when answers have been paid for."""
    import os

    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadRequest(f"`{path}` cannot be written.", hint="Name another file with `--html`.")


def write_drill_page(report: Report, path: Path) -> int:
    """Write a report's page and return its size in bytes. Raises BadRequest: it cannot be written."""
    from freehold.rollout.drills.page import page_of

    page = page_of(report).encode()
    try:
        path.write_bytes(page)
    except OSError as error:
        raise BadRequest(
            f"`{path}` cannot be written: {error.strerror}.", hint="Name another file with `--html`."
        ) from None
    return len(page)


def lost_providers(settings: Settings, name: str) -> frozenset[str]:
    """The providers that are lost with `name`: itself, or all of a pool. Raises NotFound."""
    if name in settings.pools:
        return frozenset(settings.pools[name])
    if name in settings.providers:
        return frozenset((name,))
    from freehold.core.suggest import did_you_mean

    known = (*settings.providers, *settings.pools)
    listed = ", ".join(f"`{one}`" for one in known)
    hint = did_you_mean(name, known) or (f"There are {listed}." if known else "`freehold.toml` names none.")
    raise NotFound(f"No provider is called `{name[:200]}`.", hint=hint)
