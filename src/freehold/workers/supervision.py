"""The process that stands over the workers: it holds the socket, the local models and the configuration."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from freehold.admin.settings import AdminSettings
from freehold.config.load import NAME, load
from freehold.config.problems import Finding
from freehold.config.settings import Settings
from freehold.config.watch import FIXED, Watch, keep_fixed
from freehold.core.errors import SettingsError
from freehold.gateway.server import listen_apart, raise_file_limit
from freehold.gateway.sums import departed
from freehold.office.server import listen_at
from freehold.providers.local.processes import LocalModels
from freehold.store.lock import clear_locks
from freehold.workers.hub import Hub
from freehold.workers.line import LineError
from freehold.workers.messages import Configuration, Order, Overview, Sought
from freehold.workers.process import WorkerProcess
from freehold.workers.remote_models import seek
from freehold.workers.supervisor import Supervisor

log = logging.getLogger("freehold.workers")

LASTING = (
    "data",
    "database",
    "access.pepper",
    "server.host",
    "server.port",
    "server.workers",
    *(f"admin.{name}" for name in AdminSettings.__struct_fields__),
)
"""Settings that workers which replace others keep, too: what the supervisor holds, or all have to agree on."""
_LINGER_SECONDS = 60.0
"""For which local models go on that no configuration wants any more: calls that began before may."""
_ALL_TAKEN_SECONDS = 10.0


class Supervision:
    """Composes it all from settings."""

    def __init__(
        self, settings: Settings, overrides: Mapping[str, object], environ: Mapping[str, str]
    ) -> None:
        self._settings = settings
        """In force."""
        self._overrides = overrides
        self._environ = environ
        self._path = settings.path or Path.cwd() / NAME
        self._text = self._read()
        """What the file says, as last read."""
        self._root = self._base = self._in_force = self._text
        self._began_with = settings
        self._version = 1
        self._problem: str | None = None
        self._local: LocalModels | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Task[None] | None = None

    async def run(self, announce: Callable[[str, Settings, str | None], None]) -> None:
        """Serve until SIGINT or SIGTERM. Raises SettingsError and StoreError."""
        raise_file_limit()
        clear_locks(self._settings.data / "workers")
        server, admin = self._settings.server, self._settings.admin
        with ExitStack() as sockets:
            listeners = [sockets.enter_context(one) for one in listen_apart(server, server.workers)]
            more = []
            if admin.enabled and admin.listen is not None:
                more.append(sockets.enter_context(listen_at(admin.listen, server)))
            await self._serve(sockets, listeners, more, announce)

    async def _serve(
        self,
        sockets: ExitStack,
        listeners: list[socket.socket],
        more: list[socket.socket],
        announce: Callable[[str, Settings, str | None], None],
    ) -> None:
        hub = Hub(
            lambda: self._supervisor.workers,
            overview=self._overview,
            address_of=self._seek,
            fold=departed,
            poke=self._look,
        )
        self._supervisor = supervisor = Supervisor(
            listeners,
            lambda number: WorkerProcess(self._order(number), hub),
            more=more,
            ended=hub.forget,
        )
        self._watch = watch = Watch(
            self._path,
            self._settings,
            reload=self._reload,
            apply=self._apply,
            refuse=self._refuse,
            restart=_tell_to_restart,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, watch.poke)
        loop.add_signal_handler(signal.SIGUSR2, self._roll)
        watching: asyncio.Task[None] | None = None
        running = asyncio.create_task(supervisor.run())
        try:
            self._begin_or_end_local_models()
            await supervisor.start()
            if not supervisor.stopping:
                watching = asyncio.create_task(_keep_watching(watch))
                announce(_url_of(listeners[0]), self._settings, _url_of(more[0]) if more else None)
            await running
        finally:
            if watching is not None:
                watching.cancel()
            if not running.done():
                supervisor.stop()
                supervisor.stop()
                await asyncio.gather(running, return_exceptions=True)
            sockets.close()  # nobody is to wait there while the models end
            if self._local is not None:
                await self._local.stop()
            await asyncio.gather(*self._ending)

    def _look(self) -> None:
        self._watch.poke()

    def _roll(self) -> None:
        """New workers take over, with all settings of the file but the lasting ones."""
        text = self._read()
        try:
            newest = load(self._path, self._environ, overrides=self._overrides, text=text)
        except SettingsError as error:
            log.error("new workers go by the configuration in force: %s", error)  # noqa: TRY400 - it says what is wrong
        else:
            base, in_vain = keep_fixed(self._began_with, newest, LASTING)
            _tell_to_restart(in_vain)
            # What else was edited is taken over in its own time, by all workers as one.
            self._settings = self._watch.current = keep_fixed(base, self._settings, FIXED)[0]
            self._base = text
        self._supervisor.roll()

    # The configuration

    def _order(self, number: int) -> Order:
        path = str(self._path) if self._in_force is not None else None
        return Order(
            number,
            path,
            dict(self._overrides),
            self._root,
            self._base,
            self._in_force,
            self._version,
            self._settings.version,
            self._problem,
        )

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            return None  # `load` says what is wrong with it

    def _reload(self) -> Settings:
        self._text = self._read()
        return load(self._path, self._environ, overrides=self._overrides, text=self._text)

    def _apply(self, settings: Settings) -> None:
        """One decision for all workers."""
        self._settings = settings
        self._problem = None
        self._in_force = self._text
        self._version += 1
        path = str(self._path) if self._text is not None else None
        news = msgspec.msgpack.encode(Configuration(self._version, settings.version, path, self._text))
        for worker in self._supervisor.workers:
            worker.tell("configure", news)
        self._begin_or_end_local_models()
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.create_task(self._tell_when_taken(self._version))

    async def _tell_when_taken(self, version: int) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _ALL_TAKEN_SECONDS
        while loop.time() < end:
            workers = [worker for worker in self._supervisor.workers if worker.running]
            problems = {worker.number: worker.problem for worker in workers if worker.problem is not None}
            if problems:
                for number, problem in problems.items():
                    log.error("the edited configuration is not in force in worker %d: %s", number, problem)
                return
            if all(worker.version >= version for worker in workers):
                log.warning("the changed configuration is in force (version %d)", version)
                return
            await asyncio.sleep(0.02)
        log.error("not all workers took the changed configuration (version %d)", version)

    def _refuse(self, problem: SettingsError) -> None:
        self._problem = problem.message
        for worker in self._supervisor.workers:
            worker.tell("refused", problem.message.encode())
        where = f"{problem.where}: " if problem.where else ""
        log.error("the edited configuration is not in force, the old one is: %s%s", where, problem)

    # What workers ask

    def _overview(self, asking: WorkerProcess) -> Overview:
        supervisor = self._supervisor
        workers = sorted(supervisor.workers, key=lambda one: (one.number, one.since_us))
        return Overview(
            wanted=len(supervisor.places),
            workers=[worker.health for worker in workers],
            restarts=supervisor.restarts,
            configuration=self._settings.version,
            problem=self._problem,
            troubles=_troubles(worker for worker in workers if worker is not asking),
            local={} if self._local is None else dict(self._local.states()),
        )

    async def _seek(self, name: str) -> AsyncIterator[Sought]:
        if self._local is None:
            raise LineError("There are no local models.")
        async for sought in seek(self._local, name):
            yield sought

    def _begin_or_end_local_models(self) -> None:
        settings = self._settings
        if any(provider.kind == "local" for provider in settings.providers.values()):
            models, memory, idle = settings.served_here(), settings.local.memory, settings.local.idle
            if self._local is None:
                self._local = LocalModels(
                    settings.data, models=models, environ=self._environ, memory=memory, idle=idle
                )
            self._local.take_over(models, memory=memory, idle=idle)
            self._local.start_all()
        elif self._local is not None:
            self._ending.add(task := asyncio.create_task(self._end(self._local)))
            task.add_done_callback(self._ending.discard)
            self._local = None

    async def _end(self, local: LocalModels) -> None:
        await self._supervisor.stops_within(_LINGER_SECONDS)
        await local.stop()


def settings_for(order: Order, environ: Mapping[str, str]) -> Settings:
    """What a worker is to work with. Raises SettingsError: a secret may be gone since the supervisor looked."""
    path = None if order.path is None else Path(order.path)
    texts = {text: load(path, environ, overrides=order.overrides, text=text) for text in _texts_of(order)}
    base, _ = keep_fixed(texts[order.root], texts[order.base], LASTING)
    return keep_fixed(base, texts[order.text], FIXED)[0]


def _texts_of(order: Order) -> set[str | None]:
    return {order.root, order.base, order.text}


def changed_settings(
    current: Settings, wanted: Configuration, order: Order, environ: Mapping[str, str]
) -> Settings:
    """What a worker is to go on with. Raises SettingsError."""
    path = None if wanted.path is None else Path(wanted.path)
    newest = load(path, environ, overrides=order.overrides, text=wanted.text)
    return keep_fixed(current, newest, FIXED)[0]


def _troubles(workers: Iterable[WorkerProcess]) -> dict[str, str]:
    found: dict[str, str] = {}
    for worker in workers:
        for name, said in worker.beat.troubles.items():
            told = f"worker {worker.number}: {said}"
            found[name] = f"{found[name]}; {told}" if name in found else told
    return found


async def _keep_watching(watch: Watch) -> None:
    while True:
        try:
            await watch.run()
        except Exception:
            log.exception("watching the configuration failed; it is tried again")
        await asyncio.sleep(1.0)


def _tell_to_restart(in_vain: tuple[Finding, ...]) -> None:
    for finding in in_vain:
        log.warning("%s %s", finding.message, finding.hint)


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
