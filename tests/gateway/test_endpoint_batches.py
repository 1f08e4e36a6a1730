"""Files and batches through OpenAI's and Anthropic's own clients, on models that have no batches."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from openai.types import Batch
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Echo,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

SCRIPT = Script(
    models={
        "parrot": Behaviour(text=Echo()),
        "slow": Behaviour(text=Echo(), headers_s=0.4),
        "vectors": Behaviour(dimensions=8),
        "strict": Behaviour(faults=(Refused(status=400, message="Too hot."),)),
        "flaky": (
            Behaviour(faults=(Refused(status=429, retry_after="0"),)),
            Behaviour(text=Echo()),
        ),
    }
)

CONFIGURATION = """
[local]
enabled = false

[ledger]
flush_ms = 10

[batches]
concurrency = 4
max_file_bytes = 2_000_000

[providers.open]
base_url = "{url}"

[providers.claude]
base_url = "{url}"
dialects = ["anthropic-messages"]
auth = "x-api-key"
headers = { "anthropic-version" = "2023-06-01" }

[routes.default]
incumbent = "open/parrot"

[routes.claude]
incumbent = "claude/parrot"
"""

Lines = list[dict[str, Any]]
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    toml = CONFIGURATION.replace("{url}", provider.base_url)
    with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
        yield running


@pytest.fixture
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with endpoint.sdk() as client:
        yield client


@pytest.fixture
def claude(endpoint: RunningEndpoint) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0) as client:
        yield client


def chat_line(number: int, model: str = "default", **fields: Any) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": f"say {number}"}], **fields}
    return {"custom_id": f"line-{number}", "method": "POST", "url": CHAT, "body": body}


def hand_in(sdk: openai.OpenAI, lines: Lines | bytes, endpoint: str = CHAT, **fields: Any) -> Batch:
    data = lines if isinstance(lines, bytes) else b"\n".join(json.dumps(line).encode() for line in lines)
    file = sdk.files.create(file=("in.jsonl", data), purpose="batch")
    wanted: Any = endpoint
    return sdk.batches.create(input_file_id=file.id, endpoint=wanted, completion_window="24h", **fields)


def ended(sdk: openai.OpenAI, batch: Batch) -> Batch:
    def look() -> Batch | None:
        now = sdk.batches.retrieve(batch.id)
        return now if now.status in ("completed", "failed", "cancelled", "expired") else None

    return until(look)


def lines_of(sdk: openai.OpenAI, file_id: str | None) -> Lines:
    if file_id is None:
        return []
    return [json.loads(line) for line in sdk.files.content(file_id).text.splitlines()]


# Files


def test_a_file_is_kept_listed_read_and_deleted(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    data = b'{"a": 1}\n' * 100_000
    file = sdk.files.create(
        file=("täst.jsonl", data),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.bytes, file.filename, file.purpose, file.status) == (
        len(data), "täst.jsonl", "batch", "processed",
    )  # fmt: skip
    assert file.expires_at == file.created_at + 3600
    assert sdk.files.retrieve(file.id) == file
    assert file in list(sdk.files.list(purpose="batch"))
    assert sdk.files.content(file.id).read() == data
    kept = endpoint.data / "batches" / "files" / file.id
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not list((endpoint.data / "batches" / "incoming").iterdir())
    assert sdk.files.delete(file.id).deleted
    assert not kept.exists()
    with pytest.raises(openai.NotFoundError):
        sdk.files.retrieve(file.id)


def test_a_file_is_read_no_further_than_its_client_listens(tmp_path: Path) -> None:
    data, times = bytes(32 * 1024 * 1024), 20
    with RunningEndpoint(tmp_path, "[local]\nenabled = false") as endpoint:
        with endpoint.sdk() as client:
            file = client.files.create(file=("a", data), purpose="batch")
        before, address = _bytes_read(endpoint.pid), urlsplit(endpoint.url)
        for _ in range(times):
            with socket.create_connection((address.hostname, address.port)) as hasty:
                hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                hasty.sendall(
                    f"GET /v1/files/{file.id}/content HTTP/1.1\r\n"
                    f"host: x\r\nauthorization: Bearer {endpoint.key}\r\n\r\n".encode()
                )
                assert hasty.recv(1)
        until(lambda: not _holds(endpoint.pid, file.id))
        assert _bytes_read(endpoint.pid) - before < times * len(data) / 2


def _bytes_read(process: int) -> int:
    return int(Path(f"/proc/{process}/io").read_text().split("rchar: ")[1].split()[0])


def _holds(process: int, name: str) -> bool:
    """Whether the process has the file of this name open."""
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            if descriptor.readlink().name == name:
                return True
    return False


def test_lists_of_files_come_in_pages(sdk: openai.OpenAI) -> None:
    made = [sdk.files.create(file=(f"{number}", b"{}"), purpose="batch").id for number in range(3)]
    newest = [file.id for file in sdk.files.list(limit=2)]
    assert newest[:3] == made[::-1]
    page = sdk.files.list(limit=1, after=made[2])
    assert [file.id for file in page.data] == [made[1]]
    oldest_first = [file.id for file in sdk.files.list(order="asc")]
    assert oldest_first[-3:] == made


def test_what_is_no_file_for_a_batch(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with pytest.raises(openai.BadRequestError, match="purpose"):
        sdk.files.create(file=("a", b"{}"), purpose="vision")
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.files.create(file=("a", b"x" * 2_000_001), purpose="batch")
    assert caught.value.status_code == 413
    with endpoint.connect() as client:
        assert client.post("/v1/files", b"{}").status == 415
        for body in (
            b"",
            b"--x",
            b"--x--\r\n",
            b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
        ):
            answer = client.post("/v1/files", body, content_type="multipart/form-data; boundary=x")
            assert answer.status == 400, body
    assert not list((endpoint.data / "batches" / "incoming").iterdir())


def test_what_belongs_to_one_key_does_not_exist_for_others(
    sdk: openai.OpenAI, endpoint: RunningEndpoint
) -> None:
    batch = hand_in(sdk, [chat_line(1)])
    ended(sdk, batch)
    other_key = endpoint.make_key("other")
    with endpoint.sdk(other_key) as other:
        until(lambda: _let_in(other))
        assert list(other.files.list()) == []
        assert list(other.batches.list()) == []
        for ask in (other.files.retrieve, other.files.content, other.files.delete):
            with pytest.raises(openai.NotFoundError):
                ask(batch.input_file_id)
        with pytest.raises(openai.NotFoundError):
            other.batches.retrieve(batch.id)
        with pytest.raises(openai.NotFoundError):
            other.batches.cancel(batch.id)
        with pytest.raises(openai.BadRequestError):
            other.batches.create(
                input_file_id=batch.input_file_id, endpoint="/v1/embeddings", completion_window="24h"
            )
    with pytest.raises(openai.AuthenticationError), endpoint.sdk("fh-nobody") as stranger:
        stranger.files.list()


def _let_in(client: openai.OpenAI) -> bool:
    try:
        client.models.list()
    except openai.AuthenticationError:
        return False
    return True


# Batches in OpenAI's form


def test_a_batch_is_answered(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    lines = [chat_line(number, model) for number, model in enumerate(["default", "claude"] * 20)]
    lines.append(chat_line(40, "open/strict"))
    lines.append(chat_line(41, "nobody"))
    batch = hand_in(sdk, lines, metadata={"for": "a test"})
    assert batch.status in ("validating", "in_progress")
    done = ended(sdk, batch)
    assert (done.status, done.metadata, done.errors) == ("completed", {"for": "a test"}, None)
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (
        42,
        40,
        2,
    )
    assert done.in_progress_at and done.finalizing_at and done.completed_at and done.expires_at
    assert done.expires_at - done.created_at == 86_400
    output = lines_of(sdk, done.output_file_id)
    assert sorted(line["custom_id"] for line in output) == sorted(f"line-{number}" for number in range(40))
    for line in output:
        assert line["error"] is None
        assert line["id"].startswith("batch_req_")
        assert line["response"]["status_code"] == 200
        message = line["response"]["body"]["choices"][0]["message"]
        assert message["content"] == "say " + line["custom_id"].removeprefix("line-")
        call = endpoint.recorded(line["response"]["request_id"]).call
        assert (call.operation, call.dialect, call.outcome) == ("chat", "openai-chat", "answered")
        assert call.key_id is not None
    errors = {line["custom_id"]: line["response"] for line in lines_of(sdk, done.error_file_id)}
    assert errors["line-40"]["status_code"] == 400
    assert errors["line-40"]["body"]["error"]["message"] == "Too hot."
    assert errors["line-41"]["status_code"] == 404
    assert errors["line-41"]["body"]["error"]["code"] == "model_not_found"
    file = sdk.files.retrieve(done.output_file_id or "")
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert batch.id in [one.id for one in sdk.batches.list(limit=5)]
    with pytest.raises(openai.BadRequestError, match="completed"):
        sdk.batches.cancel(batch.id)
    assert not (endpoint.data / "batches" / "runs" / batch.id).exists()


def test_responses_and_embeddings(sdk: openai.OpenAI) -> None:
    lines: Lines = [
        {
            "custom_id": "a",
            "method": "POST",
            "url": "/v1/responses",
            "body": {"model": "claude", "input": "hi"},
        }
    ]
    (line,) = lines_of(sdk, ended(sdk, hand_in(sdk, lines, "/v1/responses")).output_file_id)
    assert line["response"]["body"]["output"][0]["content"][0]["text"] == "hi"
    lines = [
        {
            "custom_id": "a",
            "method": "POST",
            "url": "/v1/embeddings",
            "body": {"model": "open/vectors", "input": ["a", "b"]},
        }
    ]
    (line,) = lines_of(sdk, ended(sdk, hand_in(sdk, lines, "/v1/embeddings")).output_file_id)
    assert [len(one["embedding"]) for one in line["response"]["body"]["data"]] == [8, 8]


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\n\n", "empty_file", None),
        (b"{", "invalid_json_line", 1),
        (b"[]", "invalid_request", 1),
        (
            json.dumps(chat_line(1)).encode() + b"\n" + json.dumps(chat_line(1)).encode(),
            "duplicate_custom_id",
            2,
        ),
        (json.dumps({**chat_line(1), "url": "/v1/embeddings"}).encode(), "mismatched_url", 1),
        (json.dumps({**chat_line(1), "method": "GET"}).encode(), "invalid_method", 1),
        (json.dumps({**chat_line(1), "body": []}).encode(), "invalid_body", 1),
    ],
)
def test_an_input_that_is_wrong_fails_the_batch(
    sdk: openai.OpenAI, data: bytes, code: str, line: int | None
) -> None:
    done = ended(sdk, hand_in(sdk, data))
    assert done.status == "failed"
    assert done.failed_at is not None
    assert done.output_file_id is None
    assert done.errors is not None
    assert done.errors.data is not None
    assert (done.errors.data[0].code, done.errors.data[0].line) == (code, line)


def test_a_batch_that_cannot_be_made(sdk: openai.OpenAI) -> None:
    file = sdk.files.create(file=("a", b"{}"), purpose="batch")
    wrong: Any = {"endpoint": "/v1/moderations"}, {"completion_window": "1h"}, {"input_file_id": "file-no"}
    for change in wrong:
        fields: Any = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h", **change}
        with pytest.raises(openai.BadRequestError) as caught:
            sdk.batches.create(**fields)
        assert caught.value.param == next(iter(change))


def test_a_batch_tells_what_it_used_and_how_it_went(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    lines = [chat_line(number, ("default", "claude", "open/strict")[number % 3]) for number in range(9)]
    done = ended(sdk, hand_in(sdk, lines, output_expires_after={"anchor": "created_at", "seconds": 7200}))
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (9, 6, 3)
    output = lines_of(sdk, done.output_file_id)
    usage = [endpoint.recorded(line["response"]["request_id"]).call.usage for line in output]
    assert done.usage is not None
    assert done.usage.input_tokens == sum(one.input_tokens or 0 for one in usage) > 0
    assert done.usage.output_tokens == sum(one.output_tokens or 0 for one in usage) > 0
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens
    for file_id in (done.output_file_id, done.error_file_id):
        file = sdk.files.retrieve(file_id or "")
        assert file.expires_at == file.created_at + 7200


@pytest.mark.parametrize(
    "lifetime",
    [{"seconds": 7200}, {"anchor": "now", "seconds": 7200}, {"anchor": "created_at", "seconds": 60}, {}],
)
def test_a_lifetime_that_is_not_understood_is_refused(sdk: openai.OpenAI, lifetime: Any) -> None:
    file = sdk.files.create(file=("a", b"{}"), purpose="batch")
    with pytest.raises(openai.BadRequestError, match="output_expires_after"):
        sdk.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            output_expires_after=lifetime,
        )
    if lifetime:
        with pytest.raises(openai.BadRequestError, match="expires_after"):
            sdk.files.create(file=("a", b"{}"), purpose="batch", expires_after=lifetime)


def test_streams_are_refused_and_losses_are_told(sdk: openai.OpenAI) -> None:
    lines = [chat_line(1, stream=True), chat_line(2, "claude", seed=7)]
    done = ended(sdk, hand_in(sdk, lines))
    (error,) = lines_of(sdk, done.error_file_id)
    assert error["response"]["body"]["error"]["param"] == "stream"
    (line,) = lines_of(sdk, done.output_file_id)
    assert line["response"]["freehold_losses"] == ["seed"]
    done = ended(sdk, hand_in(sdk, lines[1:], extra_headers={"x-freehold-strict": "on"}))
    (error,) = lines_of(sdk, done.error_file_id)
    assert error["response"]["body"]["error"]["code"] == "loss_refused"


def test_a_provider_that_is_too_busy_is_asked_again(sdk: openai.OpenAI) -> None:
    done = ended(sdk, hand_in(sdk, [chat_line(1, "open/flaky")]))
    assert [line["custom_id"] for line in lines_of(sdk, done.output_file_id)] == ["line-1"]


def test_at_most_so_many_lines_at_once(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    batches = [hand_in(sdk, [chat_line(number, "open/slow") for number in range(8)]) for _ in range(2)]
    most = 0.0
    while any(sdk.batches.retrieve(batch.id).status != "completed" for batch in batches):
        most = max(most, endpoint.figures["freehold_calls_active"])
    assert 2 <= most <= 4


def test_a_batch_is_cancelled(sdk: openai.OpenAI) -> None:
    batch = hand_in(sdk, [chat_line(number, "open/slow") for number in range(60)])
    until(lambda: (sdk.batches.retrieve(batch.id).request_counts or _NONE).completed >= 4)
    assert sdk.batches.cancel(batch.id).status == "cancelling"
    done = ended(sdk, batch)
    assert done.status == "cancelled"
    assert done.cancelling_at and done.cancelled_at
    output, errors = lines_of(sdk, done.output_file_id), lines_of(sdk, done.error_file_id)
    assert 4 <= len(output) <= 20
    assert len(output) + len(errors) == 60
    assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
    assert done.request_counts is not None
    assert done.request_counts.completed == len(output)


_NONE = openai.types.BatchRequestCounts(completed=0, failed=0, total=0)


def test_a_key_that_is_revoked_meanwhile(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    key = endpoint.make_key("short-lived")
    limited = endpoint.make_key("limited", routes=frozenset({"claude"}))
    with endpoint.sdk(key) as own, endpoint.sdk(limited) as narrow:
        until(lambda: _let_in(own) and _let_in(narrow))
        batch = hand_in(own, [chat_line(number, "open/slow") for number in range(40)])
        allowed = ended(narrow, hand_in(narrow, [chat_line(1, "claude"), chat_line(2)]))
        (error,) = lines_of(narrow, allowed.error_file_id)
        assert (error["custom_id"], error["response"]["status_code"]) == ("line-2", 403)
    with endpoint.keys() as keys:
        keys.revoke("short-lived")
    runs = endpoint.data / "batches" / "runs"
    until(lambda: not (runs / batch.id).exists())
    texts = [path.read_text() for path in (endpoint.data / "batches" / "files").iterdir()]
    (errors,) = [text for text in texts if "invalid_api_key" in text]
    assert all(json.loads(line)["response"]["status_code"] == 401 for line in errors.splitlines())


# Batches in Anthropic's form


def test_a_message_batch(claude: anthropic.Anthropic, endpoint: RunningEndpoint) -> None:
    requests: Any = [_message(number, model) for number, model in enumerate(["default", "claude"] * 10)]
    requests.append(_message(20, "nobody"))
    batch = claude.messages.batches.create(requests=requests)
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 21)
    assert batch.results_url is None
    done = until(lambda: _ended(claude, batch.id))
    assert (done.request_counts.succeeded, done.request_counts.errored) == (20, 1)
    assert done.request_counts.processing == 0
    assert done.ended_at is not None
    assert (done.expires_at - done.created_at).total_seconds() == 86_400
    results = {one.custom_id: one.result for one in claude.messages.batches.results(batch.id)}
    assert len(results) == 21
    for number in range(20):
        result = results[f"m-{number}"]
        assert result.type == "succeeded"
        assert [getattr(block, "text", "") for block in result.message.content] == [f"say {number}"]
    wrong = results["m-20"]
    assert wrong.type == "errored"
    assert wrong.error.error.type == "not_found_error"
    assert endpoint.recorded(wrong.error.request_id or "").call.outcome == "refused"
    assert batch.id in [one.id for one in claude.messages.batches.list(limit=2)]
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.batches.cancel(batch.id)
    assert claude.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.retrieve(batch.id)


def _message(number: int, model: str) -> Any:
    messages = [{"role": "user", "content": f"say {number}"}]
    return {"custom_id": f"m-{number}", "params": {"model": model, "max_tokens": 50, "messages": messages}}


def _ended(claude: anthropic.Anthropic, batch_id: str) -> Any:
    batch = claude.messages.batches.retrieve(batch_id)
    return batch if batch.processing_status == "ended" else None


def test_a_message_batch_is_canceled(claude: anthropic.Anthropic) -> None:
    batch = claude.messages.batches.create(requests=[_message(number, "open/slow") for number in range(30)])
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        claude.messages.batches.results(batch.id)
    with pytest.raises(anthropic.BadRequestError, match="under way"):
        claude.messages.batches.delete(batch.id)
    canceling = claude.messages.batches.cancel(batch.id)
    assert canceling.processing_status == "canceling"
    assert canceling.cancel_initiated_at is not None
    done = until(lambda: _ended(claude, batch.id))
    counts = done.request_counts
    assert counts.canceled > 0
    assert counts.canceled + counts.succeeded == 30
    kinds = [one.result.type for one in claude.messages.batches.results(batch.id)]
    assert (kinds.count("canceled"), kinds.count("succeeded")) == (counts.canceled, counts.succeeded)


def test_a_message_batch_that_cannot_be_made(claude: anthropic.Anthropic, endpoint: RunningEndpoint) -> None:
    twice: Any = [_message(1, "default"), _message(1, "default")]
    odd: Any = [{**_message(1, "default"), "custom_id": "a b"}]
    bare: Any = [{"custom_id": "a"}]
    none: Any = []
    for requests in (none, twice, odd, bare):
        with pytest.raises(anthropic.BadRequestError, match="requests"):
            claude.messages.batches.create(requests=requests)
    with endpoint.connect() as client:
        assert client.post("/v1/messages/batches", b"{").json()["type"] == "error"
        no_text = b'{"requests":[{"custom_id":"a","params":{"model":"\xff"}}]}'
        answer = client.post("/v1/messages/batches", no_text)
        assert answer.status == 400
        assert "UTF-8" in answer.json()["error"]["message"]


# The end of the process


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_batch_goes_on_after_the_end_of_the_process(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory, how: str
) -> None:
    toml = CONFIGURATION.replace("{url}", provider.base_url)
    endpoint = RunningEndpoint(tmp_path_factory.mktemp("killed"), toml).start()
    lines = [chat_line(number, "open/slow") for number in range(24)]
    with endpoint.sdk() as sdk, anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key) as claude:
        batch = hand_in(sdk, lines)
        messages = claude.messages.batches.create(requests=[_message(n, "open/slow") for n in range(8)])
        until(lambda: (sdk.batches.retrieve(batch.id).request_counts or _NONE).completed >= 5)
    getattr(endpoint, how)()
    time.sleep(0.1)
    before = len(provider.requests)
    with endpoint, endpoint.sdk() as sdk:
        done = ended(sdk, batch)
        assert done.status == "completed"
        output = lines_of(sdk, done.output_file_id)
        assert sorted(line["custom_id"] for line in output) == sorted(line["custom_id"] for line in lines)
        with anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key) as claude:
            until(lambda: _ended(claude, messages.id))
            results = [one.custom_id for one in claude.messages.batches.results(messages.id)]
            assert sorted(results) == sorted(f"m-{number}" for number in range(8))
        assert len(provider.requests) - before <= 24 + 8 - 5, "what was answered is not asked again"


def test_a_database_of_batches_that_is_damaged_stops_no_answer(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    (folder / ".freehold").mkdir(mode=0o700)
    (folder / ".freehold" / "batches.db").write_bytes(b"not a database" * 1000)
    with RunningEndpoint(folder, CONFIGURATION.replace("{url}", provider.base_url)) as endpoint:
        with endpoint.connect() as client:
            assert client.chat("default").status == 200
        with endpoint.sdk() as sdk, pytest.raises(openai.InternalServerError):
            sdk.batches.list()
        assert endpoint.says("batches cannot be gone on with", "batches.db")


def test_one_key_does_not_take_all_places_for_uploads(endpoint: RunningEndpoint) -> None:
    address = urlsplit(endpoint.url)
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {endpoint.key}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n--b\r\n"
    )
    with ExitStack() as slow:
        for _ in range(40):
            client = slow.enter_context(
                socket.create_connection((address.hostname, address.port), timeout=10)
            )
            client.sendall(head.encode())

        def is_crowded() -> bool:
            try:
                endpoint.sdk().files.create(file=("a.jsonl", b"{}"), purpose="batch")
            except openai.InternalServerError as error:
                return error.status_code == 503
            return False

        until(is_crowded)
        other = endpoint.sdk(endpoint.make_key("another"))
        assert other.files.create(file=("a.jsonl", b"{}"), purpose="batch").bytes == 2
    until(lambda: not is_crowded())
