"""A secret in every field of a request, each another one, and where each of them may be found afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from collector import Collector
from running_endpoint import RunningEndpoint, until

from freehold.core.trace import Caller
from freehold.engine.tracing import Tracing
from freehold.ledger.frames import frame
from freehold.ledger.record import Call
from freehold.providers.simulated import (
    Behaviour,
    ErrorEvent,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

PROVIDER_KEY = "sk-provider-0123456789/abcdef"
COLLECTOR_KEY = "tk-collector-0123456789abcdef"
SPILL = f"Incorrect key provided: {PROVIDER_KEY}."

BODY = {
    name: f"planted-{name}-5f3a"
    for name in (
        "system",
        "message",
        "name",
        "user",
        "metadata",
        "arguments",
        "result",
        "description",
        "stop",
        "unknown-field",
        "cache-key",
        "embedded",
    )
}
"""In the body: the provider gets them, and the ledger keeps them where it keeps bodies."""
SAID = {"system", "message", "arguments", "result", "description", "name"}
"""Those of them that are content, which spans have when that is asked for."""
ELSEWHERE = {
    name: f"planted-{name}-5f3a"
    for name in ("header", "cookie", "agent", "baggage", "query", "path", "parent", "accept", "anthropic")
}
"""Not in the body: nobody is told."""
STATE = "vendor=planted-state-5f3a"
MODEL = "planted-model-5f3a"
STRANGER = "fh-" + "s" * 43
"""A key that is none."""


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    models: dict[str, Any] = {
        "spill": Behaviour(faults=(Refused(status=400, message=SPILL),)),
        "spill-later": Behaviour(text="one two three", faults=(ErrorEvent(after=2, message=SPILL),)),
        "*": Behaviour(text="Yes."),
    }
    with SimulatedProvider.in_thread(Script(models=models)) as running:
        yield running


def request(model: str, *, stream: bool = False) -> dict[str, Any]:
    """A chat with a secret wherever there can be one."""
    call = {"name": "look", "arguments": msgspec.json.encode({"a": BODY["arguments"]}).decode()}
    look = {"name": "look", "description": BODY["description"], "parameters": {"type": "object"}}
    return {
        "model": model,
        "stream": stream,
        "messages": [
            {"role": "system", "content": BODY["system"]},
            {"role": "user", "content": BODY["message"], "name": BODY["name"]},
            {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": "c1", "content": BODY["result"]},
        ],
        "tools": [{"type": "function", "function": look}],
        "user": BODY["user"],
        "metadata": {"x": BODY["metadata"]},
        "stop": [BODY["stop"]],
        "prompt_cache_key": BODY["cache-key"],
        "x_unknown": BODY["unknown-field"],
    }


def headers() -> dict[str, str]:
    return {
        "x_custom": ELSEWHERE["header"],
        "cookie": ELSEWHERE["cookie"],
        "user_agent": ELSEWHERE["agent"],
        "baggage": ELSEWHERE["baggage"],
        "accept": ELSEWHERE["accept"],
        "anthropic_beta": ELSEWHERE["anthropic"],
    }


GOOD_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def plant(endpoint: RunningEndpoint) -> None:
    """Every kind of call."""
    path = f"/v1/chat/completions?key={ELSEWHERE['query']}&x={ELSEWHERE['query']}"
    with endpoint.connect() as client:
        for model in ("default", "sim/spill", "sim/spill-later", f"sim/{MODEL}"):
            for stream in (False, True):
                client.post(
                    path,
                    request(model, stream=stream),
                    traceparent=GOOD_PARENT,
                    tracestate=STATE,
                    **headers(),
                )
        client.post(path, request("default"), traceparent=ELSEWHERE["parent"], **headers())
        client.post("/v1/embeddings", {"model": "default", "input": BODY["embedded"]}, **headers())
        client.post(path, request("nobody-knows"), **headers())
        client.post(path, b'{"model": ' + BODY["message"].encode(), **headers())
        client.get(f"/v1/{ELSEWHERE['path']}")
        client.post(f"/v1/models/{ELSEWHERE['path']}:embedContent?key={endpoint.key}", {"content": {}})
        last = client.chat("default").call
    with endpoint.connect(STRANGER) as client:
        client.post(path, request("default"), **headers())
        client.get(f"/v1/models?key={STRANGER}")
    endpoint.recorded(last)


Places = dict[str, bytes]


@pytest.fixture(scope="module", params=["kept", "told", "nothing"])
def places(
    request: pytest.FixtureRequest, provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Places, str]]:
    """Where to look: what there is of an endpoint that keeps bodies (`kept`), tells content too, or keeps nothing."""
    kind: str = request.param
    folder = tmp_path_factory.mktemp(kind)
    with Collector() as collector:
        toml = f"""
[local]
enabled = false
[server]
log_level = "debug"
logs = "{"text" if kind == "kept" else "json"}"
[ledger]
bodies = {"false" if kind == "nothing" else "true"}
flush_ms = 10
[telemetry]
url = "{collector.url}"
headers = {{ authorization = "env:COLLECTOR_KEY" }}
names = "both"
content = {"true" if kind == "told" else "false"}
log_calls = "all"
metrics_every = "200ms"
[providers.sim]
base_url = "{provider.base_url}"
api_key = "env:PROVIDER_KEY"
[routes.default]
incumbent = "sim/m"
"""
        environment = {"PROVIDER_KEY": PROVIDER_KEY, "COLLECTOR_KEY": COLLECTOR_KEY}
        with RunningEndpoint(folder, toml, environment=environment) as endpoint:
            plant(endpoint)
            until(lambda: len(collector.calls()) >= 13)
            seen = len(collector.metrics_requests)
            until(lambda: len(collector.metrics_requests) > seen + 1)
            shown = {path: endpoint.get(path).body for path in ("/metrics", "/health/ready", "/health/live")}
            rows = [
                (
                    msgspec.json.encode(
                        msgspec.structs.replace(entry.call, request_body=None, answer_body=None)
                    ),
                    (entry.call.request_body or b"") + (entry.call.answer_body or b""),
                )
                for entry in endpoint.ledger.export(with_bodies=True)
            ]
            key = endpoint.key
        found: Places = {
            **shown,
            "log": endpoint.log.encode(),
            "spans": b"".join(one.body for one in collector.requests if one.path == "/v1/traces"),
            "metrics": b"".join(one.body for one in collector.requests if one.path == "/v1/metrics"),
            "rows": b"".join(row for row, _ in rows),
            "bodies": b"".join(bodies for _, bodies in rows),
        }
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in ("log", "secret"):
                found[f"file {path.name}"] = path.read_bytes()
    assert {"file ledger.db", "file access.db"} <= found.keys()
    assert all(found[name] for name in ("log", "spans", "metrics", "rows"))
    yield kind, found, key


def where(places: Places, secret: str) -> set[str]:
    spellings = {secret.encode(), secret.replace("/", "\\/").encode()}
    return {name for name, content in places.items() if any(one in content for one in spellings)}


def test_what_is_in_the_body(places: tuple[str, Places, str]) -> None:
    kind, found, _ = places
    for name, secret in BODY.items():
        expected = set() if kind == "nothing" else {"bodies"}
        if kind == "told" and name in SAID:
            expected = {"bodies", "spans"}
        assert where(found, secret) == expected, name


def test_what_is_elsewhere_in_the_request(places: tuple[str, Places, str]) -> None:
    _, found, _ = places
    for name, secret in ELSEWHERE.items():
        assert where(found, secret) == set(), name


def test_keys(places: tuple[str, Places, str]) -> None:
    """Of clients, of providers, and of the collector: nowhere, whoever repeats them."""
    kind, found, key = places
    for secret in (key, STRANGER, PROVIDER_KEY, COLLECTOR_KEY):
        assert where(found, secret) == set(), secret
    assert (b"Incorrect key provided: ***" in found["bodies"]) == (kind != "nothing"), "it was repeated"


def test_what_tracing_systems_tell_each_other(places: tuple[str, Places, str]) -> None:
    _, found, _ = places
    assert where(found, STATE) == {"spans"}


def test_the_name_of_a_model_is_no_secret_but_no_figure(places: tuple[str, Places, str]) -> None:
    """Whoever puts a secret there has told the provider; the ledger, spans and the log name the model too."""
    kind, found, _ = places
    named = {"spans", "rows", "log", "file ledger.db"}
    answered = {"metrics", "/metrics"}
    expected = named | answered | (set() if kind == "nothing" else {"bodies"})
    assert where(found, MODEL) == expected


def test_the_spool() -> None:
    """On the disk it holds what the ledger will: bodies where they are kept, no tracing state, no key of ours."""
    caller = Caller("a" * 32, "b" * 16, 1, STATE)
    key = "fh-" + "k" * 43
    call = Call(
        "call_" + "0" * 32, 1, "chat", "openai-chat", request_body=f"key {key} {BODY['message']}".encode()
    )
    call.trace = Tracing(records=True).begin(call.id, caller)
    for bodies in (True, False):
        (framed,) = frame([call], bodies=bodies)
        content = zstandard.ZstdDecompressor().decompress(framed.data[16:])
        assert zlib.crc32(framed.data[16:]) == int.from_bytes(framed.data[8:12], "little"), "we can read it"
        assert (BODY["message"].encode() in content) == bodies
        assert key.encode() not in content
        assert STATE.encode() not in content


def test_what_clients_are_told(tmp_path: Path, provider: ThreadedProvider) -> None:
    """Errors name what was wrong with the request, and repeat neither keys nor what was said."""
    toml = f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
api_key = "env:PROVIDER_KEY"
"""
    with RunningEndpoint(tmp_path, toml, environment={"PROVIDER_KEY": PROVIDER_KEY}) as endpoint:
        path = f"/v1/chat/completions?key={ELSEWHERE['query']}"
        answers = []
        with endpoint.connect() as client:
            for model in ("sim/spill", "sim/spill-later", "nobody-knows"):
                asked = [request(model, stream=stream) for stream in (False, True)]
                answers += [client.post(path, one, **headers()) for one in asked]
            answers.append(client.post(path, b'{"model": "x", ' + BODY["message"].encode(), **headers()))
            answers.append(client.post(path, {"messages": [BODY["message"]]}, **headers()))
        with endpoint.connect(STRANGER) as client:
            answers.append(client.post(path, request("sim/m"), **headers()))
        for answer in answers:
            said = answer.body + str(answer.headers).encode()
            for secret in (*BODY.values(), *ELSEWHERE.values(), PROVIDER_KEY, STRANGER, endpoint.key):
                assert secret.encode() not in said, (answer.status, secret)
        assert b"Incorrect key provided: ***" in answers[0].body
