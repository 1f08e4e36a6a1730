"""Brings spans and metrics to a collector: OTLP over HTTP, from a thread of its own.

Nothing here can hold up a call. What waits is bounded in bytes, and what cannot be brought is dropped and counted.
"""

from __future__ import annotations

import http.client
import logging
import math
import random
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from freehold import __version__
from freehold.telemetry.otlp import Envelope, refused_in
from freehold.telemetry.outbox import Outbox, Waiting
from freehold.telemetry.settings import Collector, TelemetrySettings

log = logging.getLogger("freehold.telemetry")

_AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which OTLP wants the request again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_MOST_WAIT = 60.0
"""Seconds of a `Retry-After` that are heeded; a longer one is taken for this long."""
_MOST_ANSWER = 64 * 1024


class Refused(Exception):
    """The collector did not take a request."""

    def __init__(self, reason: str, *, again: bool, wait: float | None = None) -> None:
        """`again`: it may take it later, after `wait` seconds where it said so."""
        super().__init__(reason)
        self.again = again
        self.wait = wait


class Sender:
    """The thread that sends. Start it, and end it with `close`."""

    def __init__(
        self,
        collector: Collector,
        settings: TelemetrySettings,
        envelope: Envelope,
        outbox: Outbox,
        *,
        metrics: Callable[[], bytes] | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        """`metrics` gives the request that tells all metrics; None: there are none."""
        self._settings = settings
        self._envelope = envelope
        self._outbox = outbox
        self._metrics = metrics
        self._tls = tls
        self._url = urlsplit(collector.url.reveal())
        self._headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"freehold/{__version__}",
            **{name: secret.reveal() for name, secret in collector.headers.items()},
        }
        self._connection: http.client.HTTPConnection | None = None
        self._wake = threading.Event()
        self._close_by: float | None = None
        self._thread = threading.Thread(target=self._work, name="freehold-telemetry-sending", daemon=True)
        self.sent = 0
        """Spans that the collector took."""
        self.refused = 0
        """Spans that it did not take, or not in time."""
        self.problem: str | None = None
        """Why the latest request was not taken; None when it was."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def poke(self) -> None:
        """Something waits."""
        self._wake.set()

    def close(self, timeout: float) -> bool:
        """Send what waits, for up to `timeout` seconds, and end; whether the thread has ended."""
        self._close_by = time.monotonic() + timeout
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout + 0.5)
        return not self._thread.is_alive()

    # The thread

    def _work(self) -> None:
        every = math.inf if self._metrics is None else self._settings.metrics_every
        next_metrics = time.monotonic() + every
        while True:
            closing = self._close_by is not None
            if not closing and not self._outbox:
                self._wake.wait(min(1.0, max(0.0, next_metrics - time.monotonic())))
            self._wake.clear()
            try:
                while (one := self._outbox.take()) is not None:
                    self._deliver(one)
                if self._metrics is not None and (closing or time.monotonic() >= next_metrics):
                    next_metrics = time.monotonic() + every
                    self._post("/v1/metrics", self._metrics())
                    self._well()
            except Refused as refused:
                self._ill(str(refused))  # of metrics, which the next report holds too
            except Exception as error:
                log.exception("Sending telemetry met an error that it does not know")
                self._ill(f"unexpected error: {type(error).__name__}")
                time.sleep(_FIRST_PAUSE)
            if closing:
                break
        if self._connection is not None:
            self._connection.close()

    def _deliver(self, one: Waiting) -> None:
        """Send some spans, again and again for as long as that makes sense."""
        body = self._envelope.traces(one.content)
        pause = _FIRST_PAUSE
        while True:
            try:
                refused = min(one.spans, self._post("/v1/traces", body))
                self.sent += one.spans - refused
                self.refused += refused
                self._well()
            except Refused as error:
                self._ill(str(error))
                wait = random.uniform(0, pause) if error.wait is None else error.wait
                pause = min(_LONGEST_PAUSE, pause * 2)
                ends = one.since + self._settings.patience
                if self._close_by is not None:
                    ends = min(ends, self._close_by)
                if error.again and time.monotonic() + wait < ends:
                    self._rest(wait)
                    continue
                self.refused += one.spans
            return

    def _rest(self, seconds: float) -> None:
        """Wait, but not longer than until the end is near."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._close_by is None:
            time.sleep(min(left, 0.1))

    def _well(self) -> None:
        if self.problem is not None:
            log.warning("the collector takes telemetry again")
        self.problem = None

    def _ill(self, reason: str) -> None:
        if self.problem is None:
            log.warning("the collector does not take telemetry: %s", reason)
        self.problem = reason

    # HTTP

    def _post(self, path: str, body: bytes) -> int:
        """How many of what was sent were not taken, all in all being well. Raises Refused."""
        for fresh in (False, True):
            reused = self._connection is not None
            connection = self._connection or self._connect()
            self._connection = None
            try:
                connection.request("POST", self._url.path.rstrip("/") + path, body, self._headers)
                answer = connection.getresponse()
                said = answer.read(_MOST_ANSWER)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if reused and not fresh:
                    continue  # a connection that was kept alive, and not for long enough
                raise Refused(_reason(error), again=True) from None
            if answer.isclosed() and not answer.will_close:
                self._connection = connection
            else:
                connection.close()
            return self._judge(answer.status, answer.getheader("retry-after"), said)
        raise AssertionError("a fresh connection has no third try")

    def _connect(self) -> http.client.HTTPConnection:
        timeout = self._settings.timeout
        if self._close_by is not None:
            timeout = max(0.05, min(timeout, self._close_by - time.monotonic()))
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _judge(self, status: int, retry_after: str | None, said: bytes) -> int:
        if 200 <= status < 300:
            return refused_in(said)
        wait = None if retry_after is None else _seconds_in(retry_after)
        raise Refused(f"it answered {status}", again=status in _AGAIN, wait=wait)


def _reason(error: Exception) -> str:
    """Why it could not be asked, without what somebody may have said in between."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _seconds_in(retry_after: str) -> float | None:
    """Seconds, as a number or until a date; None when it is neither."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(_MOST_WAIT, max(0.0, seconds)) if math.isfinite(seconds) else None
