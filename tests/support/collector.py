"""A collector: a real HTTP server that reads what it is sent with the classes that OpenTelemetry publishes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Reply:
    """How a request is answered."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    hang_up: bool = False


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Collector:
    """Use it as `with Collector() as collector`. `replies` are used up one by one; then all is well."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Received] = []
        self.replies: list[Reply] = []
        self.otherwise = Reply()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.path, headers, body, time.monotonic())
                reply = outer.replies.pop(0) if outer.replies else outer.otherwise
                outer.requests.append(received)
                if reply.delay:
                    time.sleep(reply.delay)
                if reply.hang_up:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {**reply.headers, "content-length": str(len(reply.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # who asked may have gone

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    # What it got

    @property
    def trace_requests(self) -> list[ExportTraceServiceRequest]:
        """What it was sent of traces, also what it did not take."""
        found = [one for one in list(self.requests) if one.path == "/v1/traces"]
        return [ExportTraceServiceRequest.FromString(one.body) for one in found]

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        return [
            span
            for request in self.trace_requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics_requests(self) -> list[ExportMetricsServiceRequest]:
        """What it was sent of metrics."""
        found = [one for one in list(self.requests) if one.path == "/v1/metrics"]
        return [ExportMetricsServiceRequest.FromString(one.body) for one in found]

    @property
    def metrics(self) -> dict[str, Metric]:
        """The latest state of each metric, by name."""
        return {
            metric.name: metric
            for request in self.metrics_requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def calls(self) -> list[Span]:
        """Spans of calls."""
        return [span for span in self.spans if span.kind == Span.SPAN_KIND_SERVER]

    def call(self, call_id: str) -> Span | None:
        """The span of one call."""
        return next((one for one in self.calls() if said(one)["freehold.call.id"] == call_id), None)

    def attempts(self, call: Span) -> list[Span]:
        """The spans below it, in their order."""
        below = [one for one in self.spans if one.parent_span_id == call.span_id]
        return sorted(below, key=lambda one: one.start_time_unix_nano)


def partly(refused: int) -> bytes:
    """What a collector says that did not take some of the spans."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = refused
    answer.partial_success.error_message = "too many"
    return bytes(answer.SerializeToString())


def value_of(value: AnyValue) -> Any:
    """A value as Python has it."""
    kind = value.WhichOneof("value")
    assert kind is not None
    if kind == "array_value":
        return tuple(value_of(one) for one in value.array_value.values)
    return getattr(value, kind)


def named(attributes: Iterator[KeyValue] | Any) -> dict[str, Any]:
    """Attributes by name; none may be there twice."""
    pairs = [(one.key, value_of(one.value)) for one in attributes]
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def said(span: Span) -> dict[str, Any]:
    """A span's attributes."""
    return named(span.attributes)


def points_of(metric: Metric) -> list[Any]:
    """A metric's points, of whichever kind they are."""
    kind = metric.WhichOneof("data")
    assert kind in ("sum", "histogram")
    return list(getattr(metric, kind).data_points)


Check = Callable[[], Any]
