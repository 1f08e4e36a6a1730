"""The composition root: settings become objects here, and nowhere else."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import secrets
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from freehold.core.errors import SettingsError

if TYPE_CHECKING:
    from freehold.access.admin_keys import AdminKeys
    from freehold.access.audit import AuditLog
    from freehold.access.key import Key
    from freehold.access.keys import Keys
    from freehold.admin.api import Api
    from freehold.batches.desk import Desk
    from freehold.catalog.prices import PriceList, Pricer
    from freehold.compare.database import Database
    from freehold.config.problems import Finding
    from freehold.config.settings import Settings
    from freehold.config.watch import Watch
    from freehold.core.clock import Clock
    from freehold.core.families import Family
    from freehold.core.money import Cost
    from freehold.core.usage import Usage
    from freehold.engine.background.background import Background
    from freehold.engine.conversations import Conversations
    from freehold.engine.engine import Engine
    from freehold.engine.runtime import Runtime
    from freehold.engine.tracing import Tracing
    from freehold.gateway.endpoint import Endpoint
    from freehold.gateway.gate import Gate
    from freehold.gateway.metrics import Metrics
    from freehold.gateway.pages import Health
    from freehold.gateway.sums import Reading
    from freehold.ledger.exporting import Export
    from freehold.ledger.filters import Filter
    from freehold.ledger.reading import LedgerReader
    from freehold.ledger.record import Call
    from freehold.ledger.reported import Change
    from freehold.ledger.spending import Spend
    from freehold.ledger.writer import Ledger, LedgerStatus
    from freehold.limits.account import Counter
    from freehold.limits.batch import Books, Standing
    from freehold.limits.clerk import ClerkStatus
    from freehold.limits.foreseeing import Foreseen
    from freehold.limits.limit import Limit, On
    from freehold.limits.service import LimitsService
    from freehold.office.premises import Premises
    from freehold.office.scribe import Scribe
    from freehold.office.server import AdminServer
    from freehold.providers.client import ProviderClient
    from freehold.providers.fetch.fetcher import Fetcher
    from freehold.providers.local.processes import LocalModels
    from freehold.replicas.sharing import Sharing
    from freehold.routing.plans import ProvidersHealth
    from freehold.store.lock import ProcessLock
    from freehold.telemetry.facts import ModelLabels, ProviderFacts
    from freehold.telemetry.telemetry import Telemetry
    from freehold.wire.openai_models import ModelEntry
    from freehold.workers.crew import Crew
    from freehold.workers.member import Member
    from freehold.workers.messages import Configuration, Order

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

log = logging.getLogger("freehold")

_REFRESH_SECONDS = 1.0
_LEDGER_CLOSE_SECONDS = 10.0
_TELEMETRY_CLOSE_SECONDS = 5.0
_MOST_PAGES = 20
"""Of a provider's list of models."""
_BUSY_SECONDS = 0.1
_FLUSH_SECONDS = 2.0
_DAY_SECONDS = 86_400.0
_READ_SECONDS = 5.0
_QUESTION_SECONDS = 20.0
"""That a server may take over a question of an administrator: the end of the process may wait for it."""
_AUDIT_SECONDS = 1.0
"""That a server may take over an entry of the audit log: the end of the process may wait for it."""
_DROPS_SECONDS = 10.0
"""Between two lines about dropped calls."""


class Started(msgspec.Struct, frozen=True):
    """What is known once the endpoint takes requests."""

    url: str
    """Without `/v1`."""
    settings: Settings
    admin_url: str | None = None
    """Where the admin API answers on a port of its own, without `/admin/v1`."""


# What the commands work with


def settings_from(config: Path | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of the file `config`, of `FREEHOLD_CONFIG`, or of `freehold.toml` in this folder.

    `overrides` come from the command line, by full name: `server.port`. Raises SettingsError.
    """
    from freehold.config.load import find_file, load

    return load(find_file(config, os.environ, Path.cwd()), os.environ, overrides=overrides)


def keys_of(settings: Settings, *, outlast: bool = False) -> Keys:
    """The keys. `outlast`: know them from before when their server cannot be reached. Raises StoreError."""
    from freehold.access.keys import Keys
    from freehold.access.pepper import pepper_of

    data, pepper = settings.data, settings.access.pepper
    return Keys(
        settings.database or data / "access.db",
        data / "secret" if pepper is None else pepper_of(pepper.reveal()),
        cache=data / "keys.cache" if outlast else None,
    )


def admin_keys_of(settings: Settings, keys: Keys) -> AdminKeys:
    """The keys of administrators, hashed with the pepper of the others."""
    from freehold.access.admin_keys import AdminKeys

    return AdminKeys(settings.database or settings.data / "access.db", keys.digest)


def audit_of(settings: Settings, *, patience: float = 5.0) -> AuditLog:
    """The log of administrative acts, in the database of the keys; `patience`: seconds that a server may take."""
    from freehold.access.audit import AuditLog

    return AuditLog(settings.database or settings.data / "access.db", patience=patience)


def has_keys(settings: Settings) -> bool:
    """Whether anybody has made a database of keys yet; of a server, that is taken for granted."""
    return settings.database is not None or (settings.data / "access.db").exists()


def history_of(settings: Settings, *, patience: float = 60.0) -> LedgerReader:
    """The ledger, to read; `patience`: seconds that a server may take over one question. Raises StoreError."""
    from freehold.ledger.reading import LedgerReader

    return LedgerReader(settings.database or settings.data / "ledger.db", patience=patience)


def comparisons_of(settings: Settings) -> Database:
    """Where suites, answers and comparisons are kept. Nothing is opened yet."""
    from freehold.compare.database import Database

    return Database(settings.database or settings.data / "compare.db")


def parquet_of(
    history: LedgerReader, to: str, chosen: Filter, *, endpoint: str | None, bodies: bool
) -> Export:
    """An export of calls to a folder or `s3://bucket/prefix`. Raises StoreError, BadRequest."""
    from freehold.ledger.exporting import Export, Target

    return Export(history, Target(to, endpoint=endpoint), chosen, bodies=bodies)


def books_of(settings: Settings, clock: Clock | None = None) -> tuple[Books, Clock]:
    """Where the counters of the limits are kept, and the clock that they go by. Raises StoreError, SettingsError."""
    from freehold.core.clock import SystemClock

    clock = clock or SystemClock()
    if settings.shared_url is None:
        from freehold.limits.filed import FiledBooks

        return FiledBooks(settings.data / "limits.db"), clock
    from freehold.limits.shared import ServerClock, SharedBooks

    server_clock = ServerClock(clock)
    return SharedBooks(
        settings.shared_url.reveal(), server_clock, prefix=settings.shared.prefix
    ), server_clock


def forecasts_of(settings: Settings, standings: Sequence[Standing], now_us: int) -> list[Foreseen]:
    """What every limit in money, and this month as a whole, will have come to. Raises StoreError."""
    from freehold.ledger.filters import Filter
    from freehold.limits.forecast import DAYS
    from freehold.limits.foreseeing import foresee
    from freehold.limits.windows import DAY_US

    history = history_of(settings)
    keys: list[Key] = []
    if has_keys(settings):
        with closing(keys_of(settings)) as opened:
            keys = opened.list()
    since_us = now_us - (DAYS + 1) * DAY_US

    def days_of(on: On, who: str | None) -> list[Spend]:
        if not history.exists:
            return []
        if on in ("team", "user"):
            ids = [key.id for key in keys if who == (key.team if on == "team" else key.user)]
            return [day for one in ids for day in history.spend("day", Filter(key_id=one, since_us=since_us))]
        words = {"key": "key_id", "route": "route", "model": "model", "provider": "provider"}
        chosen = Filter(since_us=since_us)
        if on in words:
            chosen = msgspec.structs.replace(chosen, **{words[on]: who})
        return history.spend("day", chosen)

    return foresee(tuple(settings.limits.values()), standings, days_of, now_us)


async def list_provider_models(settings: Settings, provider: str) -> list[str]:
    """Ask a provider for its models: the live part of `freehold check`. Raises ProviderError."""
    from freehold.core.errors import ProviderBroken
    from freehold.providers.client import ProviderClient
    from freehold.wire.dialect import NotAnAnswer
    from freehold.wire.model_lists import first_page, read_page

    asked = settings.providers[provider]
    client = ProviderClient(asked, tls=ssl.create_default_context())
    dialect = asked.dialects[0]
    found: list[str] = []
    query: dict[str, str] | None = first_page(dialect)
    try:
        for _ in range(_MOST_PAGES):
            if query is None:
                break
            ids, query = read_page(dialect, await client.list_models(query))
            found += ids
    except NotAnAnswer as error:
        text = f"The list of models of `{provider}` is not understood: {error}."
        raise ProviderBroken(text, provider=provider) from None
    finally:
        client.close()
    return found


# Serving


def serve(
    settings: Settings,
    *,
    overrides: Mapping[str, object] | None = None,
    announce: Callable[[Started], None],
) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once requests are taken.

    `overrides` are applied again whenever the edited configuration is read. Raises SettingsError (the address
    is taken, or an endpoint wider than loopback has no key) and StoreError.
    """
    import uvloop

    from freehold.telemetry.logs import write_lines_as

    write_lines_as(settings.server.logs, settings.server.log_level)
    if settings.server.workers > 1:
        from freehold.workers.supervision import Supervision

        supervision = Supervision(settings, overrides or {}, os.environ)
        uvloop.run(supervision.run(lambda *known: announce(Started(*known))))
        return
    uvloop.run(_Service(settings, overrides or {}).run(announce))


def serve_as_worker(listeners: list[socket.socket], end: socket.socket) -> int:
    """Serve on one of the `listeners`, as the supervisor at the other `end` says; the exit status."""
    import uvloop

    return uvloop.run(_work(listeners, end))


async def _work(listeners: list[socket.socket], end: socket.socket) -> int:
    from freehold.core.errors import FreeholdError, StoreError
    from freehold.telemetry.logs import write_lines_as
    from freehold.workers.crew import Crew
    from freehold.workers.messages import Failure
    from freehold.workers.supervision import settings_for

    crew = Crew(end)
    failure: Failure | None = None
    try:
        order = await crew.order()
        settings = settings_for(order, os.environ)
        write_lines_as(settings.server.logs, settings.server.log_level)
        await _Service(settings, order.overrides, _Place(crew, order, listeners)).run(lambda _: crew.ready())
    except* FreeholdError as errors:
        error = errors.exceptions[0]
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        kinds: dict[type[Exception], Literal["settings", "store"]] = {
            SettingsError: "settings",
            StoreError: "store",
        }
        failure = Failure(kinds.get(type(error), "other"), error.message, error.hint)
    if failure is not None:
        await crew.fail(failure)
    return 0 if failure is None else 1


class _Place(NamedTuple):
    """What a worker is given by its supervisor."""

    crew: Crew
    order: Order
    listeners: list[socket.socket]
    """Of all workers, by their places; then that of the admin API, where it has a port of its own."""


class _Prices:
    """The prices in force; the configuration may change them while the ledger's writer keeps asking."""

    def __init__(self, prices: PriceList) -> None:
        self.current = prices

    def cost_of(self, provider: str, model: str, usage: Usage, at_us: int) -> Cost:
        """As PriceList does."""
        return self.current.cost_of(provider, model, usage, at_us)


class _Memory:
    """The calls on record, those of a moment ago included. Methods raise Overloaded while it cannot be read."""

    def __init__(
        self, ledger: Ledger, history: LedgerReader, flush_others: Callable[[], None] | None = None
    ) -> None:
        """`flush_others` brings on record what other processes have answered."""
        self._ledger = ledger
        self._history = history
        self._flush_others = flush_others

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from freehold.core.errors import Overloaded, StoreError

        # A server that is away is not asked: the few threads for such questions would all wait for it.
        is_away = not isinstance(self._history.place, Path) and self._ledger.status.state == "failing"
        try:
            if is_away:
                raise StoreError("The ledger's server is away.")
            self._ledger.flush(_FLUSH_SECONDS)
            yield
        except StoreError as error:
            log.warning("An earlier call cannot be looked at: %s", error)
            raise Overloaded(
                "What was said before cannot be read now.",
                hint="Try again, or send the conversation whole.",
            ) from None

    def recall(self, call_id: str) -> Call | None:
        """The call with its bodies, if it is on record."""
        from freehold.core.errors import ClientError

        def look() -> Call | None:
            try:
                found = self._history.call(call_id).call
            except ClientError:
                return None
            return found if found.id == call_id else None  # a beginning of an id is no id

        with self._asking():
            found = look()
            if found is None and self._flush_others is not None:
                self._flush_others()
                found = look()
            return found

    def recent(self, key_id: str | None, limit: int) -> list[str]:
        """Ids of the newest chats with this key, the newest first."""
        from freehold.ledger.filters import Filter

        chosen = Filter(key_id=key_id, operation="chat")
        with self._asking():
            if self._flush_others is not None:
                self._flush_others()
            return [entry.call.id for entry in self._history.calls(chosen, limit=limit)]

    def forget(self, call_id: str) -> None:
        """Let go of the call's bodies."""
        with self._asking():
            self._ledger.forget_bodies(call_id)


class _Service:
    """The running endpoint: what lives as long as the process, and what a changed configuration swaps."""

    def __init__(
        self, settings: Settings, overrides: Mapping[str, object], place: _Place | None = None
    ) -> None:
        """`place`: among several workers; None: it is alone."""
        from freehold.store.lock import ProcessLock

        self._place = place
        self._member: Member | None = None
        self._upkeep = ProcessLock(settings.data / "upkeep.lock")
        """Of several workers, one tidies up and works batches off."""
        self._presence = ProcessLock(settings.data / "workers" / f"{secrets.token_hex(8)}.lock")
        """By which others see that this one lives."""
        self._settings = settings
        self._overrides = overrides
        self._tls = ssl.create_default_context()
        self._problem: str | None = None
        """Why the newest configuration was not taken; None when it was."""
        self._files: Fetcher | None = None
        self._health_of_providers = _new_health()
        self._limits = _new_limits(self._open_books, self._remember)
        self._sharing: Sharing | None = None
        """What other replicas know; None where there is no server to share it through."""
        self._local: LocalModels | None = None
        self._ending: list[asyncio.Task[None] | asyncio.Task[bool]] = []
        """What is on its way out: local models, telemetry."""
        self._served = False
        """Whether it came so far as to take calls."""
        self._ends = AsyncExitStack()
        """What is to be ended, in the order in which it was started."""
        self._admin: AdminServer | None = None
        """The admin API on a port of its own."""
        self._watch: Watch | None = None
        self._audit = audit_of(settings, patience=_AUDIT_SECONDS)
        self._scribe = _new_scribe(self._audit)

    async def run(self, announce: Callable[[Started], None]) -> None:
        """Start everything in its order, serve, and end what was started in the reverse order, whatever fails."""
        from freehold.core.clock import SystemClock
        from freehold.engine.engine import Engine
        from freehold.gateway.door import Door
        from freehold.gateway.gate import Gate
        from freehold.gateway.server import RunningServer, listen, raise_file_limit
        from freehold.ledger.reported import ReportedModels

        settings = self._settings
        raise_file_limit()
        async with self._ends as ends:
            ends.callback(self._upkeep.release)
            ends.callback(self._presence.release, remove=True)
            ends.callback(self._audit.close)
            self._keys = keys = keys_of(settings, outlast=True)
            ends.callback(keys.close)
            if not settings.server.loopback and not keys.usable:
                raise SettingsError(
                    f"An endpoint on `{settings.server.host}` can be reached by others, and no key exists.",
                    hint="Make one with `freehold keys create NAME`.",
                )
            place = self._place
            listener = listen(settings.server) if place is None else place.listeners[place.order.number - 1]
            ends.callback(listener.close)
            clock = SystemClock()
            ends.push_async_callback(self._take_leave)
            self._ledger = ledger = self._make_ledger(clock)
            ends.push_async_callback(self._close_ledger)
            self._reported = reported = ReportedModels(_tell_change)
            metrics = self._new_metrics(settings)
            ends.push_async_callback(self._limits.close)
            self._engine = Engine(
                self._build_runtime(settings, {}),
                clock=clock,
                observers=(ledger.record, metrics.observe, reported.observe, *self._telemetry.observers),
                begun=ledger.begun,
                tracing=_tracing_of(settings),
            )
            ends.callback(self._close_providers)
            ends.callback(self._close_telemetry)
            if place is not None:
                self._member = self._join(place, metrics, clock)
            endpoint = self._make_endpoint(Gate(Door(keys, clock.tick), metrics), metrics, clock)
            self._server = RunningServer(endpoint, settings.server, listener)
            if self._member is not None and place is not None:
                self._member.obey(self._server, place.listeners)
            ledger.start()
            self._telemetry.start()
            await self._limits.started()
            _favour_answers()
            await self._serve(keys, announce)

    def _make_ledger(self, clock: Clock) -> Ledger:
        from freehold.ledger.writer import Ledger

        settings, is_alone = self._settings, self._place is None
        self._prices = _Prices(settings.price_list())
        return Ledger(
            settings.database or settings.data / "ledger.db",
            settings.ledger,
            self._prices,
            clock,
            spool=settings.data / "spool",
            may_tidy=(lambda: True) if is_alone else self._upkeep.take,
            shared=not is_alone,
        )

    def _make_conversations(self, clock: Clock) -> tuple[Background, Conversations]:
        from freehold.engine.background.elsewhere import Elsewhere
        from freehold.engine.conversations import Conversations

        settings, ledger, member = self._settings, self._ledger, self._member
        background = _background_of(settings, ledger, clock, None if member is None else self._presence)
        if member is not None:
            member.crew.duties.respond = background.answer
        history = history_of(settings, patience=_READ_SECONDS)
        memory = _Memory(ledger, history, None if member is None else member.flush_others())
        return background, Conversations(
            memory,
            limit=settings.server.max_body_bytes,
            background=background,
            elsewhere=None if member is None else Elsewhere(member.crew),
        )

    def _make_endpoint(self, gate: Gate, metrics: Metrics, clock: Clock) -> Endpoint:
        from freehold.gateway.endpoint import Endpoint
        from freehold.gateway.filing import Filing
        from freehold.gateway.pages import Pages

        settings = self._settings.server
        background, conversations = self._make_conversations(clock)
        turn = None if self._member is None else self._upkeep
        self._desk = _desk_of(self._settings, self._engine, self._keys, conversations, clock, turn=turn)
        self._ends.push_async_callback(self._desk.stop)
        pages = Pages(
            gate,
            settings=settings,
            figures=self._encode_figures(metrics),
            health=self._tell_health if self._member is None else self._member.health,
            list_models=self._list_models,
            conversations=conversations,
        )
        return Endpoint(
            self._engine,
            gate,
            settings=settings,
            pages=pages,
            conversations=conversations,
            background=background,
            filing=Filing(self._desk, gate, settings),
            beside=self._open_admin(clock) if self._settings.admin.enabled else None,
        )

    async def _close_ledger(self) -> None:
        """All that was is written down."""
        if not await asyncio.to_thread(self._ledger.close, _LEDGER_CLOSE_SECONDS):
            log.error("the ledger could not write everything: %s", self._ledger.status)

    def _close_providers(self) -> None:
        for provider in self._engine.runtime.providers.values():
            provider.close()

    def _close_telemetry(self) -> None:
        """It has its last words while the others end."""
        last_words = asyncio.to_thread(self._telemetry.close, _TELEMETRY_CLOSE_SECONDS)
        self._ending.append(asyncio.create_task(last_words))

    async def _take_leave(self) -> None:
        """Wait for what is on its way out."""
        if self._local is not None:
            self._ending.append(asyncio.create_task(self._local.stop()))
        if self._member is not None and self._served:
            await self._member.take_leave()
        await asyncio.gather(*self._ending)

    def _open_admin(self, clock: Clock) -> Api | None:
        """The admin API, on a port of its own where there is one; given back where it is to be on this one too."""
        from freehold.admin.api import Api
        from freehold.office.office import RunningOffice

        settings = self._settings
        api = Api(RunningOffice(self._premises(clock)), settings.admin, clock.tick)
        self._ends.callback(api.close)
        if settings.admin.listen is not None:
            from freehold.office.server import AdminServer

            # Of several workers any answers there: they listen on the same socket.
            place = self._place
            listener = None if place is None else place.listeners[settings.server.workers]
            self._admin = AdminServer(api, settings.admin.listen, settings.server, listener)
            self._ends.callback(self._admin.close)
        return api if settings.admin.on_data_port else None

    def _premises(self, clock: Clock) -> Premises:
        from freehold.office.premises import Premises

        settings = self._settings
        # Keys of its own: those that calls look at are locked while they are changed.
        keys = keys_of(settings, outlast=True)
        return Premises(
            keys=keys,
            admin_keys=admin_keys_of(settings, keys),
            audit=audit_of(settings),
            history=history_of(settings, patience=_QUESTION_SECONDS),
            clock=clock,
            environ=os.environ,
            overrides=self._overrides,
            overseer=self._desk.overseer,
            providers_health=self._health_of_providers,
            settings=lambda: self._settings,
            problem=lambda: self._problem,
            poke=self._look_at_configuration,
            health=self._health,
            ledger=lambda: self._ledger.status,
            limits=lambda: self._limits.status,
            calls=lambda: self._engine.active,
            local_models=lambda: {} if self._local is None else self._local.states(),
            open_books=books_of,
            forecasts=forecasts_of,
            list_models=list_provider_models,
        )

    def _new_metrics(self, settings: Settings) -> Metrics:
        """What counts finished calls, and tells others of them."""
        from freehold.gateway.metrics import Metrics
        from freehold.telemetry.facts import ModelLabels

        self._labels = labels = ModelLabels(_seen_by_telemetry(settings)[1])
        self._telemetry = _telemetry_of(settings, labels, self._prices, self._tls)
        return Metrics(self._read_figures, families=self._read_families, label=labels.label)

    def _read_families(self) -> list[Family]:
        """Figures with labels, that others keep."""
        from freehold.core.clock import SystemClock
        from freehold.telemetry.exposition import breakers_of

        open_spots = self._health_of_providers.breakers.open_spots(SystemClock.tick())
        return [*self._telemetry.families(), breakers_of(open_spots, self._labels)]

    async def _serve(self, keys: Keys, announce: Callable[[Started], None]) -> None:
        settings = self._settings
        loop = asyncio.get_running_loop()
        self._served = True
        self._ends.push_async_callback(self._scribe.finish)
        self._sharing = _sharing_of(settings, self._health_of_providers, lambda: self._settings.version)
        if self._sharing is not None:
            self._ends.push_async_callback(self._sharing.close)
        async with asyncio.TaskGroup() as tasks:
            chores = {
                **self._chores_of_its_place(loop),
                "reading the keys anew": lambda: _refresh(keys),
                "telling of dropped calls": lambda: _tell_of_drops(self._ledger),
                "tidying files and batches": self._desk.tidy,
                "asking providers how they are": self._check_up,
                "writing the audit log": self._scribe.run,
            }
            if self._sharing is not None:
                chores["sharing what is known of providers"] = self._sharing.run
            background = [tasks.create_task(_keep_doing(name, chore)) for name, chore in chores.items()]
            self._begin_or_end_local_models()
            background.append(tasks.create_task(asyncio.to_thread(_load_dialects)))
            await _go_on(self._desk)
            self._note("endpoint.start", settings)
            admin = self._admin
            if admin is not None:
                tasks.create_task(admin.run())
            started = Started(self._server.url, settings, None if admin is None else admin.url)
            try:
                await self._server.run(started=lambda: announce(started))
            finally:
                if admin is not None:
                    admin.stop()
                for task in background:
                    task.cancel()

    # Alone, or one of several

    def _chores_of_its_place(
        self, loop: asyncio.AbstractEventLoop
    ) -> dict[str, Callable[[], Awaitable[None]]]:
        """Who says what is to be done: signals and the file or, to one of several workers, the supervisor."""
        if self._member is None:
            self._watch = watch = self._new_watch()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._server.stop)
            loop.add_signal_handler(signal.SIGHUP, watch.poke)
            loop.add_signal_handler(signal.SIGUSR2, _tell_of_roll)
            return {"watching the configuration": watch.run}
        crew = self._member.crew
        # A service manager may send it to every process, and the supervisor says so too: that is no hurry.
        loop.add_signal_handler(signal.SIGTERM, lambda: crew.leave("stop"))
        return {
            "giving signs of life": self._member.keep_beating,
            "telling of providers": self._member.keep_telling,
            "working batches off": self._desk.take_turns,
        }

    def _join(self, place: _Place, metrics: Metrics, clock: Clock) -> Member:
        from freehold.workers.findings import Findings
        from freehold.workers.member import Member

        crew, ledger = place.crew, self._ledger

        async def flush() -> None:
            await asyncio.to_thread(ledger.flush, _FLUSH_SECONDS)

        self._problem = place.order.problem
        crew.duties.configure = self._take_over
        crew.duties.refused = self._hear_of_refusal
        crew.duties.flush = flush
        crew.duties.figures = metrics.take
        findings = Findings(self._health_of_providers.breakers, clock.tick, crew.tell_breakers)
        return Member(
            crew,
            findings,
            calls=lambda: self._engine.active,
            health=self._health,
            routed=lambda: {target.name for route in self._settings.routes.values() for target in route.plan},
        )

    def _hear_of_refusal(self, problem: str) -> None:
        self._problem = problem

    def _take_over(self, wanted: Configuration) -> str | None:
        """Another configuration, as the supervisor has found it; why it cannot be taken, else None."""
        from freehold.core.errors import FreeholdError
        from freehold.workers.supervision import changed_settings

        assert self._place is not None
        try:
            self._apply(changed_settings(self._settings, wanted, self._place.order, os.environ))
        except FreeholdError as error:
            self._problem = error.message
            return error.message
        return None

    async def _tell_health(self) -> Health:
        return self._health()

    def _encode_figures(self, metrics: Metrics) -> Callable[[], Awaitable[bytes]]:
        if self._member is not None:
            return self._member.figures

        async def encode() -> bytes:
            return metrics.encode()

        return encode

    # The configuration at work

    def _look_at_configuration(self) -> None:
        if self._watch is not None:
            self._watch.poke()
        elif self._member is not None:
            self._member.crew.poke()

    def _new_watch(self) -> Watch:
        from freehold.config.load import NAME, load
        from freehold.config.watch import Watch

        path = self._settings.path or Path.cwd() / NAME
        return Watch(
            path,
            self._settings,
            reload=lambda: load(path, os.environ, overrides=self._overrides),
            apply=self._apply,
            refuse=self._refuse,
            restart=_tell_to_restart,
        )

    def _build_runtime(self, settings: Settings, known: dict[str, ProviderClient]) -> Runtime:
        """Routes and clients for `settings`; a client whose provider did not change comes from `known`."""
        from freehold.engine.runtime import Runtime
        from freehold.providers.accounts import account_of
        from freehold.providers.client import ProviderClient
        from freehold.providers.credentials import sign_for

        providers: dict[str, ProviderClient] = {}
        for name, provider in settings.providers.items():
            account = account_of(provider, self._keys.digest)
            provider = msgspec.structs.replace(provider, account=account)  # noqa: PLW2901 - and no other from here on
            client = known.get(name)
            if client is None or client.settings != provider:
                find_address = self._address_finder() if provider.kind == "local" else None
                sign = sign_for(provider, self._tls)
                client = ProviderClient(provider, tls=self._tls, find_address=find_address, sign=sign)
            providers[name] = client
        self._health_of_providers.enabled = settings.health.enabled
        return Runtime(
            settings.route_table(),
            providers,
            settings.ledger.bodies,
            self._fetcher(settings),
            settings.accounts(),
            self._health_of_providers,
            self._limits.keeper(tuple(settings.limits.values()), settings.price_list(), settings.catalog()),
        )

    async def _check_up(self) -> None:
        """Look at the providers for as long as the configuration says how often."""
        from freehold.core.clock import SystemClock
        from freehold.engine.checkups import Checkups

        every = self._settings.health.probe
        if every is None or not self._settings.health.enabled:
            return
        checkups = Checkups(self._health_of_providers, SystemClock())
        while self._settings.health.probe == every:
            if (
                self._place is None or self._upkeep.take()
            ):  # of several workers one asks, and tells the others
                await checkups.look_at_all(self._engine.runtime.providers, self._engine.runtime.accounts)
            await asyncio.sleep(checkups.spread(every))

    def _open_books(self) -> tuple[Books, Clock]:
        return books_of(self._settings)

    def _remember(self, limits: Sequence[Limit]) -> dict[Counter, int]:
        """What the ledger knows of under these limits. Blocks."""
        from freehold.core.clock import SystemClock, microseconds
        from freehold.ledger.filters import Filter
        from freehold.limits.remembering import remembered

        self._ledger.flush(_FLUSH_SECONDS)
        history = history_of(self._settings)
        if not history.exists:
            return {}
        groups = {key.id: (key.team, key.user, key.name) for key in self._keys.list()}
        outcomes = ("answered", "failed", "cut", "cancelled")  # what was refused may not have counted
        return remembered(
            limits,
            lambda by, since_us: [
                one
                for outcome in outcomes
                for one in history.spend(by, Filter(since_us=since_us, outcome=outcome))
            ],
            groups,
            microseconds(SystemClock().now()),
        )

    def _fetcher(self, settings: Settings) -> Fetcher:
        from freehold.providers.fetch.fetcher import Fetcher

        if self._files is None or self._files.settings != settings.fetch:
            self._files = Fetcher(settings.fetch, tls=self._tls)
        return self._files

    def _address_finder(self) -> Callable[[str], Awaitable[tuple[str, str]]]:
        if self._place is None:
            return self._local_models().address_of
        from freehold.workers.remote_models import RemoteModels

        return RemoteModels(self._place.crew).address_of

    def _local_models(self) -> LocalModels:
        if self._local is None:
            from freehold.providers.local.processes import LocalModels

            self._local = LocalModels(self._settings.data)
        return self._local

    def _apply(self, settings: Settings) -> None:
        """Swap routes, providers and prices as one. Calls under way finish with what they began with."""
        old = self._engine.runtime
        runtime = self._build_runtime(settings, old.providers)
        self._prices.current = settings.price_list()
        self._engine.runtime = runtime
        self._telemetry.take_over(*_seen_by_telemetry(settings))
        before, self._settings = self._settings, settings
        self._problem = None
        for name, client in old.providers.items():
            if runtime.providers.get(name) is not client:
                client.close()
        self._begin_or_end_local_models(old.providers.values())
        if self._place is None:
            self._note("configuration.change", settings, before)
            log.warning("the changed configuration is in force")
        elif self._upkeep.take():  # the supervisor says so, and one of the workers writes it down
            self._note("configuration.change", settings, before)

    def _begin_or_end_local_models(self, former: Collection[ProviderClient] = ()) -> None:
        """The embedded models run when a provider of the configuration serves them, or a `former` one still does."""
        if self._place is not None:
            return  # they are the supervisor's
        wanted = any(provider.kind == "local" for provider in self._settings.providers.values())
        if wanted:
            self._local_models().start_all()
        elif self._local is not None:
            clients = [client for client in former if client.settings.kind == "local"]
            self._ending.append(asyncio.create_task(_end(self._local, clients)))
            self._local = None

    def _note(self, act: str, settings: Settings, before: Settings | None = None) -> None:
        """Have the configuration that is in force from now on written down in the audit log."""
        from freehold import __version__
        from freehold.config.plain import changes_between, digest_of

        where = str(settings.path) if settings.path else ""
        detail: dict[str, object] = {"configuration": digest_of(settings)}
        if before is None:
            self._scribe.note("freehold", act, where, {**detail, "version": __version__})
            return
        detail |= {"before": digest_of(before), "changed": changes_between(before, settings)}
        self._scribe.note("reload", act, where, detail)

    def _refuse(self, problem: SettingsError) -> None:
        """The edited configuration was not taken."""
        self._problem = problem.message
        where = f"{problem.where}: " if problem.where else ""
        log.error("the edited configuration is not in force, the old one is: %s%s", where, problem)

    # What the endpoint shows of itself

    def _health(self) -> Health:
        from freehold.gateway.pages import Health

        status = self._ledger.status
        parts = {
            "configuration": "ok" if self._problem is None else f"an edit was not taken: {self._problem}",
            "keys": "ok"
            if self._keys.problem is None
            else f"cannot be read anew: {self._keys.problem.message}",
            "ledger": _in_words(status),
        }
        if self._telemetry.sends:
            parts["telemetry"] = self._telemetry.status.in_words
        limits = self._limits.status
        if limits is not None:
            parts["limits"] = (
                "ok"
                if limits.away is None
                else f"by this process's share, 1/{limits.processes} of what remained: {limits.away}"
            )
        if self._sharing is not None:
            parts["replicas"] = self._sharing.status.in_words(self._settings.version)
        ready = not self._server.stopping
        if self._local is not None:
            routed = {target.name for route in self._settings.routes.values() for target in route.plan}
            for name, state in self._local.states().items():
                parts[f"local/{name}"] = state
                ready = ready and (state != "starting" or f"local/{name}" not in routed)
        return Health(ready, parts, self._settings.version)

    def _read_figures(self) -> Reading:
        status = self._ledger.status
        return {
            **_limit_figures(self._limits.status),
            **_replica_figures(self._sharing, self._settings.version),
            **self._telemetry.status.figures(),
            "freehold_calls_active": ("gauge", "Calls in flight.", self._engine.active),
            "freehold_model_changes": (
                "counter",
                "Answers in which a model called itself otherwise than in the one before.",
                self._reported.changes,
            ),
            "freehold_ledger_ok": ("gauge", "Whether the ledger is written.", float(status.state == "ok")),
            "freehold_ledger_queued_bytes": ("gauge", "Bytes waiting to be written.", status.queued_bytes),
            "freehold_ledger_spooled": (
                "gauge",
                "Calls that wait on the disk for the database's server.",
                status.spooled + status.inherited,
            ),
            "freehold_ledger_spooled_bytes": ("gauge", "Bytes of those on the disk.", status.spooled_bytes),
            "freehold_ledger_written": ("counter", "Calls written to the ledger.", status.written),
            "freehold_ledger_dropped": ("counter", "Calls that could not be kept.", status.dropped),
            "freehold_ledger_bodies_dropped": (
                "counter",
                "Calls kept without bodies.",
                status.bodies_dropped,
            ),
            "freehold_configuration_ok": (
                "gauge",
                "Whether the newest configuration is the one in force.",
                float(self._problem is None),
            ),
        }

    def _list_models(self) -> list[ModelEntry]:
        from freehold.wire.openai_models import ModelEntry

        settings = self._settings
        entries = [ModelEntry(route, "freehold") for route in settings.routes]
        entries += [
            ModelEntry(f"{name}/{model}", name)
            for name, provider in settings.providers.items()
            for model in provider.models
        ]
        return entries


def _new_scribe(audit: AuditLog) -> Scribe:
    from freehold.office.scribe import Scribe

    return Scribe(audit)


def _new_limits(
    open_books: Callable[[], tuple[Books, Clock]], remember: Callable[[Sequence[Limit]], dict[Counter, int]]
) -> LimitsService:
    from freehold.limits.service import LimitsService

    return LimitsService(open_books, remember)


def _limit_figures(status: ClerkStatus | None) -> Reading:
    if status is None:
        return {}
    return {
        "freehold_limits_ok": (
            "gauge",
            "Whether limits are counted in common; else each process goes by its share.",
            float(status.away is None),
        ),
        "freehold_limits_processes": (
            "gauge",
            "Processes that share the limits, as last seen.",
            status.processes,
        ),
        "freehold_limits_absences": (
            "counter",
            "How often the common counters were out of reach.",
            status.absences,
        ),
        "freehold_limits_reserves": ("counter", "Reservations under limits.", status.reserves),
        "freehold_limits_round_trips": ("counter", "Round trips to the common counters.", status.batches),
    }


def _sharing_of(settings: Settings, health: ProvidersHealth, version: Callable[[], str]) -> Sharing | None:
    if settings.shared_url is None:
        return None
    from freehold.core.clock import SystemClock
    from freehold.core.ids import new_id
    from freehold.replicas.board import SharedBoard
    from freehold.replicas.sharing import Sharing

    board = SharedBoard(settings.shared_url.reveal(), prefix=settings.shared.prefix)
    return Sharing(board, health, SystemClock(), replica=new_id("replica"), configuration=version)


def _replica_figures(sharing: Sharing | None, version: str) -> Reading:
    if sharing is None:
        return {}
    status = sharing.status
    others = [one.note.configuration for one in status.others]
    return {
        "freehold_replicas": ("gauge", "Replicas that share a server, this one included.", 1 + len(others)),
        "freehold_replicas_ok": (
            "gauge",
            "Whether other replicas can be asked what they know of providers.",
            float(status.away is None),
        ),
        "freehold_replicas_configured_otherwise": (
            "gauge",
            "Replicas that have another configuration than this one.",
            sum(one != version for one in others),
        ),
    }


def _seen_by_telemetry(settings: Settings) -> tuple[dict[str, ProviderFacts], list[tuple[str, str]]]:
    """Providers, and the models that the configuration names."""
    from freehold.telemetry.facts import all_facts

    return all_facts(settings.providers), [(one.provider, one.model) for one in settings.models()]


def _telemetry_of(settings: Settings, labels: ModelLabels, pricer: Pricer, tls: ssl.SSLContext) -> Telemetry:
    from freehold.telemetry.resource import resource_of
    from freehold.telemetry.telemetry import Telemetry

    content = None
    if settings.telemetry.content:
        from freehold.telemetry.content import content_of

        content = content_of
    return Telemetry(
        settings.telemetry,
        _seen_by_telemetry(settings)[0],
        labels,
        pricer,
        collector=settings.collector,
        resource=resource_of(settings.telemetry.service),
        tls=tls,
        content=content,
    )


def _tracing_of(settings: Settings) -> Tracing | None:
    """What becomes of traces; None: nothing at all."""
    from freehold.engine.tracing import Tracing

    telemetry, records = settings.telemetry, settings.collector is not None
    if not records and not telemetry.propagate:
        return None
    return Tracing(records=records, share=telemetry.sample, tells=telemetry.propagate)


def _new_health() -> ProvidersHealth:
    from freehold.routing.plans import ProvidersHealth

    return ProvidersHealth(random.random)


def _tell_change(change: Change) -> None:
    log.warning("`%s` now calls itself `%s`, before `%s`", change.asked, change.now, change.before)


def _desk_of(
    settings: Settings,
    engine: Engine,
    keys: Keys,
    conversations: Conversations,
    clock: Clock,
    *,
    turn: ProcessLock | None,
) -> Desk:
    from freehold.batches.asking import Asker
    from freehold.batches.desk import Desk
    from freehold.batches.shelf import Shelf
    from freehold.batches.work import Work

    batches = settings.batches
    shelf = Shelf(settings.data, max_bytes=batches.max_bytes)
    work = Work(
        shelf,
        Asker(engine, keys, conversations),
        clock,
        concurrency=batches.concurrency,
        longest_line=settings.server.max_body_bytes,
    )
    return Desk(shelf, work, clock, batches, turn=turn)


def _background_of(
    settings: Settings, ledger: Ledger, clock: Clock, presence: ProcessLock | None
) -> Background:
    from freehold.engine.background.background import Background
    from freehold.engine.background.unfinished import UnfinishedFiles

    files = UnfinishedFiles(settings.data / "background", presence)
    days = settings.ledger.keep_bodies_days
    if days != "unlimited":
        files.tidy(clock.now() - days * _DAY_SECONDS)
    return Background(settings.background, files, settle=lambda: ledger.flush(_FLUSH_SECONDS))


async def _go_on(desk: Desk) -> None:
    """Go on with the batches that had not ended. What is wrong with them must not keep the endpoint from answering."""
    from freehold.core.errors import StoreError

    try:
        await desk.start()
    except StoreError as error:
        log.error("batches cannot be gone on with: %s", error)  # noqa: TRY400 - it says what is wrong


async def _end(local: LocalModels, clients: list[ProviderClient]) -> None:
    """End the models as soon as nobody waits for an answer of theirs any more."""
    while any(client.busy for client in clients):  # noqa: ASYNC110 - a tenth of a second matters to nobody here
        await asyncio.sleep(_BUSY_SECONDS)
    await local.stop()


def _favour_answers() -> None:
    """Let the ledger's thread and the garbage collector get in the way of answers as little as they can."""
    sys.setswitchinterval(
        0.001
    )  # what an answer may have to wait for the thread, instead of five milliseconds
    gc.collect()
    gc.freeze()  # modules and settings live as long as the process: looking through them again finds nothing
    gc.set_threshold(10_000, 20, 50)


def _load_dialects() -> None:
    """Load what translates, so that the first call in need of it does not wait for that."""
    from freehold.wire.dialects import NAMES, dialect_of

    for name in NAMES:
        dialect_of(name)


def _tell_of_roll() -> None:
    log.warning("nothing is replaced: one process answers by itself; `freehold up --workers N` has several")


def _tell_to_restart(in_vain: tuple[Finding, ...]) -> None:
    for finding in in_vain:
        log.warning("%s %s", finding.message, finding.hint)


def _in_words(status: LedgerStatus) -> str:
    """The state first, and then whatever is known to be missing since the start."""
    said = [status.state if status.reason is None else f"{status.state}: {status.reason}"]
    if status.spooled or status.inherited:
        said.append(f"{status.spooled + status.inherited} calls wait on the disk")
    if status.spool_problem:
        said.append(f"no more calls can be put on the disk: {status.spool_problem}")
    if status.dropped:
        said.append(f"{status.dropped} calls dropped")
    if status.bodies_dropped:
        said.append(f"{status.bodies_dropped} calls kept without their bodies")
    if status.incident:
        said.append(status.incident)
    return "; ".join(said)


async def _tell_of_drops(ledger: Ledger) -> None:
    """Say so in the log when calls could not be kept."""
    told = 0
    while True:
        await asyncio.sleep(_REFRESH_SECONDS)
        status = ledger.status
        if status.dropped > told:
            told = status.dropped
            reasons = ", ".join(f"{reason}: {calls}" for reason, calls in status.dropped_by.items())
            log.warning("%d calls were dropped and will not be in the ledger (%s)", told, reasons)
            await asyncio.sleep(_DROPS_SECONDS)


async def _keep_doing(name: str, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore for as long as the endpoint runs. No chore that fails may end the endpoint."""
    while True:
        try:
            await chore()
        except Exception:
            log.exception("%s failed; it is tried again", name)
        await asyncio.sleep(_REFRESH_SECONDS)


async def _refresh(keys: Keys) -> None:
    """Take over, every second, what other processes did to the keys."""
    while True:
        await asyncio.sleep(_REFRESH_SECONDS)
        await asyncio.to_thread(keys.keep_up)
