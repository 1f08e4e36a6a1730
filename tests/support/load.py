"""Calls at a steady rate while something happens to the endpoint, and what became of each."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from types import TracebackType
from typing import Self

import msgspec
from plain_client import PlainClient

PATIENCE = 20.0
"""Seconds without a byte after which a call is given up as hanging."""


class Done(msgspec.Struct, frozen=True):
    """A call that was answered to its end. Times are seconds since 1970."""

    call: str
    sent_at: float
    done_at: float
    status: int
    body: bytes

    @property
    def took_ms(self) -> float:
        """How long the client waited."""
        return (self.done_at - self.sent_at) * 1000


class Load:
    """`rate` calls a second to `model`, every other one streamed, from `connections` connections in as many
    threads, for as long as the block lasts: `with Load(endpoint.url, endpoint.key) as load`.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        model: str = "default",
        text: str = "Hello",
        rate: float = 200.0,
        connections: int = 12,
    ) -> None:
        self.done: list[Done] = []
        """Answered, in whatever way."""
        self.broken: list[Exception] = []
        """Why calls did not come to a proper end."""
        self.begun = 0
        self._url = url
        self._key = key
        self._model = model
        self._text = text
        self._numbers = itertools.count()
        self._interval = 1 / rate
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, name="load") for _ in range(connections)]

    def until_done(self, calls: int, limit: float = 60.0) -> None:
        """Wait until so many calls more are answered."""
        target = len(self.done) + calls
        end = time.monotonic() + limit
        while len(self.done) < target:
            assert time.monotonic() < end, f"only {len(self.done)} of {target} calls: {self.broken[:3]}"
            time.sleep(0.01)

    def slowest_ms(self, share: float = 0.99, *, since: float = 0.0, until: float = float("inf")) -> float:
        """The time within which `share` of the calls sent between these moments were answered."""
        times = sorted(one.took_ms for one in self.done if since <= one.sent_at < until)
        return times[int(len(times) * share)]

    def stop(self) -> None:
        """Send no further calls, and wait for those under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _work(self) -> None:
        client: PlainClient | None = None
        while True:
            number = next(self._numbers)
            wait = self._began + number * self._interval - time.monotonic()
            if self._stop.wait(max(0.0, wait)):
                break
            if client is None:
                client = PlainClient(self._url, self._key, PATIENCE)
            sent_at = time.time()
            self.begun += 1
            try:
                answer = client.chat(self._model, f"{self._text} {number}", stream=number % 2 == 1)
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(error)
                client.close()
                client = None
                continue
            call = answer.headers.get("x-freehold-call", "")
            self.done.append(Done(call, sent_at, time.time(), answer.status, answer.body))
        if client is not None:
            client.close()
