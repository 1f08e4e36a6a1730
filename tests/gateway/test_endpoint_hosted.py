"""Claude at Amazon and at Google, by the presets and with their real credentials: signatures, tokens, and the bytes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from fetching import PNG
from plain_client import Answer
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import (
    Behaviour,
    Describe,
    Echo,
    ErrorEvent,
    Malformed,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

KEY_ID, SECRET = "AKIDEXAMPLE", "the-secret-of-the-access-key"
ACCOUNT = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = ACCOUNT.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = ACCOUNT.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

MODELS: dict[str, Behaviour | tuple[Behaviour, ...]] = {
    "parrot": Behaviour(text=Echo()),
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": Behaviour(text=Echo()),
    "witness": Behaviour(text=Describe()),
    "busy": Behaviour(faults=(Refused(status=429, message="Slow down.", retry_after="7"),)),
    "picky": Behaviour(faults=(Refused(status=400, message="Too hot for me."),)),
    "sorry": Behaviour(text="one two three four", faults=(ErrorEvent(after=6, message="Out of breath."),)),
    "garbled": Behaviour(text="one two three four", faults=(Malformed(after=6),)),
}
SCRIPT = Script(
    key=KEY_ID,  # which is also the access token that Google gives
    aws_secret=SECRET,
    google_key=PUBLIC,
    models=MODELS,
)
PREDICTED = "/v1/projects/acme/locations/europe-west1/publishers/anthropic"
CONFIGURATION = f"""
[local]
enabled = false

[ledger]
flush_ms = 10

[fetch]
allow = ["{{pictures}}"]
ports = [{{port}}]

[providers.amazon]
like = "bedrock-anthropic"
base_url = "{{root}}"
auth = "aws"
api_key = "env:AWS_SECRET"
access_key_id = "env:AWS_ID"
region = "us-east-1"

[providers.google]
like = "vertex-anthropic"
base_url = "{{root}}{PREDICTED}"
api_key = "file:account.json"

[providers.mine]
like = "anthropic"
base_url = "{{root}}/v1"
api_key = "env:AWS_ID"
headers = {{ anthropic-version = "2023-06-01", Anthropic-Beta = "house-2026" }}

[providers.chat]
base_url = "{{root}}/v1"
api_key = "env:AWS_ID"

[routes.profile]
incumbent = "amazon/us.anthropic.claude-haiku-4-5-20251001-v1:0"
"""
HOSTS = ("amazon", "google")
each_host = pytest.mark.parametrize("host", HOSTS)


class Picture(BaseHTTPRequestHandler):
    """Serves one picture."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, format: str, *words: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Picture) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def running() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as provider:
        yield provider


@pytest.fixture(scope="module")
def endpoint(
    running: ThreadedProvider, pictures: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    folder: Path = tmp_path_factory.mktemp("hosted")
    account = {
        "client_email": "robot@acme.iam.gserviceaccount.com",
        "private_key": PEM,
        "token_uri": f"{running.root_url}/token",
    }
    (folder / "account.json").write_text(json.dumps(account))
    (folder / "account.json").chmod(0o600)
    toml = CONFIGURATION.replace("{root}", running.root_url).replace("{port}", str(pictures))
    toml = toml.replace("{pictures}", f"127.0.0.1:{pictures}")
    environment = {"AWS_SECRET": SECRET, "AWS_ID": KEY_ID}
    with RunningEndpoint(folder, toml, environment=environment) as endpoint:
        yield endpoint


@pytest.fixture
def provider(running: ThreadedProvider) -> ThreadedProvider:
    running.play(SCRIPT)
    running.forget()
    return running


@pytest.fixture
def claude(endpoint: RunningEndpoint) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0) as client:
        yield client


def message(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}], **fields}


def post(endpoint: RunningEndpoint, body: dict[str, Any] | bytes, **headers: str) -> Answer:
    with endpoint.connect() as client:
        return client.post("/v1/messages", body, **headers)


@each_host
def test_only_what_hosting_asks_for_is_changed(
    endpoint: RunningEndpoint, provider: ThreadedProvider, host: str
) -> None:
    kept = b'"messages": [ {"role":"user", "content":"H\\u0065llo"} ],"top_k":5,"metadata":{ "user_id":"x"}'
    answer = post(endpoint, b'{"model":"%b/parrot","max_tokens":1e1,%b}' % (host.encode(), kept))
    assert answer.status == 200, answer.body
    assert "x-freehold-losses" not in answer.headers
    last = provider.requests[-1]
    assert last.target == (
        "/model/parrot/invoke" if host == "amazon" else f"{PREDICTED}/models/parrot:rawPredict"
    )
    version = "bedrock-2023-05-31" if host == "amazon" else "vertex-2023-10-16"
    assert last.body == (
        b'{"anthropic_version":"%b","max_tokens":1e1,"messages":[ {"role":"user", "content":"H\\u0065llo"} ],'
        b'"top_k":5,"metadata":{ "user_id":"x"}}' % version.encode()
    )
    call = endpoint.recorded(answer.call).call
    assert (call.outcome, call.stop_reason, call.provider) == ("answered", "end_turn", host)
    assert call.usage.output_tokens == 1


def events(answer: Answer) -> list[Any]:
    frames = [frame.split(b"\n", 1) for frame in answer.body.split(b"\n\n") if frame]
    assert all(name.startswith(b"event: ") and data.startswith(b"data: ") for name, data in frames)
    told = [json.loads(data[6:]) for _, data in frames]
    assert [name[7:].decode() for name, _ in frames] == [one["type"] for one in told]
    return told


@each_host
def test_a_stream_is_that_of_anthropic_itself(
    endpoint: RunningEndpoint, provider: ThreadedProvider, host: str
) -> None:
    hosted = post(endpoint, message(f"{host}/parrot", stream=True))
    assert hosted.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert provider.requests[-1].target.endswith(
        "/invoke-with-response-stream" if host == "amazon" else ":streamRawPredict"
    )
    provider.play(SCRIPT)
    own = post(endpoint, message("mine/parrot", stream=True))
    told, meant = events(hosted), events(own)
    if host == "amazon":
        assert told[-1].pop("amazon-bedrock-invocationMetrics")
    assert told == meant
    assert endpoint.recorded(hosted.call).call.usage == endpoint.recorded(own.call).call.usage


@each_host
def test_clients_of_other_dialects(endpoint: RunningEndpoint, host: str) -> None:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0) as client:
        for streamed in (False, True):
            answer: Any = client.chat.completions.create(
                model=f"{host}/parrot", messages=[{"role": "user", "content": "Hello"}], stream=streamed
            )
            said = (
                "".join(one.choices[0].delta.content or "" for one in answer)
                if streamed
                else answer.choices[0].message.content
            )
            assert said == "Hello"


@each_host
def test_a_picture_by_url_is_fetched_as_the_host_does_not(
    endpoint: RunningEndpoint, provider: ThreadedProvider, pictures: int, host: str
) -> None:
    source = {"type": "url", "url": f"http://127.0.0.1:{pictures}/a.png"}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    answer = post(
        endpoint,
        message(f"{host}/witness", messages=[{"role": "user", "content": content}]),
        anthropic_beta="one",
    )
    assert answer.status == 200, answer.body
    (block, _) = json.loads(provider.requests[-1].body)["messages"][0]["content"]
    assert base64.b64decode(block["source"]["data"]) == PNG
    assert "x-freehold-losses" not in answer.headers
    last = provider.requests[-1]
    assert (last.header("anthropic-beta") or json.loads(last.body)["anthropic_beta"]) in ("one", ["one"])


# What clients say in headers


def test_betas_and_the_version_go_where_they_are_read(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    said = {"anthropic_version": "2026-10-21", "anthropic_beta": "one-2026, two-2026"}

    def ask(model: str, **headers: str) -> tuple[Any, dict[str, str]]:
        answer = post(endpoint, message(model), **headers)
        assert answer.status == 200, answer.body
        assert "x-freehold-losses" not in answer.headers
        last = provider.requests[-1]
        assert len([name for name, _ in last.headers if name.startswith("anthropic-")]) == len(
            {name for name, _ in last.headers if name.startswith("anthropic-")}
        )
        return json.loads(last.body), dict(last.headers)

    body, headers = ask("mine/parrot", **said)
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-beta"] == "house-2026,one-2026,two-2026"
    body, headers = ask("mine/parrot")
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2023-06-01", "house-2026")
    body, headers = ask("amazon/parrot", **said)
    assert (body["anthropic_version"], body["anthropic_beta"]) == (
        "bedrock-2023-05-31",
        ["one-2026", "two-2026"],
    )
    assert not {"anthropic-version", "anthropic-beta"} & set(headers)
    body, headers = ask("google/parrot", **said)
    assert (body["anthropic_version"], headers["anthropic-beta"]) == ("2026-10-21", "one-2026,two-2026")
    assert "anthropic_beta" not in body


def test_elsewhere_a_beta_is_a_loss_and_a_version_of_the_same_form_is_none(endpoint: RunningEndpoint) -> None:
    assert (
        "x-freehold-losses"
        not in post(endpoint, message("chat/parrot"), anthropic_version="2026-10-21").headers
    )
    lost = post(endpoint, message("chat/parrot"), anthropic_beta="one", anthropic_version="2023-01-01")
    assert lost.headers["x-freehold-losses"] == "field.anthropic-beta, field.anthropic-version"
    strict = post(endpoint, message("chat/parrot"), anthropic_beta="one", x_freehold_strict="on")
    assert (strict.status, endpoint.recorded(strict.call).call.error) == (400, "loss_refused")
    old = post(endpoint, message("amazon/parrot"), anthropic_version="2023-01-01")
    assert old.headers["x-freehold-losses"] == "field.anthropic-version"
    strict = post(endpoint, message("amazon/parrot"), anthropic_version="2023-01-01", x_freehold_strict="on")
    assert (strict.status, endpoint.recorded(strict.call).call.error) == (400, "loss_refused")


def test_a_header_that_cannot_be_sent_on_is_refused(endpoint: RunningEndpoint) -> None:
    answer = post(endpoint, message("mine/parrot"), anthropic_beta="caf\xe9")
    assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "anthropic-beta" in answer.json()["error"]["message"]


# Names of requests


def test_the_sdk_is_told_the_request_s_name(endpoint: RunningEndpoint, claude: anthropic.Anthropic) -> None:
    def ask(model: str) -> Any:
        return claude.messages.with_raw_response.create(
            model=model, max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        )

    for model in ("mine/parrot", "amazon/parrot", "google/parrot", "chat/parrot"):
        raw = ask(model)
        name = raw.parse()._request_id
        assert name == raw.headers["x-freehold-call"]
        assert raw.headers["x-freehold-provider-request"].startswith("req_")
        assert endpoint.recorded(name).call.provider == model.partition("/")[0]
    with pytest.raises(anthropic.BadRequestError) as caught:
        ask("amazon/picky")
    refused = caught.value
    assert refused.request_id == refused.response.headers["x-freehold-call"]
    assert refused.response.headers["x-freehold-provider-request"].startswith("req_")
    with pytest.raises(anthropic.NotFoundError) as unheard:
        ask("unheard-of")
    assert unheard.value.request_id
    assert "x-freehold-provider-request" not in unheard.value.response.headers


# Refusals


@each_host
@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("busy", "rate_limit_error", "Slow down."),
        ("picky", "invalid_request_error", "Too hot for me."),
        ("missing", "not_found_error", "missing"),
    ],
)
def test_refusals_are_told_as_anthropic_tells_them(
    endpoint: RunningEndpoint, host: str, model: str, kind: str, words: str
) -> None:
    for streamed in (False, True):
        answer = post(endpoint, message(f"{host}/{model}", stream=streamed))
        told = answer.json()
        assert (told["type"], told["error"]["type"]) == ("error", kind)
        assert words in told["error"]["message"]
        if model == "busy":
            assert answer.headers["retry-after"] == "7"


@each_host
@pytest.mark.parametrize(("model", "words"), [("sorry", "Out of breath."), ("garbled", "broken")])
def test_a_stream_that_breaks(endpoint: RunningEndpoint, host: str, model: str, words: str) -> None:
    answer = post(endpoint, message(f"{host}/{model}", stream=True))
    *before, last = events(answer)
    assert before[0]["type"] == "message_start"
    assert (last["type"], last["error"]["type"]) == ("error", "api_error")
    assert words in last["error"]["message"]
    assert endpoint.recorded(answer.call).call.outcome == "cut"


def test_a_thread_is_refused_in_the_words_that_the_sdk_goes_on_from(endpoint: RunningEndpoint) -> None:
    answer = post(endpoint, message("amazon/parrot", thread={"type": "create"}))
    assert answer.json()["error"]["details"]["error_code"] == "thread_unsupported_request"


# Counts


@each_host
def test_tokens_are_counted_by_the_host(
    endpoint: RunningEndpoint, provider: ThreadedProvider, claude: anthropic.Anthropic, host: str
) -> None:
    said: Any = [{"role": "user", "content": "one two three four five"}]
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    raw = claude.messages.with_raw_response.count_tokens(
        model=f"{host}/parrot", messages=said, thinking=thinking
    )
    assert raw.parse().input_tokens == 8
    assert "x-freehold-losses" not in raw.headers
    target = provider.requests[-1].target
    assert target.endswith(
        "/model/parrot/count-tokens" if host == "amazon" else "/models/count-tokens:rawPredict"
    )
    with endpoint.sdk() as sdk:
        text = "one two three four five"
        assert sdk.responses.input_tokens.count(model=f"{host}/parrot", input=text).input_tokens == 8


def test_what_amazon_does_not_count_is_estimated(claude: anthropic.Anthropic) -> None:
    said: Any = [{"role": "user", "content": "one two three four five"}]
    raw = claude.messages.with_raw_response.count_tokens(model="profile", messages=said)
    assert 3 <= raw.parse().input_tokens <= 15
    assert raw.headers["x-freehold-losses"] == "usage.estimated"
    assert claude.messages.create(model="profile", max_tokens=9, messages=said).stop_reason == "end_turn"
