"""What is told of calls, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from freehold.core.secret import Secret

Names = Literal["new", "old", "both"]


class TelemetrySettings(msgspec.Struct, frozen=True):
    """The `[telemetry]` part of the configuration."""

    url: str | None = None
    """Where a collector takes OTLP over HTTP, without `/v1/traces`: `http://localhost:4318`, or `env:NAME` or
    `file:PATH`. Without it, no spans are made, and metrics are under `/metrics` alone."""
    headers: dict[str, str] = {}
    """Headers for the collector, each by reference: `{ authorization = "env:COLLECTOR_TOKEN" }`."""
    service: Annotated[str, msgspec.Meta(min_length=1)] = "freehold"
    """What the endpoint is called there: `service.name`."""
    propagate: bool = True
    """Whether providers are told which trace a call belongs to (`traceparent`, nothing else)."""
    sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The share of the traces that begin here which is sent. Calls whose client sends a trace are sent when it says
    that it records, and else not."""
    names: Names = "new"
    """Names of attributes and metrics: `new` is the GenAI conventions 1.42, `old` those up to 1.41, or `both`."""
    content: bool = False
    """Whether spans hold what was said: messages, instructions, tools, answers. Only of calls whose bodies are kept."""
    metrics: bool = True
    """Whether calls are counted by OpenTelemetry's GenAI metrics, under `/metrics` and for the collector."""
    metrics_every: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """Seconds between two reports of metrics to the collector."""
    log_calls: Literal["none", "failed", "all"] = "none"
    """Which finished calls get a line in the log: those that were not answered (`failed`), or `all`."""
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """Seconds a collector may take over one request."""
    patience: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    """Seconds for which spans that a collector does not take are tried again."""
    queue_bytes: Annotated[int, msgspec.Meta(ge=1)] = 16 * 1024 * 1024
    """Most bytes of spans that wait for the collector; the oldest are dropped for new ones, and counted."""


class Collector(msgspec.Struct, frozen=True):
    """Where OTLP is sent to."""

    url: Secret
    """Without `/v1/traces`."""
    headers: Mapping[str, Secret] = {}
    """Sent along: credentials, usually."""
