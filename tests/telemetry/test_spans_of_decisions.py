"""Calls on whose model a policy decided say so in their spans; copies of calls are in no figure but that of money."""

from __future__ import annotations

import time
from decimal import Decimal

from collector import said
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from freehold.core.decision import Decision
from freehold.core.ids import new_id
from freehold.core.usage import Usage
from freehold.engine.tracing import Tracing, new_span
from freehold.gateway.metrics import Metrics
from freehold.ledger.record import Attempt, Call, Operation
from freehold.telemetry.exposition import families_of
from freehold.telemetry.facts import ModelLabels, ProviderFacts
from freehold.telemetry.figures import Figures
from freehold.telemetry.names import METRIC_ATTRIBUTES, SPAN_ATTRIBUTES
from freehold.telemetry.otlp import Envelope
from freehold.telemetry.resource import resource_of
from freehold.telemetry.spans import Spans

FACTS = {"sim": ProviderFacts("sim", "127.0.0.1", 80)}
DECISION = Decision("weighted", "sim/two", "drawn", rollout="rollout_1", arm="candidate")


def make_call(operation: Operation = "chat", decision: Decision | None = None) -> Call:
    call = Call(
        new_id("call"), time.time_ns() // 1000, operation, "openai-chat", route="plain", provider="sim",
        model="two", usage=Usage(10, 5, source="provider"), duration_ms=40.0, first_token_ms=20.0,
    )  # fmt: skip
    call.attempts = [
        Attempt("sim", "two", 0.1, 39.0, 20.0, 200, "answered", usage=call.usage, span=new_span())
    ]
    call.decision = decision
    return call


def spans_of(*calls: Call) -> list[Span]:
    spans, tracing = Spans(FACTS), Tracing(records=True)
    for call in calls:
        call.trace = tracing.begin(call.id, None)
    written = b"".join(spans.write(call, [Decimal("0.5")]) for call in calls)
    request = ExportTraceServiceRequest.FromString(Envelope(resource_of("freehold"), "new").traces(written))
    ((scope,),) = (one.scope_spans for one in request.resource_spans)
    return [span for span in scope.spans if span.kind == Span.SPAN_KIND_SERVER]


def test_a_span_says_which_policy_decided_and_why() -> None:
    other = Decision("weighted", "sim/two", "lock.state")
    decided, locked, plain = map(
        said, spans_of(make_call(decision=DECISION), make_call(decision=other), make_call())
    )
    expected = {
        "freehold.policy": "weighted",
        "freehold.policy.reason": "drawn",
        "freehold.rollout": "rollout_1",
        "freehold.arm": "candidate",
    }
    assert {name: decided[name] for name in expected} == expected
    assert locked["freehold.policy.reason"] == "lock.state", (
        "what was kept for the other span is not taken for it"
    )
    assert expected.keys() - locked.keys() == {"freehold.rollout", "freehold.arm"}
    assert not expected.keys() & plain.keys()
    assert expected.keys() <= SPAN_ATTRIBUTES.keys()


def test_a_copy_of_a_call_counts_as_money_and_as_nothing_else() -> None:
    figures = Figures(FACTS, ModelLabels([("sim", "two")]), "both")
    figures.count([(make_call("mirror"), [Decimal("0.5")]), (make_call("mirror"), [None])])
    found = {family.name: family.lines for family in families_of(figures)}
    assert {name for name, lines in found.items() if lines} == {"freehold_cost_dollars", "freehold_unpriced"}
    for lines in found.values():
        for line in lines:
            labels = dict(line.labels)
            assert (labels["freehold_operation"], labels["freehold_model"]) == ("mirror", "two")
    assert "freehold.operation" in METRIC_ATTRIBUTES
    figures.count([(make_call(), [Decimal("0.25")])])
    (cost,) = (family for family in families_of(figures) if family.name == "freehold_cost_dollars")
    assert sorted(("freehold_operation" in dict(line.labels), line.value) for line in cost.lines) == [
        (False, 0.25),
        (True, 0.5),
    ]


def test_prometheus_is_told_of_copies_apart_from_calls() -> None:
    metrics = Metrics(dict)
    metrics.observe(make_call())
    assert b"freehold_mirrors" not in metrics.encode(), "no figure where there are none"
    metrics.observe(make_call("mirror"))
    failed = make_call("mirror")
    failed.outcome, failed.error = "failed", "provider_broken"
    metrics.observe(failed)
    lines = metrics.encode().decode().splitlines()
    told = [line for line in lines if line.startswith(("freehold_mirrors_total", "freehold_calls_total"))]
    assert told == [
        'freehold_calls_total{model="two",operation="chat",outcome="answered",provider="sim"} 1.0',
        'freehold_mirrors_total{model="two",outcome="answered",provider="sim"} 1.0',
        'freehold_mirrors_total{model="two",outcome="failed",provider="sim"} 1.0',
    ]
    assert not any(line.startswith("freehold_errors_total") for line in lines)
