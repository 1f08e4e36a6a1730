"""A simulated provider in a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self, TypeVar

from freehold.providers.simulated.observation import Connections, ReceivedRequest
from freehold.providers.simulated.script import Script

_T = TypeVar("_T")


class Served(Protocol):
    """A simulated provider within its own event loop."""

    @property
    def base_url(self) -> str:
        """Up to and with `/v1`."""

    @property
    def root_url(self) -> str:
        """Up to where the dialects part."""

    @property
    def control_url(self) -> str:
        """Where the control is."""

    @property
    def port(self) -> int:
        """Where models answer."""

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request that is remembered, oldest first."""

    @property
    def connections(self) -> Connections:
        """Counts of connections."""

    async def start(self) -> None:
        """Listens."""

    async def stop(self) -> None:
        """Closes the port and every connection."""

    def play(self, script: Script) -> None:
        """Starts `script` from its beginning."""

    def forget(self) -> None:
        """Forgets what was observed so far."""


class ThreadedProvider:
    """Use it as `with SimulatedProvider.in_thread(script) as provider`."""

    def __init__(self, make: Callable[[], Served]) -> None:
        self._make = make
        self._started: Future[Served] = Future()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="simulated provider", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def base_url(self) -> str:
        """Up to and with `/v1`, as OpenAI's clients want it."""
        return self._provider.base_url

    @property
    def root_url(self) -> str:
        """Up to where the dialects part, as all other clients want it."""
        return self._provider.root_url

    @property
    def control_url(self) -> str:
        """Where the control is."""
        return self._provider.control_url

    @property
    def port(self) -> int:
        """Where models answer."""
        return self._provider.port

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request that is remembered, oldest first."""
        return self._there(lambda: self._provider.requests)

    @property
    def connections(self) -> Connections:
        """Counts of connections."""
        return self._provider.connections

    def play(self, script: Script) -> None:
        """Starts `script` from its beginning."""
        self._there(lambda: self._provider.play(script))

    def forget(self) -> None:
        """Forgets what was observed so far."""
        self._there(self._provider.forget)

    def until(self, holds: Callable[[Self], bool], limit: float = 5.0) -> None:
        """Returns as soon as `holds` does. Raises TimeoutError after `limit` seconds."""
        end = time.monotonic() + limit
        while not holds(self):
            if time.monotonic() > end:
                raise TimeoutError(f"it did not come to hold within {limit} s")
            time.sleep(0.001)

    @property
    def _provider(self) -> Served:
        return self._started.result(timeout=0)

    def _there(self, call: Callable[[], _T]) -> _T:
        """Calls in the provider's thread, where nothing changes meanwhile."""
        assert self._loop is not None

        async def run() -> _T:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            provider = self._make()
            await provider.start()
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits for us
            self._started.set_exception(error)
            return
        self._started.set_result(provider)
        try:
            await self._stop.wait()
        finally:
            await provider.stop()
