"""What becomes of finished calls here: they are counted, and those that belong to a recorded trace become spans.

The event loop only puts a call into a queue. A thread counts and writes, and another one sends.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from freehold.catalog.prices import Pricer
from freehold.core.families import Family
from freehold.ledger.record import Call
from freehold.telemetry.attributes import Value
from freehold.telemetry.costs import costs_of
from freehold.telemetry.exposition import families_of
from freehold.telemetry.facts import ModelLabels, ProviderFacts
from freehold.telemetry.figures import Figures
from freehold.telemetry.logs import tell_of
from freehold.telemetry.otlp import Envelope
from freehold.telemetry.outbox import Outbox
from freehold.telemetry.sending import Sender
from freehold.telemetry.settings import Collector, TelemetrySettings
from freehold.telemetry.spans import ContentOf, Spans

log = logging.getLogger("freehold.telemetry")

MOST_CALLS = 10_000
"""Finished calls that wait to be counted; with bodies, if content is told. More are dropped, and counted."""
_AT_ONCE = 256
"""Calls after which the thread is woken; fewer wait for `_PAUSE`."""
_PAUSE = 0.5
_PIECE = 64
"""Calls that are dealt with before others get their turn."""


class TelemetryStatus(msgspec.Struct, frozen=True):
    """How it goes."""

    sent: int = 0
    """Spans that the collector took."""
    dropped: int = 0
    """Spans and calls that were not told: no room, or not taken."""
    queued_bytes: int = 0
    """Of spans that wait for the collector."""
    problem: str | None = None
    """Why the collector did not take the latest request; None when it did, or there is none."""

    @property
    def in_words(self) -> str:
        """For `/health/ready`."""
        said = "ok" if self.problem is None else f"the collector does not take it: {self.problem}"
        return f"{said}; {self.dropped} spans dropped" if self.dropped else said

    def figures(self) -> dict[str, tuple[str, str, float]]:
        """For `/metrics`: kind, help and value by name."""
        return {
            "freehold_telemetry_ok": (
                "gauge",
                "Whether the collector takes telemetry; 1 where there is none.",
                float(self.problem is None),
            ),
            "freehold_telemetry_sent": ("counter", "Spans that the collector took.", self.sent),
            "freehold_telemetry_dropped": ("counter", "Spans that could not be told.", self.dropped),
            "freehold_telemetry_queued_bytes": (
                "gauge",
                "Bytes of spans that wait for the collector.",
                self.queued_bytes,
            ),
        }


class Telemetry:
    """Start it, hand it finished calls, close it."""

    def __init__(
        self,
        settings: TelemetrySettings,
        providers: Mapping[str, ProviderFacts],
        labels: ModelLabels,
        pricer: Pricer,
        *,
        collector: Collector | None = None,
        resource: Mapping[str, Value] | None = None,
        tls: ssl.SSLContext | None = None,
        content: ContentOf | None = None,
    ) -> None:
        """`collector`: None: nothing is sent. `resource`: attributes of this process. `content` as for Spans."""
        self._figures = Figures(providers, labels, settings.names) if settings.metrics else None
        self._spans: Spans | None = None
        self._sender: Sender | None = None
        self._outbox = Outbox(settings.queue_bytes)
        self._labels = labels
        self._told = settings.log_calls
        self._pricer = pricer
        self._started_ns = time.time_ns()
        if collector is not None:
            self._envelope = Envelope(resource or {}, settings.names)
            self._spans = Spans(providers, settings.names, content)
            metrics = None if self._figures is None else self._metrics_request
            self._sender = Sender(collector, settings, self._envelope, self._outbox, metrics=metrics, tls=tls)
        self._inbox: deque[Call] = deque()
        self._lost = 0
        self._failures = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="freehold-telemetry", daemon=True)

    def start(self) -> None:
        """Begin; nothing is begun where there is nothing to do."""
        if self.watches:
            self._thread.start()
        if self._sender is not None:
            self._sender.start()

    def observe(self, call: Call) -> None:
        """Take in a finished call. Well under a microsecond; never blocks, never raises."""
        inbox = self._inbox
        if len(inbox) >= MOST_CALLS:
            self._lost += 1
            return
        inbox.append(call)
        if len(inbox) == _AT_ONCE:
            self._wake.set()

    def close(self, timeout: float) -> bool:
        """Count and send what waits, for up to `timeout` seconds; whether all threads have ended. Blocks."""
        ends = time.monotonic() + timeout
        self._closing = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if self._sender is None:
            return not self._thread.is_alive()
        return self._sender.close(max(0.1, ends - time.monotonic())) and not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Finished calls that wait to be counted."""
        return len(self._inbox)

    @property
    def watches(self) -> bool:
        """Whether there is anything to do with calls."""
        return self._figures is not None or self._sender is not None or self._told != "none"

    @property
    def sends(self) -> bool:
        """Whether there is a collector."""
        return self._sender is not None

    @property
    def observers(self) -> tuple[Callable[[Call], None], ...]:
        """What wants to be handed finished calls."""
        return (self.observe,) if self.watches else ()

    def take_over(self, providers: Mapping[str, ProviderFacts], models: Iterable[tuple[str, str]]) -> None:
        """The configuration has changed: these are the providers now, and the models that it names."""
        self._labels.name(models)
        if self._figures is not None:
            self._figures.take_over(providers)
        if self._spans is not None:
            self._spans = self._spans.with_providers(providers)

    @property
    def status(self) -> TelemetryStatus:
        """How it goes. Cheap."""
        sender, outbox = self._sender, self._outbox
        return TelemetryStatus(
            sent=0 if sender is None else sender.sent,
            dropped=self._lost + self._failures + outbox.dropped + (0 if sender is None else sender.refused),
            queued_bytes=outbox.held,
            problem=None if sender is None else sender.problem,
        )

    def families(self) -> list[Family]:
        """The figures, for Prometheus."""
        return [] if self._figures is None else families_of(self._figures)

    # The thread

    def _work(self) -> None:
        while True:
            self._wake.wait(_PAUSE)
            self._wake.clear()
            for piece in self._pieces():
                try:
                    self._deal_with(piece)
                except Exception:
                    log.exception("Telemetry met an error that it does not know")
                    self._failures += len(piece)
            if self._sender is not None and self._outbox:
                self._sender.poke()
            if self._closing and not self._inbox:
                return

    def _pieces(self) -> Iterator[list[Call]]:
        inbox = self._inbox
        while inbox:
            yield [inbox.popleft() for _ in range(min(_PIECE, len(inbox)))]

    def _deal_with(self, calls: list[Call]) -> None:
        if self._told != "none":
            for call in calls:
                if self._told == "all" or call.outcome != "answered":
                    tell_of(call)
        priced = [(call, costs_of(call, self._pricer)) for call in calls]
        if self._figures is not None:
            self._figures.count(priced)
        spans = self._spans
        if spans is None:
            return
        written = [
            (1 + len(call.attempts), spans.write(call, costs))
            for call, costs in priced
            if call.trace is not None and call.trace.recorded
        ]
        if written:
            self._outbox.put(sum(spans for spans, _ in written), b"".join(content for _, content in written))

    def _metrics_request(self) -> bytes:
        assert self._figures is not None
        with self._figures.lock:
            return self._envelope.metrics(self._figures.read(), self._started_ns, time.time_ns())
