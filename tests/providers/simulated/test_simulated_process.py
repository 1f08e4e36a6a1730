"""The simulated provider as a process, watched and directed over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_exchange import chat

MODULE = [sys.executable, "-m", "freehold.providers.simulated"]

WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def process(*arguments: str) -> Iterator[tuple[str, str]]:
    """The base URL and the control's URL of a running process, which ends by SIGTERM."""
    with subprocess.Popen([*MODULE, *arguments], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child.stdout.readline().strip(), child.stdout.readline().strip()
            assert child.poll() is None
        finally:
            child.send_signal(signal.SIGTERM)
            code = child.wait(5)
        assert code == 0


def call(
    url: str, body: bytes | None = None, *, method: str | None = None, **headers: str
) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, named, method=method)
    try:
        with WITHOUT_PROXY.open(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def ask(base_url: str, model: str) -> tuple[int, Any]:
    body = json.dumps(chat(model)).encode()
    return call(
        f"{base_url}/chat/completions",
        body,
        content_type="application/json",
        authorization="Bearer sk-secret-key",
    )


def test_a_process_plays_a_file_and_can_be_watched_and_directed(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[models.m]\ntext = "from the file"\n')
    with process("--script", str(script)) as (base_url, control):
        status, answer = ask(base_url, "m")
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "from the file")

        _, seen = call(f"{control}/requests")
        (request,) = seen["requests"]
        assert json.loads(request["body"])["model"] == "m"
        assert (request["model"], request["status"], request["ending"], request["tokens"]) == (
            "m",
            200,
            "answered",
            3,
        )
        assert seen["connections"]["opened"] >= 1
        assert seen["now"] >= request["stopped_at"]
        assert "sk-secret-key" not in json.dumps(seen), "keys are cut short"
        assert ["authorization", "Bearer sk-…"] in request["headers"]
        assert call(f"{control}/requests?after=0")[1]["requests"] == []

        toml = b'[models.m]\nfaults = [{ kind = "error", status = 503 }]\n'
        assert call(f"{control}/script", toml, content_type="application/toml") == (200, {"playing": True})
        assert ask(base_url, "m")[0] == 503
        as_json = b'{"models": {"m": {"text": "again"}}}'
        assert call(f"{control}/script", as_json, content_type="application/json")[0] == 200
        assert ask(base_url, "m")[1]["choices"][0]["message"]["content"] == "again"

        assert call(f"{control}/requests", method="DELETE")[0] == 200
        assert call(f"{control}/requests")[1]["requests"] == []


def test_a_wrong_script_is_refused_and_the_old_one_goes_on() -> None:
    with process() as (base_url, control):
        status, answer = call(f"{control}/script", b"sed = 1", content_type="application/toml")
        assert status == 400
        assert "sed" in answer["error"]
        # What a web page may send without being asked is not taken.
        assert call(f"{control}/script", b"seed = 1", content_type="text/plain")[0] == 415
        assert call(f"{control}/elsewhere")[0] == 404
        assert ask(base_url, "any")[0] == 200


def test_with_a_port_of_its_own_the_control_is_there_during_an_outage() -> None:
    with process("--control-port", "0") as (base_url, control):
        assert call(f"{control}/script", b'{"outage": {}}', content_type="application/json")[0] == 200
        with pytest.raises(urllib.error.URLError, match="refused"):
            ask(base_url, "m")
        assert call(f"{control}/script", b"{}", content_type="application/json")[0] == 200
        assert ask(base_url, "m")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--script", "nowhere.toml"], "cannot be read"),
        (["--host", "192.0.2.1"], "loopback"),
        (["--host", "example"], "example"),
    ],
)
def test_a_mistake_ends_with_1_and_says_why(arguments: list[str], message: str) -> None:
    done = subprocess.run([*MODULE, *arguments], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
