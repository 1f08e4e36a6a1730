"""What telling a collector of a call costs: processor time of one call with one attempt, by three ways of making spans.

python -m benchmarks.telemetry
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, set_span_in_context

from freehold.catalog.prices import PriceList
from freehold.core.ids import new_id
from freehold.core.usage import Usage
from freehold.engine.tracing import Tracing, new_span
from freehold.ledger.record import Attempt, Call
from freehold.telemetry.costs import costs_of
from freehold.telemetry.facts import ModelLabels, ProviderFacts
from freehold.telemetry.figures import Figures
from freehold.telemetry.otlp import Envelope
from freehold.telemetry.resource import resource_of
from freehold.telemetry.spans import Spans

CALLS = 2000
ROUNDS = 7
_USAGE = Usage(
    input_tokens=812, output_tokens=145, cache_read_tokens=512, reasoning_tokens=64, source="provider"
)
_FACTS = {"openai": ProviderFacts("openai", "api.openai.com", 443)}


def a_call() -> Call:
    """As it comes from the engine."""
    call = Call(
        new_id("call"), time.time_ns() // 1000, "chat", "openai-chat", key_id="key_01", route="default",
        provider="openai", model="gpt-4o-mini", reported_model="gpt-4o-mini-2024-07-18", streamed=True,
        stop_reason="stop", usage=_USAGE, first_token_ms=210.5, duration_ms=1830.25, request_bytes=3100,
        answer_bytes=41_000, losses=("top_k",),
    )  # fmt: skip
    call.trace = Tracing(records=True).begin(call.id, None)
    call.attempts = [
        Attempt("openai", "gpt-4o-mini", 0.4, 1830.0, 210.5, 200, "answered", usage=_USAGE, span=new_span())
    ]
    return call


def microseconds(work: Callable[[Sequence[Call]], object]) -> float:
    """Processor time of one call, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        calls = [a_call() for _ in range(CALLS)]
        begun = time.thread_time()
        for start in range(0, CALLS, 64):
            work(calls[start : start + 64])
        best = min(best, time.thread_time() - begun)
    return best / CALLS * 1e6


def ours() -> Callable[[Sequence[Call]], object]:
    """Pieces of bytes joined."""
    spans, envelope = Spans(_FACTS), Envelope(resource_of("freehold"), "new")
    costs: list[Decimal | None] = [Decimal("0.0001")]
    return lambda calls: envelope.traces(b"".join(spans.write(call, costs) for call in calls))


def counted() -> Callable[[Sequence[Call]], object]:
    """The metrics alone."""
    figures = Figures(_FACTS, ModelLabels([("openai", "gpt-4o-mini")]))
    costs: list[Decimal | None] = [Decimal("0.0001")]
    return lambda calls: figures.count([(call, costs) for call in calls])


def priced() -> Callable[[Sequence[Call]], object]:
    """What the calls cost alone."""
    prices = PriceList(own={}, lists={"openai": "openai"})
    return lambda calls: [costs_of(call, prices) for call in calls]


def values_of(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same attributes, for the other ways."""
    attempt, usage = call.attempts[0], call.usage
    return {
        "http.request.method": "POST", "http.route": "/v1/chat/completions", "http.response.status_code": 200,
        "url.path": "/v1/chat/completions", "url.scheme": "http", "freehold.route": call.route,
        "freehold.key.id": call.key_id, "freehold.dialect": call.dialect, "freehold.outcome": call.outcome,
        "freehold.model": "openai/gpt-4o-mini", "freehold.attempts": 1, "freehold.losses": call.losses,
        "freehold.call.id": call.id, "http.request.body.size": call.request_bytes,
        "http.response.body.size": call.answer_bytes, "freehold.cost": 0.0001,
    }, {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": attempt.model,
        "gen_ai.request.stream": True, "gen_ai.response.model": call.reported_model,
        "gen_ai.response.finish_reasons": (call.stop_reason,), "server.address": "api.openai.com",
        "server.port": 443, "http.response.status_code": 200, "freehold.provider": "openai",
        "freehold.reason": attempt.reason, "freehold.outcome": attempt.outcome,
        "freehold.usage.source": usage.source, "gen_ai.response.time_to_first_chunk": 0.21,
        "gen_ai.usage.input_tokens": usage.input_tokens, "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens, "freehold.cost": 0.0001,
    }  # fmt: skip


def messages() -> Callable[[Sequence[Call]], object]:
    """Messages of `opentelemetry.proto`, whose insides are C (upb)."""

    def value(one: object) -> AnyValue:
        match one:
            case str():
                return AnyValue(string_value=one)
            case bool():
                return AnyValue(bool_value=one)
            case int():
                return AnyValue(int_value=one)
            case float():
                return AnyValue(double_value=one)
        assert isinstance(one, tuple)
        return AnyValue(array_value=ArrayValue(values=[value(each) for each in one]))

    def named(values: dict[str, object]) -> list[KeyValue]:
        return [KeyValue(key=key, value=value(one)) for key, one in values.items()]

    def work(calls: Sequence[Call]) -> bytes:
        spans = []
        for call in calls:
            trace, attempt, start = call.trace, call.attempts[0], call.started_us * 1000
            assert trace is not None
            of_call, of_attempt = values_of(call)
            trace_id, span_id = bytes.fromhex(trace.trace_id), bytes.fromhex(trace.span_id)
            spans += [
                ProtoSpan(
                    trace_id=trace_id, span_id=span_id, name="POST /v1/chat/completions", flags=257,
                    kind=ProtoSpan.SPAN_KIND_SERVER,
                    start_time_unix_nano=start, end_time_unix_nano=start + int(call.duration_ms * 1e6),
                    attributes=named(of_call),
                ),
                ProtoSpan(
                    trace_id=trace_id, span_id=attempt.span.to_bytes(8, "big"), parent_span_id=span_id,
                    name="chat gpt-4o-mini", kind=ProtoSpan.SPAN_KIND_CLIENT, flags=257, attributes=named(of_attempt),
                    start_time_unix_nano=start, end_time_unix_nano=start + int(attempt.end_ms * 1e6),
                ),
            ]  # fmt: skip
        scope = ScopeSpans(spans=spans)
        request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])])
        return bytes(request.SerializeToString())

    return work


class _Encoder(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


def library() -> Callable[[Sequence[Call]], object]:
    """OpenTelemetry's SDK: spans with explicit times, and its OTLP encoder."""
    exporter, provider = _Encoder(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("freehold")

    def work(calls: Sequence[Call]) -> bytes:
        for call in calls:
            start = call.started_us * 1000
            of_call, of_attempt = values_of(call)
            outer = tracer.start_span(
                "POST /v1/chat/completions",
                kind=SpanKind.SERVER,
                attributes=of_call,
                start_time=start,
            )
            inner = tracer.start_span(
                "chat gpt-4o-mini",
                set_span_in_context(outer),
                SpanKind.CLIENT,
                of_attempt,
                start_time=start,
            )
            inner.end(start + int(call.attempts[0].end_ms * 1e6))
            outer.end(start + int(call.duration_ms * 1e6))
        spans, exporter.spans = exporter.spans, []
        return bytes(encode_spans(spans).SerializeToString())

    return work


def main() -> None:
    """Measure and print."""
    for name, work in {
        "spans, ours": ours(),
        "spans, opentelemetry.proto": messages(),
        "spans, OpenTelemetry SDK": library(),
        "GenAI metrics": counted(),
        "costs": priced(),
    }.items():
        print(f"{name:28} {microseconds(work):7.1f} µs a call")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
