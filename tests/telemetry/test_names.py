"""Every name that is told is on the list, and of its kind: after real calls of every sort, by each choice of names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector import Collector, named, points_of, said
from openai import APIStatusError
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    UsageNumbers,
)
from freehold.providers.simulated.script import ToolCall
from freehold.telemetry.names import (
    METRIC_ATTRIBUTES,
    METRICS,
    OLD_SCHEMA,
    RESOURCE_ATTRIBUTES,
    SCHEMA,
    SECONDS,
    SPAN_ATTRIBUTES,
    Kind,
)

KINDS: dict[Kind, type] = {"text": str, "texts": tuple, "whole": int, "fraction": float, "flag": bool}
ONLY_OLD = {"gen_ai.system", "gen_ai.usage.cache_creation.input_tokens"}
ONLY_NEW = {"gen_ai.provider.name", "gen_ai.usage.cache_write.input_tokens"}
STEERED = {"freehold.policy", "freehold.policy.reason", "freehold.rollout", "freehold.arm"}
"""Of calls on whose model a policy decided: `test_spans_of_decisions.py`."""
CONTENT = {
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.definitions",
}

USAGE = UsageNumbers(input_tokens=1000, output_tokens=50, cache_read_tokens=100, cache_write_tokens=20)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    models: dict[str, Any] = {
        "good": Behaviour(text="one two three", usage=USAGE),
        "tools": Behaviour(tool_calls=(ToolCall(name="look", arguments='{"at": "this"}'),)),
        "sick": Behaviour(faults=(Refused(status=503),)),
        "cut": Behaviour(text="one two three four", faults=(Cut(after=2),)),
        "slow": Behaviour(text="one two three four five", tokens_per_s=5.0),
    }
    with SimulatedProvider.in_thread(Script(models=models)) as running:
        yield running


def configured(provider: ThreadedProvider, collector: Collector, names: str) -> str:
    return f"""
[local]
enabled = false
[telemetry]
url = "{collector.url}/"
names = "{names}"
content = true
metrics_every = "200ms"
[providers.claude]
like = "anthropic"
base_url = "{provider.base_url}"
api_key = "env:KEY"
[providers.open]
like = "openai"
base_url = "{provider.base_url}"
api_key = "env:KEY"
[models."open/good"]
input = "1"
output = "2"
[routes.falls]
incumbent = "open/sick"
fallbacks = ["claude/good"]
[routes.tools]
incumbent = "open/tools"
"""


def all_sorts(endpoint: RunningEndpoint) -> None:
    """Calls whole and streamed, with fallbacks, errors, tools, cuts, hang-ups, embeddings."""
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    tools: Any = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    with endpoint.sdk() as client:
        chat: Any = client.chat.completions
        for stream in (False, True):
            for model in ("open/good", "claude/good", "falls"):
                answer = chat.create(model=model, messages=messages, stream=stream, seed=1)
                list(answer)
        chat.create(model="tools", messages=messages, tools=tools)
        for model in ("open/sick", "nobody"):
            with pytest.raises(APIStatusError):
                chat.create(model=model, messages=messages)
        with chat.with_streaming_response.create(model="open/slow", messages=messages, stream=True) as slow:
            next(slow.iter_bytes())
            gone = slow.headers["x-freehold-call"]
        client.embeddings.create(model="open/good", input="hi")
    with endpoint.connect() as plain:
        last = plain.chat("open/cut", stream=True).call
        plain.post("/v1/messages/count_tokens", {"model": "claude/good", "messages": messages[1:]})
    endpoint.recorded(gone)
    endpoint.recorded(last)


@pytest.fixture(scope="module", params=["new", "old", "both"])
def told(
    request: pytest.FixtureRequest, provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Collector, dict[str, float]]]:
    folder = tmp_path_factory.mktemp(request.param)
    with Collector() as collector:
        toml = configured(provider, collector, request.param)
        with RunningEndpoint(folder, toml, environment={"KEY": "sk-0123456789"}) as endpoint:
            all_sorts(endpoint)
            until(lambda: len(collector.calls()) == 13)
            figures = endpoint.figures
            assert endpoint.health["parts"]["telemetry"] == "ok"
        yield request.param, collector, figures


def test_spans(told: tuple[str, Collector, dict[str, float]]) -> None:
    names, collector, _ = told
    seen = set()
    for span in collector.spans:
        assert len(span.trace_id) == 16
        assert len(span.span_id) == 8
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        for name, value in said(span).items():
            assert type(value) is KINDS[SPAN_ATTRIBUTES[name]], (name, value)
            seen.add(name)
    missing = {"new": ONLY_OLD, "old": ONLY_NEW, "both": set[str]()}[names]
    assert set(SPAN_ATTRIBUTES) - seen == missing | STEERED, "a name on the list that nothing has is none"


def test_providers_have_their_well_known_names(told: tuple[str, Collector, dict[str, float]]) -> None:
    names, collector, _ = told
    key = "gen_ai.system" if names == "old" else "gen_ai.provider.name"
    found = {said(span).get(key) for span in collector.spans if span.kind == span.SPAN_KIND_CLIENT}
    assert found == {"openai", "anthropic"}


def test_resource_and_schema(told: tuple[str, Collector, dict[str, float]]) -> None:
    names, collector, _ = told
    for resource in collector.trace_requests[0].resource_spans:
        of = named(resource.resource.attributes)
        assert {name: type(value) for name, value in of.items()} == {
            name: KINDS[kind] for name, kind in RESOURCE_ATTRIBUTES.items()
        }
        schemas = {scope.schema_url for scope in resource.scope_spans}
        assert schemas == {OLD_SCHEMA if names == "old" else SCHEMA}


def test_metrics(told: tuple[str, Collector, dict[str, float]]) -> None:
    names, collector, _ = told
    listed = {metric.name: metric for metric in METRICS}
    for metric in collector.metrics.values():
        ours = listed.pop(metric.name)
        assert (metric.unit, metric.description) == (ours.unit, ours.meaning)
        assert metric.WhichOneof("data") == {"counter": "sum", "histogram": "histogram"}[ours.kind]
        data = getattr(metric, metric.WhichOneof("data") or "")
        assert data.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        for point in points_of(metric):
            for name, value in named(point.attributes).items():
                assert type(value) is KINDS[METRIC_ATTRIBUTES[name]], (metric.name, name, value)
            if ours.kind == "histogram":
                assert tuple(point.explicit_bounds) == ours.bounds
                assert sum(point.bucket_counts) == point.count > 0
            else:
                assert point.WhichOneof("value") == ("as_int" if ours.whole else "as_double")
    left = {name for name, metric in listed.items() if not name.startswith("freehold.")}
    expected: set[str] = set()
    if names == "new":
        expected = {name for name, metric in listed.items() if metric.old}
    if names == "old":
        expected = {one.name for one in METRICS if not one.old and not one.name.startswith("freehold.")}
    assert left == expected


def test_the_same_in_prometheus(told: tuple[str, Collector, dict[str, float]]) -> None:
    _, collector, figures = told
    shown = {name.partition("{")[0] for name in figures}
    for metric in METRICS:
        ending = "_count" if metric.kind == "histogram" else "_total"
        assert (metric.prometheus + ending in shown) == (metric.name in collector.metrics), metric.name
    assert all(name.replace("_", "").isalnum() for name in shown)


def test_figures_are_right(told: tuple[str, Collector, dict[str, float]]) -> None:
    names, _, figures = told

    def total(name: str, *words: str) -> float:
        return sum(
            value
            for line, value in figures.items()
            if line.partition("{")[0] == name and all(word in line for word in words)
        )

    good = ('freehold_provider="open"', 'gen_ai_request_model="good"')
    if names != "old":
        assert total("gen_ai_client_inference_usage_input_tokens_total", *good) == 2000
        assert total("gen_ai_client_inference_usage_output_tokens_total", *good) == 100
        assert total("gen_ai_client_inference_usage_cache_read_input_tokens_total", *good) == 200
        assert total("gen_ai_client_inference_duration_seconds_count", *good) == 2
        assert total("gen_ai_client_inference_time_to_first_chunk_seconds_count", *good) == 1
        assert total("gen_ai_client_inference_duration_seconds_count", 'error_type="provider_refused"') == 3
        assert total("gen_ai_client_embeddings_duration_seconds_count") == 1
        assert total("gen_ai_server_request_duration_seconds_count", 'gen_ai_request_model="falls"') == 2
    if names != "new":
        assert total("gen_ai_client_token_usage_sum", *good, 'type="input"') == 3000
        assert total("gen_ai_client_operation_duration_seconds_count", *good) == 3
    cost = total("freehold_cost_dollars_total", 'freehold_model="good"', 'freehold_provider="open"')
    assert cost == pytest.approx((3 * 1000 * 1 + 2 * 50 * 2) / 1e6), "two chats and an embedding"
    assert total("freehold_telemetry_dropped_total") == 0


def test_the_bounds_are_the_conventions() -> None:
    assert [round(bound, 2) for bound in SECONDS] == [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ]  # fmt: skip


def test_names_that_clients_invent_are_not_told_apart(tmp_path: Path, provider: ThreadedProvider) -> None:
    toml = (
        f'[local]\nenabled = false\n[providers.open]\nbase_url = "{provider.base_url}"\nmodels = ["good"]\n'
    )
    with RunningEndpoint(tmp_path, toml) as endpoint, endpoint.connect() as client:

        def invent(numbers: range) -> dict[str, float]:
            for number in numbers:
                assert client.chat(f"open/invented-{number}").status == 404
                client.chat(f"invented-{number}")
            name = "gen_ai_client_inference_duration_seconds_count"

            def counted() -> dict[str, float] | None:
                figures = endpoint.figures
                others = [one for one in figures if one.startswith(name) and 'request_model="other"' in one]
                return figures if sum(figures[one] for one in others) == numbers.stop else None

            return until(counted)

        before, after = invent(range(3)), invent(range(3, 30))
        assert after.keys() == before.keys(), "thirty names are not more than three"
        assert not any("invented" in name for name in after)
