"""A comparison, from settings and the words of a command to its verdicts: what it needs is started and ended here."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, NotFound, UnknownModel

if TYPE_CHECKING:
    from freehold.app.parts import Parts
    from freehold.compare.archive import Archive
    from freehold.compare.budget import Budget, BudgetedLimits, Tariffs
    from freehold.compare.case import Suite
    from freehold.compare.database import Database
    from freehold.compare.running.answers import Ask
    from freehold.compare.running.comparing import Ended
    from freehold.compare.running.plan import Plan
    from freehold.compare.running.runner import Runner
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.compare.terms import Comparison, Means, Prompt, Terms
    from freehold.config.settings import Settings
    from freehold.engine.limiting import Limits
    from freehold.routing.routes import Route, Target

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_CLOSE_SECONDS = 10.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for. What is None has its default."""

    incumbent: str
    """A route, or a model."""
    candidates: tuple[str, ...]
    suite: str
    margin: float = 0.03
    alpha: float = 0.05
    seed: int = 0
    max_cases: int | None = None
    to_the_end: bool = False
    fresh: bool = False
    judges_allowed: tuple[str, ...] = ()
    prompt: Prompt | None = None
    """A system prompt that candidates get in place of the cases' own."""


class Beginning(msgspec.Struct, frozen=True):
    """A comparison that is about to be run."""

    comparison: Comparison
    suite: Suite
    goes_on: bool
    """An earlier run did not come to its end."""


class Comparisons:
    """The comparisons of an installation."""

    def __init__(self, settings: Settings) -> None:
        """Raises BadRequest: the statistics are not installed."""
        from freehold.compare.archive import Archive
        from freehold.compare.suites.shelf import SuiteShelf

        check_extra()
        self.settings = settings
        self.database: Database = database_of(settings)
        self.shelf: SuiteShelf = SuiteShelf(self.database)
        self.archive: Archive = Archive(self.database)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def begin(self, wanted: Wanted) -> Beginning:
        """A comparison on these terms: one that was broken off, or else a new one. Raises NotFound, BadRequest."""
        from freehold.compare.judges.registry import check_neutrality
        from freehold.compare.running.comparing import new_comparison

        suite = self.shelf.find(wanted.suite)
        terms = self._terms(wanted, self._recorded(suite))
        check_neutrality(suite.scorers, (terms.incumbent, *terms.candidates), terms.judges_allowed)
        former = self.archive.same(suite.id, terms)
        if former is not None:
            return Beginning(former, suite, goes_on=True)
        return Beginning(new_comparison(suite, terms), suite, goes_on=False)

    def resume(self, which: str) -> Beginning:
        """A comparison that was broken off. Raises NotFound; BadRequest: it has come to its end."""
        comparison = self.archive.find(which)
        if comparison.state == "done":
            raise BadRequest(
                f"`{comparison.id}` has come to its end.", hint=f"`freehold compare show {comparison.id}`"
            )
        return Beginning(comparison, self.shelf.find(comparison.suite), goes_on=True)

    def plan(self, beginning: Beginning) -> Plan:
        """What it would ask and cost at the most, without a call."""
        from freehold.compare.budget import Tariffs
        from freehold.compare.running.plan import plan_of
        from freehold.core.clock import SystemClock

        settings = self.settings
        tariffs = Tariffs(settings.price_list(), settings.catalog(), SystemClock())
        return plan_of(beginning.comparison, beginning.suite, self.shelf, self.archive, tariffs)

    def run(self, beginning: Beginning, means: Means, watch: Callable[[Runner], None]) -> Ended:
        """Run it to its end, or until it is interrupted. `watch` is handed the runner as it begins.

        Raises BadRequest (it runs already, or has come to its end meanwhile; a scorer or a case is at fault), Forbidden
        (no price, and a budget), StoreError.
        """
        import uvloop

        with self._alone(beginning.comparison):
            try:
                return uvloop.run(self._run(self._as_it_is(beginning), means, watch))
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None

    def look(self, comparison: Comparison) -> Ended:
        """What a comparison came to."""
        from freehold.compare.running.comparing import looked_up

        return looked_up(comparison, self.archive)

    def rescore(self, comparison: Comparison) -> Ended:
        """All scores and verdicts from the kept answers, without a call. Raises BadRequest, ScorerFailed."""
        return asyncio.run(self._rescore(comparison))

    # Inside

    def _as_it_is(self, beginning: Beginning) -> Beginning:
        """What is begun or gone on with, now that nobody else can: another process may have done so meanwhile."""
        comparison, suite = beginning.comparison, beginning.suite
        if beginning.goes_on:
            return self.resume(comparison.id)
        former = self.archive.same(suite.id, comparison.terms)
        if former is not None:
            return Beginning(former, suite, goes_on=True)
        self.archive.begin(comparison)
        return beginning

    def _recorded(self, suite: Suite) -> tuple[str, ...]:
        """The models whose answers were handed in with the suite. They need not be anybody's whom we could ask."""
        from freehold.compare.suites.recording import recorded_models

        return tuple(recorded_models(self.shelf, suite)) if suite.source.kind == "recorded" else ()

    def _terms(self, wanted: Wanted, recorded: Collection[str]) -> Terms:
        from freehold.compare.terms import Terms, named

        def model_of(name: str) -> str:
            return name if name in recorded else self._model(name, recorded)

        routes = self.settings.routes
        incumbent = model_of(wanted.incumbent)
        models = dict.fromkeys(map(model_of, wanted.candidates))
        candidates = tuple(named(one, wanted.prompt) for one in models)
        if not candidates:
            raise BadRequest("There is nothing to compare with.", hint="Name a model: `--with MODEL`.")
        if incumbent in candidates:
            raise BadRequest(f"`{incumbent}` is the incumbent itself.", hint="Compare it with another model.")
        return Terms(
            incumbent=incumbent,
            candidates=candidates,
            prompt=wanted.prompt,
            route=wanted.incumbent if wanted.incumbent in routes else None,
            margin=wanted.margin,
            alpha=wanted.alpha,
            seed=wanted.seed,
            max_cases=wanted.max_cases,
            to_the_end=wanted.to_the_end,
            fresh=wanted.fresh,
            judges_allowed=wanted.judges_allowed,
            most_failures=self.settings.compare.most_failures,
            most_without_verdict=self.settings.compare.most_without_verdict,
        )

    def _model(self, name: str, recorded: Collection[str]) -> str:
        """`provider/name` of a model, or of a route's incumbent. Raises UnknownModel, NotFound."""
        try:
            return self.settings.route_table().find(name).incumbent.name
        except UnknownModel as unknown:
            if not recorded:
                hint = self._where_models_are(name)
                raise NotFound(unknown.message, hint=hint) from None
            told = ", ".join(f"`{one}`" for one in recorded)
            raise NotFound(
                f"The suite has no answers of `{name}`, and no route or model is called so.",
                hint=f"There are answers of {told}.",
            ) from None

    def _where_models_are(self, name: str) -> str:
        """What to write in place of a name that is no route's and no model's."""
        from freehold.core.suggest import did_you_mean

        providers = (*self.settings.providers, *self.settings.pools, "local", "own")
        provider, slash, model = name.partition("/")
        if slash and provider not in providers:
            return did_you_mean(provider, providers) or "`freehold check` lists the providers."
        if provider in providers and not model:
            return f"A model of this provider is called `{provider}/NAME`; `freehold models` lists them."
        near = did_you_mean(name, self.settings.routes)
        return near or "A model is called `provider/NAME`; `freehold models` lists them."

    @contextmanager
    def _alone(self, comparison: Comparison) -> Iterator[None]:
        """Nobody else runs this suite on these terms meanwhile. Raises BadRequest."""
        import hashlib

        from freehold.store.lock import ProcessLock

        what = msgspec.json.encode((comparison.suite, comparison.terms), order="deterministic")
        name = hashlib.sha256(what).hexdigest()[:32]
        lock = ProcessLock(self.settings.data / "compare" / f"{name}.lock")
        if not lock.take():
            raise BadRequest(
                "This comparison is being run by another process.",
                hint="Wait for its end, or end it: `freehold compare list` shows it.",
            )
        try:
            yield
        finally:
            lock.release(remove=True)

    async def _rescore(self, comparison: Comparison) -> Ended:
        from freehold.compare.running.answers import KeptOnly
        from freehold.compare.running.comparing import looked_up
        from freehold.compare.running.rescoring import rescore
        from freehold.compare.running.scorers import opened

        suite = self.shelf.find(comparison.suite)
        with self._alone(comparison):
            async with opened(suite, KeptOnly(self.archive, comparison).ask) as scorers:
                await rescore(comparison, suite, scorers, shelf=self.shelf, archive=self.archive)
        return looked_up(comparison, self.archive)

    async def _run(self, beginning: Beginning, means: Means, watch: Callable[[Runner], None]) -> Ended:
        from freehold.compare.asking import Asker
        from freehold.compare.case import is_askable
        from freehold.compare.judges.settings import judge_model
        from freehold.compare.running.answers import ask_but
        from freehold.compare.running.comparing import Comparing
        from freehold.core.clock import SystemClock

        comparison, suite = beginning.comparison, beginning.suite
        recorded = self._recorded(suite)
        comparing = Comparing(comparison, suite, means, self.shelf, self.archive, goes_on=beginning.goes_on)
        async with AsyncExitStack() as held:
            heed = held.enter_context(_interruptible())

            def begin(runner: Runner) -> None:
                heed(runner)
                watch(runner)

            ask: Ask | None = None
            budget: Budget | None = None
            judges = {judge for one in suite.scorers if (judge := judge_model(one)) is not None}
            parties = {*comparison.terms.parties} - {*recorded}
            if judges or parties:
                asked = sorted({*map(comparison.terms.model_of, parties)} | judges)
                if means.ray:
                    stations = self._stations(comparison, means, recorded, asked)
                    ask, budget = await held.enter_async_context(stations)
                else:
                    parts = await held.enter_async_context(self._engine(comparison.terms, recorded))
                    budget, limits = self._budget(parts, comparison, means, asked)
                    prices, clock = self.settings.price_list(), SystemClock()
                    ask = Asker(parts.engine, prices, clock, comparison.id, limits=limits).ask
            if recorded:
                ask = ask_but(ask, recorded, is_askable)
            assert ask is not None
            return await comparing.run(ask, budget, watch=begin)

    @asynccontextmanager
    async def _engine(self, terms: Terms, recorded: Collection[str]) -> AsyncIterator[Parts]:
        """An engine in this process, whose calls are in the ledger and under the owner's limits."""
        from freehold.app.asking import open_engine

        async with open_engine(self.settings, self._routes(terms, recorded)) as parts:
            yield parts

    @asynccontextmanager
    async def _stations(
        self, comparison: Comparison, means: Means, recorded: Collection[str], asked: Collection[str]
    ) -> AsyncIterator[tuple[Ask, Budget]]:
        """Engines on a Ray cluster; the budget stays here, and each call has a share of it."""
        from freehold.app.ray_stations import open_stations
        from freehold.compare.budget import Budget, Tariffs
        from freehold.compare.spreading.driver import Driver
        from freehold.core.clock import SystemClock

        settings, routes = self.settings, self._routes(comparison.terms, recorded)
        table = settings.route_table()
        tariffs = Tariffs(settings.price_list(), settings.catalog(), SystemClock())
        _check_prices(tariffs, [table.find(name).incumbent for name in asked], means)
        budget = Budget(means.budget, comparison.charged_nano)
        async with open_stations(
            settings,
            comparison.id,
            routes,
            address=means.ray_address,
            most=means.concurrency,
            limited=means.budget is not None,
            unpriced=means.unpriced,
        ) as stations:
            yield Driver(stations, budget, tariffs, lambda name: table.find(name).incumbent).ask, budget

    def _routes(self, terms: Terms, recorded: Collection[str]) -> dict[str, Route]:
        """Each model by its own name, with the route's time limit and retries: as it would be asked in its place."""
        from freehold.routing.routes import Route

        table = self.settings.route_table()
        models = [one for one in map(terms.model_of, terms.parties) if one not in recorded]
        if not models:
            return {}
        of_route = table.find(terms.route or models[0])
        return {
            name: Route(
                name,
                table.find(name).incumbent,
                keep_bodies=of_route.keep_bodies,
                deadline=of_route.deadline,
                retries=of_route.retries,
            )
            for name in models
        }

    def _budget(
        self, parts: Parts, comparison: Comparison, means: Means, asked: Collection[str]
    ) -> tuple[Budget, BudgetedLimits]:
        from freehold.compare.budget import Budget, BudgetedLimits, Tariffs
        from freehold.core.clock import SystemClock

        settings, runtime = self.settings, parts.engine.runtime
        tariffs = Tariffs(settings.price_list(), settings.catalog(), SystemClock())
        _check_prices(tariffs, [runtime.routes.find(name).incumbent for name in asked], means)
        budget = Budget(means.budget, comparison.charged_nano)
        limits = BudgetedLimits(runtime.limits, budget, tariffs, unpriced=means.is_free_of_prices)
        in_force: Limits = limits
        parts.engine.runtime = msgspec.structs.replace(runtime, limits=in_force)
        return budget, limits


def _check_prices(tariffs: Tariffs, targets: Iterable[Target], means: Means) -> None:
    """Raises Forbidden: there is a budget, and nobody knows what one of them costs."""
    from freehold.compare.budget import unpriced

    for target in targets:
        if not means.is_free_of_prices and tariffs.of(target) is None:
            raise unpriced(target)


def check_extra() -> None:
    """Raises BadRequest: the statistics are not installed."""
    from freehold.core.extras import how_to_install

    try:
        import numpy  # noqa: F401
    except ImportError:
        raise BadRequest(
            "Comparisons need NumPy, which is not installed.", hint=how_to_install("compare")
        ) from None


def database_of(settings: Settings) -> Database:
    """Where suites and comparisons are kept."""
    from freehold.app.opening import comparisons_of

    return comparisons_of(settings)


@contextmanager
def _interruptible() -> Iterator[Callable[[Runner], None]]:
    """The first Ctrl-C asks nothing more, the second one waits for nothing. Give it the runner."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    runners: list[Runner] = []

    def interrupt() -> None:
        assert task is not None
        if runners and not runners[0].interrupted:
            runners[0].interrupt()
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield runners.append
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def open_comparisons(settings: Settings) -> Iterator[Comparisons]:
    """The comparisons of an installation, as long as they are needed."""
    with closing(Comparisons(settings)) as comparisons:
        yield comparisons
