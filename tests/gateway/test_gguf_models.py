"""GGUF files of one's own behind the endpoint, and what may befall them there: every end is a proper error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from plain_client import EMBEDDINGS
from running_endpoint import RunningEndpoint, until
from tiny_gguf import write_tiny_model

pytestmark = pytest.mark.model

MESSAGES = "/v1/messages"


def configured(folder: Path, **files: Path) -> str:
    """Routes that call each file, with and without a fallback."""
    tables = ["[routes.safe]", 'incumbent = "local/cut"', 'fallbacks = ["local/tiny"]', ""]
    for name, file in files.items():
        tables += [
            f"[local.models.{name}]",
            f'file = "{file}"',
            "context = 1024",
            "slots = 4",
            "temperature = 0",
            "",
        ]
    return "\n".join(tables)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    tiny = write_tiny_model(folder / "tiny.gguf")
    cut = folder / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-5000])
    text = folder / "text.gguf"
    text.write_text("This is a letter.")
    toml = configured(folder, tiny=tiny, cut=cut, text=text, gone=folder / "gone.gguf")
    write_tiny_model(folder / "vectors.gguf")
    toml += f'[local.models.blind]\nfile = "{tiny}"\nmmproj = "{folder / "eyes.gguf"}"\n'
    toml += '[local.models.vectors]\nfile = "vectors.gguf"\ncontext = 256\nembeddings = true\n'
    with RunningEndpoint(folder, toml) as running:
        yield running


def workers(endpoint: RunningEndpoint, name: str) -> list[int]:
    """Process ids of the workers that have this file in their memory: what they serve is in no command line."""
    children = psutil.Process(endpoint.pid).children(recursive=True)
    return [
        one.pid for one in children if any(Path(file.path).name == f"{name}.gguf" for file in _mapped(one))
    ]


def _mapped(process: psutil.Process) -> list[Any]:
    try:
        return list(process.memory_maps())
    except psutil.Error:
        return []


def test_a_file_is_a_model_of_the_catalog(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        listed = {one["id"] for one in json.loads(client.get("/v1/models").body)["data"]}
        assert {"local/tiny", "local/vectors", "local/smollm2-135m"} <= listed
        answer = client.chat("local/tiny", max_tokens=4)
        assert answer.status == 200
        assert json.loads(answer.body)["usage"]["completion_tokens"] <= 4
        vector = client.post(EMBEDDINGS, {"model": "local/vectors", "input": "a river"})
        assert len(json.loads(vector.body)["data"][0]["embedding"]) == 64
    assert endpoint.health["parts"]["local/tiny"] == "ready"


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("local/cut", "local_model_damaged", "is cut off: its tensor"),
        ("local/text", "local_model_damaged", "is no GGUF file"),
        ("local/gone", "local_model_absent", "gone.gguf"),
        ("local/blind", "local_model_damaged", "eyes.gguf"),
    ],
)
def test_what_cannot_be_loaded_is_an_error_of_the_clients_dialect(
    endpoint: RunningEndpoint, model: str, code: str, said: str
) -> None:
    with endpoint.connect() as client:
        answer = client.chat(model)
        assert answer.status == 502
        error = json.loads(answer.body)["error"]
        assert error["code"] == code
        assert said in error["message"]
        body = {"model": model, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
        answer = client.post(MESSAGES, body)
        assert answer.status == 502
        told = json.loads(answer.body)
        assert told["type"] == "error"
        assert said in told["error"]["message"]


def test_a_route_falls_back_from_a_file_that_cannot_be_loaded(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.chat("safe", max_tokens=2)
        assert answer.status == 200
        attempts = endpoint.recorded(answer.headers["x-freehold-call"]).call.attempts
    assert [(one.model, one.error) for one in attempts] == [("cut", "local_model_damaged"), ("tiny", None)]


def test_a_prompt_longer_than_the_context_is_refused(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.chat("local/tiny", "word " * 2000)
        assert answer.status == 400
        assert json.loads(answer.body)["error"]["code"] == "context_length_exceeded"
        assert client.chat("local/tiny", max_tokens=1).status == 200


def test_a_hundred_clients_at_once_are_all_answered(endpoint: RunningEndpoint) -> None:
    def ask(number: int) -> int:
        with endpoint.connect() as client:
            return client.chat("local/tiny", f"Client {number}", max_tokens=4).status

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(ask, range(100))) == {200}


def test_a_worker_that_is_killed_while_it_streams_ends_the_stream_with_an_error(
    endpoint: RunningEndpoint,
) -> None:
    with endpoint.connect() as client:
        stream = client.stream("local/tiny", max_tokens=900, ignore_eos=True)
        stream.event()
        (victim,) = workers(endpoint, "tiny")
        os.kill(victim, signal.SIGKILL)
        last = stream.rest()[-1]
        assert "error" in json.loads(last)
    until(lambda: endpoint.health["parts"]["local/tiny"] == "ready")
    with endpoint.connect() as client:
        assert client.chat("local/tiny", max_tokens=2).status == 200


def test_the_doctor_looks_into_the_files(endpoint: RunningEndpoint) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "doctor", "--json"],
        cwd=endpoint.folder,
        env=endpoint.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = {one["subject"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert found["local/tiny"]["state"] == "good"
    assert "is cut off" in found["local/cut"]["found"]
    assert "is no GGUF file" in found["local/text"]["found"]
    assert "gone.gguf" in found["local/gone"]["found"]
