"""Secrets are planted, everything is done that could spill them, and then every place is searched for them."""

from __future__ import annotations

import base64
import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from plain_client import CHAT, EMBEDDINGS, Answer, chat_request
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Echo,
    ErrorEvent,
    Garbage,
    Page,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)
from freehold.providers.simulated.faults import AnyFault

FIRST_KEY = "sk-provider-first-0123456789/abcdef"
SECOND_KEY = "sk-provider-second-0123456789abcdef"
SPILL = f"Incorrect key provided: {FIRST_KEY}."
IN_JSON = '{"error":{"message":"' + SPILL.replace("/", "\\/") + '","type":"x","param":null,"code":null}}'

SPILLS: dict[str, AnyFault] = {
    **{
        f"error-{status}": Refused(status=status, message=SPILL)
        for status in (400, 401, 403, 404, 422, 429, 500, 503)
    },
    "escaped": Refused(status=400, body=IN_JSON),
    "no-json": Refused(status=400, body=f"<h1>{SPILL}</h1>"),
    "other-json": Refused(status=400, body=msgspec.json.encode({"detail": SPILL}).decode()),
    "retry-after": Refused(status=429, retry_after=FIRST_KEY),
    "page": Page(text=f"<h1>{SPILL}</h1>"),
    "event-first": ErrorEvent(after=0, message=SPILL),
    "event-later": ErrorEvent(after=4, message=SPILL, code=FIRST_KEY),
    "cut": Cut(after=4),
    "garbage": Garbage(),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    said = Behaviour(text="Yes.")
    models = {
        name: Behaviour(text="one two three four five", faults=(fault,)) for name, fault in SPILLS.items()
    }
    with SimulatedProvider.in_thread(
        Script(models={**models, "parrot": Behaviour(text=Echo()), "*": said})
    ) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    (folder / "second.key").write_text(SECOND_KEY)
    (folder / "second.key").chmod(0o600)
    toml = f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.first]
base_url = "{provider.base_url}"
api_key = "env:FIRST_KEY"
[providers.second]
base_url = "{provider.base_url}"
api_key = "file:second.key"
auth = "api-key"
[routes.default]
incumbent = "first/m"
fallbacks = ["second/m"]
"""
    with RunningEndpoint(folder, toml, environment={"FIRST_KEY": FIRST_KEY}) as running:
        yield running


@pytest.fixture(scope="module")
def answers(endpoint: RunningEndpoint, provider: ThreadedProvider) -> list[Answer]:
    """Everything that the endpoint ever said to anybody in these tests."""
    said = [*good_calls(endpoint), *spilling_calls(endpoint), *clumsy_calls(endpoint)]
    said += [endpoint.get(path) for path in ("/health/ready", "/health/live", "/metrics")]
    sent = {header for request in provider.requests for header in request.headers}
    assert ("authorization", f"Bearer {FIRST_KEY}") in sent, "the keys were in use"
    assert ("api-key", SECOND_KEY) in sent
    before = endpoint.file.read_text()
    wrong = f'[providers.third]\nbase_url = "{provider.base_url}"\napi_key = "{SECOND_KEY}"\n'
    endpoint.configure(before + wrong)
    until(lambda: endpoint.says("ERROR", "not in force"))
    said.append(endpoint.get("/health/ready"))
    endpoint.configure(before)
    until(lambda: endpoint.health["parts"]["configuration"] == "ok")
    with endpoint.connect() as client:
        # A model that repeats what it was told has answered, and an answer is not touched. On record it is.
        for stream in (False, True):
            answer = client.chat("first/parrot", f"My key is {endpoint.key}, by the way.", stream=stream)
            assert endpoint.key.encode() in answer.body
        endpoint.recorded(answer.call)
    return said


def good_calls(endpoint: RunningEndpoint) -> list[Answer]:
    with endpoint.connect() as client:
        return [
            client.chat("default"),
            client.chat("default", stream=True),
            client.chat("second/m"),
            client.post(EMBEDDINGS, {"model": "first/m", "input": "x"}),
            client.get("/v1/models"),
        ]


def spilling_calls(endpoint: RunningEndpoint) -> list[Answer]:
    """The provider repeats its key in every way it can."""
    with endpoint.connect() as client:
        return [client.chat(f"first/{name}", stream=stream) for name in SPILLS for stream in (False, True)]


def clumsy_calls(endpoint: RunningEndpoint) -> list[Answer]:
    """The client's key is everywhere but where it belongs."""
    key = endpoint.key
    request = chat_request("default")
    said = []
    for headers in (
        {"authorization": key},
        {"x_api_key": key},
        {"cookie": key},
        {"authorization": f"Basic {key}"},
    ):
        with endpoint.connect("") as client:
            said.append(client.post(CHAT, request, **headers))
    with endpoint.connect() as client:
        said += [
            client.chat("default", f"My key is {key}, by the way."),
            client.chat("default", f"My key is {key}, by the way.", stream=True),
            client.chat("default", user=key, metadata={"api_key": key}),
            client.post(CHAT, {**request, key: 1}),
            client.chat(key),
            client.chat(f"first/{key}"),
            client.post(EMBEDDINGS, {"model": "first/m", "input": key}),
            client.post(CHAT, f'{{"model": "default", {key}'.encode()),
            client.get(f"/v1/models/{key}"),
            client.get(f"/v1/{key}"),
            client.get(f"/v1/models?api_key={key}"),
            client.post(f"/health/{key}", request),
            client.post(CHAT, request, content_type=key),
            client.post(CHAT, request, x_freehold_bodies=key),
        ]
    return said


def spellings(endpoint: RunningEndpoint) -> dict[str, bytes]:
    """What to look for."""
    pepper = (endpoint.data / "secret").read_bytes()
    return {
        "the first provider's key": FIRST_KEY.encode(),
        "the same, escaped": FIRST_KEY.replace("/", "\\/").encode(),
        "the second provider's key": SECOND_KEY.encode(),
        "our key": endpoint.key.encode(),
        "most of our key": endpoint.key[10:40].encode(),
        "the pepper": pepper,
        "the pepper in hexadecimal": pepper.hex().encode(),
        "the pepper in base64": base64.b64encode(pepper),
    }


def found_in(endpoint: RunningEndpoint, text: bytes) -> list[str]:
    return [name for name, secret in spellings(endpoint).items() if secret in text]


def test_not_in_what_clients_are_told(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    for answer in answers:
        assert found_in(endpoint, answer.body + str(answer.headers).encode()) == [], answer


def test_errors_still_say_what_is_wrong(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    told = [answer.body for answer in answers]
    assert any(b"Incorrect key provided: ***" in body for body in told)
    assert any(b"fh-***" in body for body in told)
    assert any(b"The field `model` holds a key." in body for body in told)


def test_not_in_logs(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    """Elsewhere whole requests were logged, their `Authorization` among them:
    https://docs.litellm.ai/blog/guardrail-logging-secret-exposure-incident.
    """
    assert answers
    assert endpoint.log
    assert found_in(endpoint, endpoint.log.encode()) == []


def test_not_in_any_file_but_those_that_hold_them(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    """Byte for byte, the databases and their companions."""
    holders = {endpoint.folder / "second.key", endpoint.data / "secret"}
    searched = [path for path in endpoint.folder.rglob("*") if path.is_file() and path not in holders]
    assert {"ledger.db", "access.db", "log"} <= {path.name for path in searched}
    for path in searched:
        assert found_in(endpoint, path.read_bytes()) == [], path
    assert found_in(endpoint, (endpoint.data / "secret").read_bytes()) == ["the pepper"], "we can find"


def test_not_in_the_ledger_unpacked(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    entries = list(endpoint.ledger.export(with_bodies=True))
    assert len(entries) >= len([answer for answer in answers if "x-freehold-call" in answer.headers])
    bodies = 0
    for entry in entries:
        call = entry.call
        bodies += (call.request_body is not None) + (call.answer_body is not None)
        kept = msgspec.json.encode(call) + (call.request_body or b"") + (call.answer_body or b"")
        assert found_in(endpoint, kept) == [], call
    assert bodies > len(SPILLS)
    assert any(b"My key is fh-***, by the way." in (entry.call.request_body or b"") for entry in entries)


def test_not_in_what_the_commands_say(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    for words in (["calls", "export", "--bodies"], ["check"], ["keys", "list", "--all"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *words],
            cwd=endpoint.folder,
            env=endpoint.environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.stdout
        assert found_in(endpoint, done.stdout + done.stderr) == [], words


def test_files_are_for_their_owner_only(endpoint: RunningEndpoint, answers: list[Answer]) -> None:
    assert endpoint.data.stat().st_mode & 0o777 == 0o700
    for path in endpoint.data.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_redirect_is_not_followed_with_a_key_in_hand(tmp_path: Path, provider: ThreadedProvider) -> None:
    provider.forget()
    elsewhere = Script(
        models={
            "*": Behaviour(
                faults=(Page(status=307),), headers={"location": f"{provider.base_url}/chat/completions"}
            )
        }
    )
    with SimulatedProvider.in_thread(elsewhere) as moved:
        toml = f"""
[local]
enabled = false
[providers.moved]
base_url = "{moved.base_url}"
api_key = "env:FIRST_KEY"
[routes.default]
incumbent = "moved/m"
"""
        with (
            RunningEndpoint(tmp_path, toml, environment={"FIRST_KEY": FIRST_KEY}) as endpoint,
            endpoint.connect() as client,
        ):
            assert client.chat("default").status == 502
    assert provider.requests == []


# Who may reach it


WIDE = """
[server]
host = "0.0.0.0"
[local]
enabled = false
"""


def test_a_wide_address_without_a_key_is_refused(tmp_path: Path) -> None:
    endpoint = RunningEndpoint(tmp_path, WIDE)
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "up", "--json", "--port", "0"],
        cwd=tmp_path,
        env=endpoint.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    told = done.stderr.decode()
    assert "0.0.0.0" in told
    assert "freehold keys create" in told


def test_a_wide_address_with_a_key_shows_its_insides_to_nobody_else(tmp_path: Path) -> None:
    with RunningEndpoint(tmp_path, WIDE, "--new-key") as endpoint:
        port = int(endpoint.url.rsplit(":", 1)[1])
        endpoint.url = f"http://127.0.0.1:{port}"
        assert endpoint.get("/metrics").status == 401
        assert endpoint.get("/metrics", key="fh-" + "x" * 43).status == 401
        assert b"freehold_info" in endpoint.get("/metrics", key=endpoint.key).body
        assert endpoint.get("/health/live").status == 200
        assert endpoint.get("/health/ready").json() == {"ready": True, "parts": {}}
        assert endpoint.get("/health/ready", key=endpoint.key).json()["parts"]["ledger"] == "ok"
        assert endpoint.get("/v1/models").status == 401
        with endpoint.connect("") as client:
            assert client.chat("default").status == 401


def test_what_listens_on_loopback_listens_nowhere_else(endpoint: RunningEndpoint) -> None:
    port = int(endpoint.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.2", port, timeout=5).request("GET", "/health/live")
