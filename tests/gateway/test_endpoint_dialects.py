"""Requests in one dialect, providers in another: what is lost is told, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import anthropic
import openai
import pytest
from fetching import PNG
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider, ThreadedProvider
from freehold.providers.simulated.faults import Cut, ErrorEvent, Page, Refused
from freehold.providers.simulated.script import Describe

COUNTING = " ".join(map(str, range(20)))
SPILL = json.dumps({"error": {"message": "No such key: sk-simulated-key"}}).replace("-", "\\u002D")
SCRIPT = Script(
    models={
        "parrot": Behaviour(text=Echo()),
        "witness": Behaviour(text=Describe()),
        "cut": Behaviour(text=COUNTING, faults=(Cut(after=8),)),
        "page": Behaviour(faults=(Page(status=400, text="<html>proxy-7.internal:3128</html>"),)),
        "nonsense": Behaviour(faults=(Page(status=200),)),
        "spill": Behaviour(faults=(Refused(status=400, body=SPILL),)),
        "ill": Behaviour(faults=(Refused(status=500),)),
        "sorry": Behaviour(text=COUNTING, faults=(ErrorEvent(after=8),)),
        "clumsy": (Behaviour(text="Sure! It is seven."), Behaviour(text='```json\n{"a": 7}\n```')),
    }
)
DIALECTS = {
    "chat": ("openai-chat", "/v1"),
    "responses": ("openai-responses", "/v1"),
    "anthropic": ("anthropic-messages", "/v1"),
    "gemini": ("gemini", "/v1beta"),
    "bedrock": ("bedrock-converse", ""),
    "cohere": ("cohere", "/v2"),
}
KEYS_IN = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def toml_for(root: str, allow: str) -> str:
    lines = [
        "[local]",
        "enabled = false",
        "[fetch]",
        f'allow = ["{allow}"]',
        f"ports = [{allow.rpartition(':')[2]}]",
    ]
    for name, (dialect, path) in DIALECTS.items():
        lines += [f"[providers.{name}]", f'base_url = "{root}{path}"', f'dialects = ["{dialect}"]']
        lines.append('api_key = "env:SIMULATED_KEY"')
        lines += [f'auth = "{KEYS_IN[name]}"'] if name in KEYS_IN else []
        lines += [
            f'[routes.{name}]\nincumbent = "{name}/parrot"',
            f'[routes.{name}-witness]\nincumbent = "{name}/witness"',
            f'[routes.{name}-cut]\nincumbent = "{name}/cut"',
            f'[routes.{name}-sorry]\nincumbent = "{name}/sorry"',
        ]
    lines += [
        "[providers.plain]",
        f'base_url = "{root}/v1"',
        "quirks = { schema = false, json = false }",
        '[routes.plain-clumsy]\nincumbent = "plain/clumsy"',
        '[routes.chat-nonsense]\nincumbent = "chat/nonsense"',
        '[routes.chat-page]\nincumbent = "chat/page"\n[routes.chat-spill]\nincumbent = "chat/spill"',
        '[routes."small:1b"]\nincumbent = "chat/parrot"',
        '[routes.thrice]\nincumbent = "bedrock/ill"\nfallbacks = ["gemini/ill", "bedrock/witness"]',
        '[routes.lossless-second]\nincumbent = "gemini/parrot"\nfallbacks = ["chat/parrot"]',
    ]
    return "\n".join(lines)


class Picture(BaseHTTPRequestHandler):
    """Serves one picture."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, format: str, *words: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """Host and port of a server with a picture."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Picture) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, pictures: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    toml = toml_for(provider.base_url.removesuffix("/v1"), pictures)
    folder = tmp_path_factory.mktemp("dialects")
    with RunningEndpoint(folder, toml, environment={"SIMULATED_KEY": "sk-simulated-key"}) as running:
        yield running


def message(model: str, **fields: Any) -> dict[str, Any]:
    """A request in Anthropic's form."""
    return {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}], **fields}


def claude(endpoint: RunningEndpoint, key: str | None = None) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=endpoint.url, api_key=key or endpoint.key, max_retries=0)


@pytest.mark.parametrize("route", DIALECTS)
def test_nothing_is_called_lost_where_nothing_is(route: str, endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post("/v1/messages", message(route))
        assert (answer.status, answer.json()["content"][0]["text"]) == (200, "Hello")
        assert "x-freehold-losses" not in answer.headers
    assert endpoint.recorded(answer.call).call.losses == ()


@pytest.mark.parametrize("before", [[], [{"role": "user", "content": "Hello"}]])
@pytest.mark.parametrize("route", DIALECTS)
def test_who_gives_the_system_the_last_word_is_answered(
    route: str, before: list[Any], endpoint: RunningEndpoint
) -> None:
    last = {"role": "system", "content": "Count to seven."}
    with endpoint.connect() as client:
        answer = client.post(
            "/v1/chat/completions", {"model": f"{route}-witness", "messages": [*before, last]}
        )
    assert answer.status == 200
    assert "Count to seven." in answer.json()["choices"][0]["message"]["content"]
    moved = route not in ("chat", "responses")
    assert answer.headers.get("x-freehold-losses") == ("system.position" if moved else None)


def test_a_loss_is_in_the_header_on_record_and_counted(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post("/v1/messages", message("gemini", metadata={"user_id": "someone"}))
        assert answer.status == 200
        assert answer.headers["x-freehold-losses"] == "user"
    assert endpoint.recorded(answer.call).call.losses == ("user",)
    assert ("user", "gemini") in [(one.loss, *one.routes) for one in endpoint.ledger.losses()]
    words = [sys.executable, "-m", "freehold", "calls", "--losses"]
    said = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, text=True, check=True
    )
    assert "the client's name for its own user" in said.stdout


@pytest.mark.parametrize("by", ["header", "key"])
def test_who_is_strict_gets_an_error_and_no_provider_is_asked(
    by: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    key = endpoint.make_key("strict", strict=True, numbered=True) if by == "key" else endpoint.key
    headers = {"x_freehold_strict": "on"} if by == "header" else {}
    provider.forget()
    with endpoint.connect(key) as client:
        answer = client.post("/v1/messages", message("gemini", metadata={"user_id": "me"}), **headers)
    assert answer.status == 400
    assert answer.json()["type"] == "error"
    assert "user" in answer.json()["error"]["message"]
    assert provider.requests == []
    assert endpoint.recorded(answer.call).call.error == "loss_refused"


def test_who_is_strict_is_answered_by_a_fallback_that_loses_nothing(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        body = message("lossless-second", metadata={"user_id": "me"})
        answer = client.post("/v1/messages", body, x_freehold_strict="on")
    assert answer.status == 200
    call = endpoint.recorded(answer.call).call
    assert [(one.provider, one.error) for one in call.attempts] == [
        ("gemini", "loss_refused"),
        ("chat", None),
    ]
    assert call.losses == ()


@pytest.mark.parametrize("route", DIALECTS)
def test_a_file_by_url_reaches_every_provider(
    route: str, endpoint: RunningEndpoint, pictures: str, provider: ThreadedProvider
) -> None:
    source = {"type": "url", "url": f"http://{pictures}/cat.png"}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    with endpoint.connect() as client:
        asked = {"model": f"{route}-witness", "max_tokens": 99}
        answer = client.post("/v1/messages", {**asked, "messages": [{"role": "user", "content": content}]})
    assert answer.status == 200
    told = answer.json()["content"][0]["text"]
    assert source["url"] in told or hashlib.sha256(PNG).hexdigest() in told


def test_a_file_is_fetched_once_however_many_models_are_asked(
    endpoint: RunningEndpoint, pictures: str
) -> None:
    source = {"type": "url", "url": f"http://{pictures}/once.png"}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    with endpoint.connect() as client:
        body = {"model": "thrice", "max_tokens": 99, "messages": [{"role": "user", "content": content}]}
        answer = client.post("/v1/messages", body)
    assert answer.status == 200
    assert hashlib.sha256(PNG).hexdigest() in answer.json()["content"][0]["text"]
    attempts = endpoint.recorded(answer.call).call.attempts
    assert [one.provider for one in attempts] == ["bedrock", "gemini", "bedrock"]
    assert Picture.asked.count("/once.png") == 1


def test_a_file_of_a_private_network_is_not_fetched(endpoint: RunningEndpoint) -> None:
    source = {"type": "url", "url": "http://169.254.169.254/latest/meta-data"}
    with endpoint.connect() as client:
        content = [{"type": "image", "source": source}]
        body = {"model": "bedrock", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
        answer = client.post("/v1/messages", body)
    assert answer.status == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_form_that_only_words_can_ask_for_is_checked_and_asked_for_again(endpoint: RunningEndpoint) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
    with endpoint.connect() as client:
        answer = client.chat("plain-clumsy", response_format=form)
    assert answer.status == 200
    assert json.loads(answer.json()["choices"][0]["message"]["content"]) == {"a": 7}
    assert answer.headers["x-freehold-losses"] == "response_format"
    entry = endpoint.recorded(answer.call)
    assert [one.outcome for one in entry.call.attempts] == ["answered", "answered"]
    assert (
        entry.call.usage.output_tokens == 4 + 4
    )  # what both answers took, in the simulated provider's words
    assert entry.cost.amount is None  # two answers were paid for, and only one is priced


def test_a_kept_response_is_gone_on_from_by_any_provider_and_by_its_own_key_alone(
    endpoint: RunningEndpoint,
) -> None:
    client = endpoint.sdk()
    first = client.responses.create(model="anthropic", input="One")
    second = client.responses.create(model="gemini", input="Two", previous_response_id=first.id)
    third = client.responses.create(model="responses", input="Three", previous_response_id=second.id)
    assert third.output_text == "Three"
    listed = client.responses.input_items.list(third.id, order="asc").data
    texts = [item.to_dict()["content"][0]["text"] for item in listed]  # type: ignore[index]
    assert texts == ["One", "One", "Two", "Two", "Three"]
    assert client.responses.retrieve(second.id).output_text == "Two"
    stranger = endpoint.sdk(endpoint.make_key("stranger", numbered=True))
    with pytest.raises(openai.NotFoundError):
        stranger.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        stranger.responses.create(model="chat", input="Mine", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"
    client.responses.delete(first.id)
    again = client.responses.with_raw_response.create(
        model="chat", input="Again", previous_response_id=second.id
    )
    assert again.headers["x-freehold-losses"] == "conversation", "what was deleted is missing, which is said"


def test_what_is_not_to_be_stored_cannot_be_gone_on_from(endpoint: RunningEndpoint) -> None:
    client = endpoint.sdk()
    first = client.responses.create(model="chat", input="One", store=False)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="chat", input="Two", previous_response_id=first.id)


def test_models_are_listed_in_the_form_of_whoever_asks(endpoint: RunningEndpoint) -> None:
    names = [model.id for model in endpoint.sdk().models.list().data]
    assert "chat-witness" in names
    with claude(endpoint) as client:
        assert [model.id for model in client.models.list(limit=100).data] == names
        assert client.models.retrieve("bedrock").id == "bedrock"
    with endpoint.connect() as plain:
        listed = plain.get("/v1beta/models").json()["models"]
    assert [model["name"].removeprefix("models/") for model in listed] == names


def test_a_model_with_a_colon_in_its_name_is_found_by_it(endpoint: RunningEndpoint) -> None:
    assert endpoint.sdk().models.retrieve("small:1b").id == "small:1b"
    with endpoint.connect() as client:
        listed = client.get("/v1beta/models/small:1b").json()
        answer = client.post("/v1beta/models/small:1b:generateContent", contents("Hello"))
    assert {"generateContent", "countTokens", "embedContent"} <= set(listed["supportedGenerationMethods"])
    assert answer.json()["candidates"][0]["content"]["parts"][0]["text"] == "Hello"


def contents(text: str) -> dict[str, Any]:
    """A request in Gemini's form."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


@pytest.mark.parametrize("route", DIALECTS)
def test_a_stream_without_events_is_one_list_whoever_answers(route: str, endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post(f"/v1beta/models/{route}:streamGenerateContent", contents("Hello there"))
    assert answer.headers["content-type"] == "application/json"
    elements = answer.json()
    candidates = [element["candidates"][0] for element in elements]
    parts = [part for one in candidates for part in one["content"].get("parts", [])]
    assert "".join(part["text"] for part in parts) == "Hello there"
    assert candidates[-1]["finishReason"] == "STOP"
    assert endpoint.recorded(answer.call).call.outcome == "answered"


@pytest.mark.parametrize("fault", ["cut", "sorry"])
@pytest.mark.parametrize("route", DIALECTS)
def test_a_list_that_breaks_off_is_still_json_and_says_why(
    route: str, fault: str, endpoint: RunningEndpoint
) -> None:
    with endpoint.connect() as client:
        answer = client.post(f"/v1beta/models/{route}-{fault}:streamGenerateContent", contents("Go"))
    *elements, last = answer.json()
    assert elements
    assert last["error"]["message"]
    call = endpoint.recorded(answer.call).call
    assert call.outcome == "cut"
    assert call.usage.output_tokens


@pytest.mark.parametrize("dialect", ["messages", "responses", "gemini"])
def test_sealed_state_that_nobody_can_read_is_no_error_of_ours(
    dialect: str, endpoint: RunningEndpoint
) -> None:
    inside = b'{"data":"x","kind":"signature","more":' + b"[" * 100_000
    state = "freehold" + base64.b64encode(inside).decode()
    paths: dict[str, tuple[str, dict[str, Any]]] = {
        "messages": ("/v1/messages", message("chat")),
        "responses": ("/v1/responses", {"model": "chat", "input": []}),
        "gemini": ("/v1beta/models/chat:generateContent", contents("Hello")),
    }
    path, body = paths[dialect]
    if dialect == "messages":
        thinking = {"type": "thinking", "thinking": "Hm", "signature": state}
        said = {"role": "assistant", "content": [thinking, {"type": "text", "text": "Hm"}]}
        body["messages"] = [*body["messages"], said, *body["messages"]]
    elif dialect == "responses":
        thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": state}
        body["input"] = [thought, {"role": "user", "content": "Hello"}]
    else:
        said = {"role": "model", "parts": [{"text": "Hm", "thoughtSignature": state}]}
        body["contents"] = [*body["contents"], said, *body["contents"]]
    with endpoint.connect() as client:
        answer = client.post(path, body)
    assert answer.status == 200
    assert "reasoning.state" in answer.headers["x-freehold-losses"].split(", ")


THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]}
NO_ARGUMENTS = {"name": "look", "arguments": "{}"}
LONG: dict[str, tuple[str, dict[str, Any]]] = {
    "reasoning": (
        "/v1/responses",
        {"model": "chat", "input": [{"role": "user", "content": "Hello"}, *[THOUGHT] * 25_000]},
    ),
    "calls": (
        "/v1/chat/completions",
        {
            "model": "gemini",
            "messages": [
                {"role": "user", "content": "Hello"},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": f"c{number}", "type": "function", "function": NO_ARGUMENTS}
                        for number in range(25_000)
                    ],
                },
                *[{"role": "tool", "tool_call_id": f"c{number}", "content": "a"} for number in range(25_000)],
            ],
        },
    ),
}


@pytest.mark.parametrize("what", LONG)
def test_a_request_of_many_pieces_takes_no_more_time_than_its_length_asks_for(
    what: str, endpoint: RunningEndpoint
) -> None:
    path, body = LONG[what]
    with endpoint.connect() as client:
        client.post(path, body)  # the client gives up before what grows with the square is done


@pytest.mark.parametrize("route", ["chat-page", "chat-spill"])
def test_a_refusal_tells_neither_the_providers_key_nor_what_stands_before_it(
    route: str, endpoint: RunningEndpoint
) -> None:
    asked: dict[str, dict[str, Any]] = {
        "/v1/messages": message(route),
        "/v1/responses": {"model": route, "input": "Hello"},
        "/v1/chat/completions": {"model": route, "messages": [{"role": "user", "content": "Hello"}]},
        f"/v1beta/models/{route}:generateContent": contents("Hello"),
    }
    with endpoint.connect() as client:
        for path, body in asked.items():
            answer = client.post(path, body)
            told = json.dumps(answer.json())
            assert answer.status == 400, path
            assert "sk-simulated-key" not in told, path
            assert "proxy-7" not in told, path
            assert ("***" if route == "chat-spill" else "answered 400") in told, path


def test_what_is_wrong_with_an_answer_is_said_in_one_sentence(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post("/v1/messages", message("chat-nonsense"))
    told = answer.json()["error"]["message"]
    assert answer.status == 502
    assert told.startswith("What `chat` sent is not an answer: ")
    assert told.endswith(".")
    assert not told.endswith("..")
