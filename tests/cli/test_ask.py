"""`freehold ask` towards an endpoint that speaks OpenAI's API; a simulated provider stands in for it."""

from __future__ import annotations

import os
import pty
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    ErrorEvent,
    Page,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

KEY = "fh-of-the-test"


@pytest.fixture
def endpoint() -> Iterator[ThreadedProvider]:
    script = Script(
        key=KEY, models={"default": Behaviour(text="One of many.\n"), "slow": Behaviour(tokens_per_s=2.0)}
    )
    with SimulatedProvider.in_thread(script) as provider:
        yield provider


def test_the_answer_is_the_data(tmp_path: Path, endpoint: ThreadedProvider) -> None:
    shell = Shell(tmp_path)
    done = shell("ask", "Name one.", FREEHOLD_URL=endpoint.base_url, FREEHOLD_KEY=KEY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "One of many.\n", "")
    sent = msgspec.json.decode(endpoint.requests[-1].body)
    assert sent["messages"] == [{"role": "user", "content": "Name one."}]
    assert sent["model"] == "default"
    assert sent["stream"] is True
    assert "max_tokens" not in sent


def test_every_option_reaches_the_model(tmp_path: Path, endpoint: ThreadedProvider) -> None:
    words = ("ask", "-", "-m", "slow", "--system", "Be brief.", "--max-tokens", "2")
    address = endpoint.base_url.removesuffix("/v1")
    done = Shell(tmp_path)(*words, "--url", address, "--key", KEY, "--json", input="Some question\n")
    answer = msgspec.json.decode(done.stdout)
    assert answer["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["text"]
    sent = msgspec.json.decode(endpoint.requests[-1].body)
    assert sent["max_tokens"] == 2
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["messages"][1]["content"] == "Some question\n"


@pytest.mark.parametrize("question", ["", "  \n"])
def test_no_question_is_your_mistake(tmp_path: Path, question: str) -> None:
    done = Shell(tmp_path)("ask", "-", input=question)
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no question.")


def test_without_an_endpoint_the_next_step_is_to_start_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = Shell(tmp_path)("ask", "x", "--url", f"http://127.0.0.1:{port}", "--key", KEY)
    assert done.returncode == 1
    assert f"No endpoint answers at http://127.0.0.1:{port}" in done.stderr
    assert "freehold up" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["127.0.0.1:99999", "ftp://127.0.0.1", "http://", "http://127.0.0.1:x"])
def test_what_is_no_address_is_said(tmp_path: Path, url: str) -> None:
    done = Shell(tmp_path)("ask", "x", "--url", url, "--key", KEY)
    assert done.returncode == 1
    assert f"`{url}` is not the address of an endpoint" in done.stderr


def test_a_key_that_is_not_taken_is_said_without_being_shown(
    tmp_path: Path, endpoint: ThreadedProvider
) -> None:
    done = Shell(tmp_path)("ask", "x", "--url", endpoint.base_url, "--key", "fh-a-wrong-one")
    assert done.returncode == 1
    assert "does not take this key" in done.stderr
    assert "freehold keys create" in done.stderr
    assert "fh-a-wrong-one" not in done.stderr


def test_own_mistakes_and_the_endpoints_have_different_exit_statuses(
    tmp_path: Path, endpoint: ThreadedProvider
) -> None:
    shell = Shell(tmp_path)
    unknown = shell("ask", "x", "-m", "nobody", "--url", endpoint.base_url, "--key", KEY)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    endpoint.play(Script(models={"*": Behaviour(faults=(Page(status=503),))}))
    failed = shell("ask", "x", "--url", endpoint.base_url, "--key", KEY)
    assert (failed.returncode, failed.stdout) == (2, "")


@pytest.mark.parametrize("fault", [Cut(after=3), ErrorEvent(after=3)])
def test_an_answer_that_breaks_off_is_no_success(
    tmp_path: Path, endpoint: ThreadedProvider, fault: Cut | ErrorEvent
) -> None:
    endpoint.play(Script(models={"*": Behaviour(text="one two three four five six", faults=(fault,))}))
    done = Shell(tmp_path)("ask", "x", "--url", endpoint.base_url, "--key", KEY)
    assert done.returncode == 2
    assert done.stdout.startswith("one")
    assert done.stdout.endswith("\n")
    assert "broke" in done.stderr


def test_ctrl_c_is_quiet_and_stops_the_call(tmp_path: Path, endpoint: ThreadedProvider) -> None:
    with Shell(tmp_path).start("ask", "x", "-m", "slow", "--url", endpoint.base_url, "--key", KEY) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.read(1)
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=10) == 130
        assert command.stderr.read() == b""


def test_pieces_are_shown_as_they_come(tmp_path: Path, endpoint: ThreadedProvider) -> None:
    endpoint.play(Script(models={"*": Behaviour(text="now and after a long while", tokens_per_s=1.0)}))
    with Shell(tmp_path).start("ask", "x", "--url", endpoint.base_url, "--key", KEY) as command:
        assert command.stdout is not None
        began = time.monotonic()
        assert command.stdout.read(3) == b"now"
        assert time.monotonic() - began < 3
        command.stdout.close()
        assert command.wait(timeout=10) == 141


def test_an_answer_cannot_steer_the_terminal(tmp_path: Path, endpoint: ThreadedProvider) -> None:
    endpoint.play(Script(models={"*": Behaviour(text="clear \x1b[2J \x9b2J screen\nnext")}))
    above, below = pty.openpty()
    shell = Shell(tmp_path)
    with shell.start("ask", "x", "--url", endpoint.base_url, "--key", KEY, stdout=below) as command:
        os.close(below)
        shown = _read_all(above)
        assert command.wait(timeout=10) == 0
    os.close(above)
    assert shown == "clear \\x1b[2J \\x9b2J screen\r\nnext\r\n"
    piped = shell("ask", "x", "--url", endpoint.base_url, "--key", KEY)
    assert piped.stdout == "clear \x1b[2J \x9b2J screen\nnext\n"


def _read_all(descriptor: int) -> str:
    data = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # what Linux says when the other side of a terminal is closed
            return data.decode()
        if not piece:
            return data.decode()
        data += piece
