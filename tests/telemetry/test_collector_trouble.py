"""A collector that is away, slow, unwilling or talks nonsense: calls do not notice, and nothing is lost in silence."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector import Collector, Reply, partly
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes.")})) as running:
        yield running


def configured(provider: ThreadedProvider, url: str, more: str = "") -> str:
    return f"""
[local]
enabled = false
[telemetry]
url = "{url}"
metrics_every = "1h"
{more}
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
"""


def ask(endpoint: RunningEndpoint, times: int = 1) -> list[str]:
    with endpoint.connect() as client:
        answers = [client.chat("default") for _ in range(times)]
    assert {answer.status for answer in answers} == {200}
    return [answer.call for answer in answers]


def processor_seconds(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def told(collector: Collector, calls: list[str]) -> bool:
    return all(collector.call(one) is not None for one in calls)


def test_one_that_comes_back_gets_all(tmp_path: Path, provider: ThreadedProvider) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with RunningEndpoint(tmp_path, configured(provider, f"http://127.0.0.1:{port}")) as endpoint:
        calls = ask(endpoint, 3)
        until(lambda: "refused" in endpoint.health["parts"]["telemetry"])
        assert endpoint.figures["freehold_telemetry_ok"] == 0
        with Collector(port) as collector:
            until(lambda: told(collector, calls))
            until(lambda: endpoint.health["parts"]["telemetry"] == "ok")
            assert endpoint.figures["freehold_telemetry_sent_total"] == 6
            assert endpoint.figures["freehold_telemetry_dropped_total"] == 0
    assert endpoint.says("WARNING", "does not take telemetry", "refused")
    assert endpoint.says("takes telemetry again")


@pytest.mark.parametrize("status", [429, 503])
def test_asked_again_when_it_wants_that(tmp_path: Path, provider: ThreadedProvider, status: int) -> None:
    with Collector() as collector, RunningEndpoint(tmp_path, configured(provider, collector.url)) as endpoint:
        collector.replies = [Reply(status, {"retry-after": "1"})]
        calls = ask(endpoint)
        first, second = until(lambda: collector.requests if len(collector.requests) == 2 else None)
        assert first.body == second.body
        assert 1.0 <= second.at - first.at < 8.0
        assert told(collector, calls)
        until(lambda: endpoint.figures["freehold_telemetry_sent_total"] == 2)
        assert endpoint.figures["freehold_telemetry_dropped_total"] == 0


@pytest.mark.parametrize("status", [400, 401, 500])
def test_not_again_when_that_is_no_use(tmp_path: Path, provider: ThreadedProvider, status: int) -> None:
    with Collector() as collector, RunningEndpoint(tmp_path, configured(provider, collector.url)) as endpoint:
        collector.replies = [Reply(status, body=b"\xff\xfe no")]
        ask(endpoint)
        until(lambda: endpoint.figures["freehold_telemetry_dropped_total"] == 2)
        assert f"it answered {status}" in endpoint.health["parts"]["telemetry"]
        assert "2 spans dropped" in endpoint.health["parts"]["telemetry"]
        calls = ask(endpoint)
        until(lambda: told(collector, calls))
        assert len(collector.requests) == 2


def test_a_part_that_is_not_taken_is_counted(tmp_path: Path, provider: ThreadedProvider) -> None:
    with Collector() as collector, RunningEndpoint(tmp_path, configured(provider, collector.url)) as endpoint:
        collector.replies = [Reply(body=partly(1)), Reply(body=b"not protobuf at all"), Reply(hang_up=True)]
        for _ in range(3):
            before = len(collector.requests)
            ask(endpoint)
            until(lambda before=before: len(collector.requests) > before)  # type: ignore[misc]
        until(lambda: endpoint.figures["freehold_telemetry_sent_total"] == 5)
        assert endpoint.figures["freehold_telemetry_dropped_total"] == 1


def test_a_slow_one_holds_nobody_up(tmp_path: Path, provider: ThreadedProvider) -> None:
    more = 'timeout = "500ms"\npatience = "1s"\nqueue_bytes = "8KiB"'
    with Collector() as collector:
        collector.otherwise = Reply(delay=3.0)
        with RunningEndpoint(tmp_path, configured(provider, collector.url, more)) as endpoint:
            ask(endpoint)
            until(lambda: collector.requests)
            begun = time.monotonic()
            ask(endpoint, 50)
            assert time.monotonic() - begun < 5.0
            until(lambda: endpoint.figures["freehold_telemetry_dropped_total"] > 50)
            assert endpoint.figures["freehold_telemetry_queued_bytes"] <= 8 * 1024
            assert "it did not answer in time" in endpoint.health["parts"]["telemetry"]
            begun = time.monotonic()
        assert time.monotonic() - begun < 12.0, "its end is not awaited for longer than it may take"


def test_what_waits_is_told_at_the_end(tmp_path: Path, provider: ThreadedProvider) -> None:
    with Collector() as collector:
        with RunningEndpoint(tmp_path, configured(provider, collector.url)) as endpoint:
            calls = ask(endpoint, 5)
        assert told(collector, calls)
        counted = collector.metrics["gen_ai.client.inference.duration"].histogram
        assert sum(point.count for point in counted.data_points) == 5


def test_headers_are_secrets(tmp_path: Path, provider: ThreadedProvider) -> None:
    more = '[telemetry.headers]\nauthorization = "env:TOKEN"\nx-scope-orgid = "file:org"\n'
    (tmp_path / "org").write_text("tenant-1\n")
    (tmp_path / "org").chmod(0o600)
    with Collector() as collector:
        toml = configured(provider, "env:OTEL_EXPORTER_OTLP_ENDPOINT", more)
        environment = {"TOKEN": "Bearer 0123456789", "OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/otlp"}
        with RunningEndpoint(tmp_path, toml, environment=environment) as endpoint:
            ask(endpoint)
            request = until(lambda: collector.requests)[0]
        assert request.path == "/otlp/v1/traces"
        assert request.headers["authorization"] == "Bearer 0123456789"
        assert request.headers["x-scope-orgid"] == "tenant-1"
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["user-agent"].startswith("freehold/")


def test_who_sends_rests_where_there_are_no_metrics_to_send(
    tmp_path: Path, provider: ThreadedProvider
) -> None:
    with Collector() as collector:
        toml = configured(provider, collector.url, "metrics = false").replace('"1h"', '"100ms"')
        with RunningEndpoint(tmp_path, toml) as endpoint:
            calls = ask(endpoint)
            until(lambda: told(collector, calls))
            before = processor_seconds(endpoint.pid)
            time.sleep(1.5)
            assert processor_seconds(endpoint.pid) - before < 0.3
        assert {request.path for request in collector.requests} == {"/v1/traces"}


def test_without_a_collector_nothing_is_told(tmp_path: Path, provider: ThreadedProvider) -> None:
    provider.forget()
    toml = configured(provider, "x").replace('url = "x"', "metrics = false")
    with RunningEndpoint(tmp_path, toml) as endpoint:
        ask(endpoint)
        assert not any(name.startswith("gen_ai") for name in endpoint.figures)
        assert "telemetry" not in endpoint.health["parts"]
    (request,) = provider.requests
    assert "traceparent" not in dict(request.headers)
