"""Spans of real calls, as a collector reads them: through `freehold up`, with OpenAI's own client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from collector import Collector, said
from openai import APIStatusError
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from running_endpoint import RunningEndpoint, until

from freehold.core.trace import RANDOM, SAMPLED
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

MODELS = {
    "good": Behaviour(text="one two three"),
    "sick": Behaviour(text="no", faults=(Refused(status=503, message="gone"),)),
    "strict": Behaviour(text="no", faults=(Refused(status=400, message="what?"),)),
    "slow": Behaviour(text="one two three four five six seven", tokens_per_s=5.0),
    "cut": Behaviour(text="one two three four five six", faults=(Cut(after=3),)),
}


def configured(provider: ThreadedProvider, collector: Collector, more: str = "") -> str:
    return f"""
[local]
enabled = false
[telemetry]
url = "{collector.url}"
metrics_every = "500ms"
{more}
[providers.sim]
base_url = "{provider.base_url}"
prices = "own-machine"
[routes.plain]
incumbent = "sim/good"
[routes.falls]
incumbent = "sim/sick"
fallbacks = ["sim/good"]
[routes.broken]
incumbent = "sim/cut"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models=dict(MODELS))) as running:
        yield running


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    with RunningEndpoint(folder, configured(provider, collector)) as running:
        yield running


def ask(
    endpoint: RunningEndpoint, model: str, *, stream: bool = False, headers: Mapping[str, str] | None = None
) -> str:
    """The id of a call made with OpenAI's client."""
    messages: Any = [{"role": "user", "content": "hi"}]
    with endpoint.sdk() as client:
        create: Any = client.chat.completions.with_raw_response.create
        try:
            answer = create(model=model, messages=messages, stream=stream, extra_headers=headers)
            if stream:
                list(answer.parse())
        except APIStatusError as error:
            return str(error.response.headers["x-freehold-call"])
    return str(answer.headers["x-freehold-call"])


def spans_of(collector: Collector, call_id: str) -> tuple[Span, list[Span]]:
    call = until(lambda: collector.call(call_id))
    return call, collector.attempts(call)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_and_its_attempt(endpoint: RunningEndpoint, collector: Collector, *, stream: bool) -> None:
    call_id = ask(endpoint, "plain", stream=stream)
    call, (attempt,) = spans_of(collector, call_id)
    record = endpoint.recorded(call_id).call
    assert call.name == "POST /v1/chat/completions"
    assert call.trace_id.hex() == attempt.trace_id.hex() == call_id.removeprefix("call_")
    assert not call.parent_span_id
    assert call.status.code == Status.STATUS_CODE_UNSET
    assert call.start_time_unix_nano == record.started_us * 1000
    assert (call.end_time_unix_nano - call.start_time_unix_nano) / 1e6 == pytest.approx(
        record.duration_ms, abs=0.01
    )
    assert call.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.end_time_unix_nano <= call.end_time_unix_nano
    told = said(call)
    assert told["http.request.method"] == "POST"
    assert told["http.route"] == told["url.path"] == "/v1/chat/completions"
    assert told["http.response.status_code"] == 200
    assert told["freehold.route"] == "plain"
    assert told["freehold.key.id"] == record.key_id
    assert told["freehold.model"] == "sim/good"
    assert told["freehold.cost"] == 0.0
    assert attempt.name == "chat good"
    assert attempt.kind == Span.SPAN_KIND_CLIENT
    told = said(attempt)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "sim"
    assert told["gen_ai.request.model"] == "good"
    assert told["gen_ai.response.model"] == record.reported_model
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["gen_ai.usage.input_tokens"] == record.usage.input_tokens
    assert told["gen_ai.usage.output_tokens"] == record.usage.output_tokens
    assert told["server.address"] == "127.0.0.1"
    assert f":{told['server.port']}" in endpoint.file.read_text()
    assert told["freehold.reason"] == "incumbent"
    assert told.get("gen_ai.request.stream") == (True if stream else None)
    assert ("gen_ai.response.time_to_first_chunk" in told) == stream
    assert "gen_ai.input.messages" not in told
    assert "error.type" not in told


def test_a_fallback_is_a_second_attempt(endpoint: RunningEndpoint, collector: Collector) -> None:
    call, (first, second) = spans_of(collector, ask(endpoint, "falls"))
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert said(first)["error.type"] == "provider_refused"
    assert said(first)["http.response.status_code"] == 503
    assert said(second)["freehold.reason"] == "fallback"
    assert second.status.code == Status.STATUS_CODE_UNSET
    assert call.status.code == Status.STATUS_CODE_UNSET
    assert said(call)["freehold.attempts"] == 2
    assert first.span_id != second.span_id


def test_refusals_failures_and_cuts(endpoint: RunningEndpoint, collector: Collector) -> None:
    call, (attempt,) = spans_of(collector, ask(endpoint, "sim/strict"))
    assert said(call)["http.response.status_code"] == 400
    assert said(call)["freehold.outcome"] == "refused"
    assert said(call)["error.type"] == said(attempt)["error.type"] == "provider_refused"
    assert call.status.code == Status.STATUS_CODE_UNSET, "a refusal is no fault of the server"
    assert attempt.status.code == Status.STATUS_CODE_ERROR
    call, _ = spans_of(collector, ask(endpoint, "sim/sick"))
    assert call.status.code == Status.STATUS_CODE_ERROR
    call, attempts = spans_of(collector, ask(endpoint, "no such route"))
    assert attempts == []
    assert said(call)["error.type"] == "model_not_found"
    with endpoint.connect() as client:
        cut = client.chat("broken", stream=True)
    call, (attempt,) = spans_of(collector, cut.call)
    assert said(call)["freehold.outcome"] == said(attempt)["freehold.outcome"] == "cut"
    assert call.status.code == attempt.status.code == Status.STATUS_CODE_ERROR
    assert said(attempt)["freehold.usage.source"] == "counted"


def test_embeddings(endpoint: RunningEndpoint, collector: Collector) -> None:
    with endpoint.sdk() as client:
        answer = client.embeddings.with_raw_response.create(model="plain", input="hi")
    call, (attempt,) = spans_of(collector, answer.headers["x-freehold-call"])
    assert call.name == "POST /v1/embeddings"
    assert attempt.name == "embeddings good"
    assert said(attempt)["gen_ai.operation.name"] == "embeddings"
    assert said(attempt)["gen_ai.usage.input_tokens"] > 0


TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_client_s_trace_goes_on(
    endpoint: RunningEndpoint, collector: Collector, provider: ThreadedProvider
) -> None:
    provider.forget()
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=secret1,other@x=2"}
    call, (first, second) = spans_of(collector, ask(endpoint, "falls", headers=sent))
    assert call.trace_id.hex() == TRACE
    assert call.parent_span_id.hex() == PARENT
    assert call.trace_state == "vendor=secret1,other@x=2"
    assert call.flags & 0xFF == SAMPLED
    assert call.flags & 0x300 == 0x300, "its parent is elsewhere"
    headers = [dict(request.headers) for request in provider.requests]
    assert [one["traceparent"] for one in headers] == [
        f"00-{TRACE}-{span.span_id.hex()}-01" for span in (first, second)
    ]
    assert not any("tracestate" in one or "baggage" in one for one in headers)


def test_what_the_client_does_not_record_is_not_recorded(
    endpoint: RunningEndpoint, collector: Collector, provider: ThreadedProvider
) -> None:
    provider.forget()
    silent = ask(endpoint, "plain", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    told = ask(endpoint, "plain")
    spans_of(collector, told)
    assert collector.call(silent) is None
    first, second = (dict(request.headers)["traceparent"] for request in provider.requests)
    assert first == f"00-{TRACE}-{PARENT}-00"
    assert second.endswith(f"{SAMPLED | RANDOM:02x}")


@pytest.mark.parametrize("parent", ["00-x", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01"])
def test_a_malformed_trace_is_none(endpoint: RunningEndpoint, collector: Collector, parent: str) -> None:
    call_id = ask(endpoint, "plain", headers={"traceparent": parent, "tracestate": "a=b"})
    call, _ = spans_of(collector, call_id)
    assert call.trace_id.hex() == call_id.removeprefix("call_")
    assert not call.trace_state


def test_a_client_that_hangs_up(endpoint: RunningEndpoint, collector: Collector) -> None:
    messages: Any = [{"role": "user", "content": "hi"}]
    with endpoint.sdk() as client:
        create = client.chat.completions.with_streaming_response.create
        with create(model="sim/slow", messages=messages, stream=True) as answer:
            call_id = answer.headers["x-freehold-call"]
            next(answer.iter_bytes())
    call, (attempt,) = spans_of(collector, call_id)
    for span in (call, attempt):
        assert said(span)["freehold.outcome"] == "cancelled"
    assert said(call)["error.type"] == "client_gone"
    assert said(call)["http.response.status_code"] == 499
    assert call.status.code == Status.STATUS_CODE_UNSET


def test_what_it_is_of(endpoint: RunningEndpoint, collector: Collector, tmp_path: Path) -> None:
    ask(endpoint, "plain")
    request = until(lambda: collector.trace_requests)[0]
    (resource,) = request.resource_spans
    assert {one.key for one in resource.resource.attributes} >= {"service.name", "service.version"}
    (scope,) = resource.scope_spans
    assert scope.schema_url == "https://opentelemetry.io/schemas/gen-ai/1.42.0"
    assert scope.scope.name == "freehold"


@pytest.mark.parametrize("told", [True, False])
def test_without_a_collector_a_trace_is_passed_on_as_it_came(
    tmp_path: Path, provider: ThreadedProvider, *, told: bool
) -> None:
    provider.forget()
    toml = f"""
[local]
enabled = false
[telemetry]
propagate = {str(told).lower()}
[providers.sim]
base_url = "{provider.base_url}"
"""
    parent = f"00-{TRACE}-{PARENT}-01"
    with RunningEndpoint(tmp_path, toml) as endpoint:
        ask(endpoint, "sim/good", headers={"traceparent": parent, "tracestate": "a=b", "baggage": "c=d"})
        ask(endpoint, "sim/good")
    first, second = (dict(request.headers) for request in provider.requests)
    assert first.get("traceparent") == (parent if told else None)
    for headers in (first, second):
        assert "tracestate" not in headers
        assert "baggage" not in headers
    assert "traceparent" not in second


def test_only_a_share_is_recorded(tmp_path: Path, provider: ThreadedProvider) -> None:
    with Collector() as collector:
        toml = configured(provider, collector, "sample = 0")
        with RunningEndpoint(tmp_path, toml) as endpoint:
            provider.forget()
            parent = f"00-{TRACE}-{PARENT}-01"
            for _ in range(5):
                ask(endpoint, "plain")
            recorded = ask(endpoint, "plain", headers={"traceparent": parent})
            call = until(lambda: collector.call(recorded))
            assert call.parent_span_id.hex() == PARENT
            counted = "gen_ai_server_request_duration_seconds_count"
            total = sum(value for name, value in endpoint.figures.items() if name.startswith(counted))
            assert total == 6, "metrics count all calls"
        assert len(collector.calls()) == 1
        flags = {dict(request.headers)["traceparent"][-2:] for request in provider.requests}
        assert flags == {"02", "01"}
