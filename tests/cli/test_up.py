"""`freehold up` and everything else against the endpoint that it starts; a simulated provider answers."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningEndpoint
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold import __version__
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

CONFIGURATION = """
[providers.far]
base_url = "{url}"

[routes.default]
incumbent = "far/m1"

[models."far/m1"]
input = "2.50"
output = "10"
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with SimulatedProvider.in_thread(
        Script(models={"m1": Behaviour(text="Han, Rhine, Nile.\n")})
    ) as provider:
        (tmp_path / "freehold.toml").write_text(CONFIGURATION.replace("{url}", provider.base_url))
        yield Shell(tmp_path)


def test_from_the_first_start_to_what_the_calls_cost(shell: Shell) -> None:
    with RunningEndpoint(shell) as endpoint:
        assert endpoint.greeting["base_url"] == f"{endpoint.url}/v1"
        asked = shell("ask", "Name three.", "--url", endpoint.url, "--key", endpoint.key)
        assert (asked.returncode, asked.stdout) == (0, "Han, Rhine, Nile.\n")
        # Without a key: whoever can write the data folder owns the endpoint.
        own = shell.json("ask", "Name three.", FREEHOLD_URL=endpoint.url)[0]
        assert own["text"] == "Han, Rhine, Nile.\n"
        assert own["model"] == "far/m1"
        refused = shell("ask", "x", "-m", "nobody", "--url", endpoint.url, "--key", endpoint.key)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "No route or model is called `nobody`" in refused.stderr
        assert _until(lambda: len(shell.json("calls")) == 3)
        status, said = endpoint.end()
    assert (status, said.splitlines()[-1]) == (0, "Stopped.")
    newest, own_call, first = shell.json("calls")
    assert (newest["outcome"], newest["status"]) == ("refused", 404)
    assert (own_call["id"], own_call["key_name"]) == (own["call"], "command line")
    assert (first["key_name"], first["cost"] is None, first["price"]) == ("up", False, "freehold.toml far/m1")
    assert shell.json("spend")[-1]["calls_of_unknown_cost"] in (0, 1)
    shown = shell("calls", "show", str(own["call"]))
    assert "Han, Rhine, Nile." in shown.stdout
    assert "Name three." in shown.stdout
    own_key = next(key for key in shell.json("keys", "list") if key["name"] == "command line")
    assert own_key["routes"] == ["default"]
    assert own_key["expires"] is not None


def test_a_key_is_in_no_file_and_in_no_word_after_its_use(shell: Shell) -> None:
    with RunningEndpoint(shell) as endpoint:
        token = endpoint.key
        for words in ((), ("-m", "nobody"), ("-m", "far/m1", "--json")):
            shell("ask", "x", "--url", endpoint.url, "--key", token, *words)
        shell("ask", "x", "--url", endpoint.url, "--key", token[:-1] + "!")
        _, said = endpoint.end()
    secret = token[7:]
    assert secret not in said
    for path in (shell.folder / ".freehold").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    # Bodies are compressed on the disk.
    exported = shell("calls", "export", "--bodies").stdout
    assert exported.count("call_") >= 3
    assert secret not in exported
    assert token[:7] in shell("keys", "list").stdout


def test_a_key_is_made_where_there_is_none_and_where_one_is_wanted(shell: Shell) -> None:
    with RunningEndpoint(shell) as endpoint:
        assert endpoint.key.startswith("fh-")
    with RunningEndpoint(shell) as endpoint:
        assert endpoint.greeting["key"] is None
        assert endpoint.greeting["key_expires"] is None
    with RunningEndpoint(shell, "--new-key") as endpoint:
        assert endpoint.key.startswith("fh-")
        assert endpoint.greeting["key_expires"] is not None
    assert [key["name"] for key in shell.json("keys", "list")] == ["up", "up 2"]


@pytest.mark.parametrize("with_a_key", [False, True])
def test_a_route_can_be_asked_as_soon_as_it_is_written(shell: Shell, with_a_key: bool) -> None:
    with RunningEndpoint(shell) as endpoint:
        more = {"FREEHOLD_KEY": endpoint.key} if with_a_key else {"FREEHOLD_URL": endpoint.url}
        with (shell.folder / "freehold.toml").open("a") as file:
            file.write(
                f'[routes.fresh]\nincumbent = "far/m1"\n[server]\nport = {endpoint.url.rpartition(":")[2]}\n'
            )
        asked = shell("ask", "x", "-m", "fresh", **more)
        assert (asked.returncode, asked.stdout) == (0, "Han, Rhine, Nile.\n"), asked.stderr
        began = time.monotonic()
        assert shell("ask", "x", "-m", "nobody", **more).returncode == 1
        assert time.monotonic() - began < 3, "what the configuration does not name is not waited for"
        assert _until(lambda: len(shell.json("calls")) == 2)
        assert [call["outcome"] for call in shell.json("calls")] == ["refused", "answered"]


@pytest.mark.parametrize("has_keys", [False, True])
def test_asking_from_another_folder_leaves_nothing_there(
    shell: Shell, tmp_path: Path, has_keys: bool
) -> None:
    (tmp_path / "other").mkdir()
    other = Shell(tmp_path / "other")
    if has_keys:
        other("keys", "create", "laptop")
    before = other.json("keys", "list", "--all")
    with RunningEndpoint(shell) as endpoint:
        done = other("ask", "x", FREEHOLD_URL=endpoint.url)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"The endpoint at {endpoint.url} keeps its keys elsewhere" in done.stderr
        assert "--key" in done.stderr
        assert other("ask", "x", FREEHOLD_URL=endpoint.url, FREEHOLD_KEY=endpoint.key).returncode == 0
    assert other.json("keys", "list", "--all") == before
    if not has_keys:
        assert list(other.folder.iterdir()) == []


def test_a_key_that_asking_made_for_itself_is_nobodys(shell: Shell) -> None:
    with RunningEndpoint(shell) as endpoint:
        assert shell("ask", "x", FREEHOLD_URL=endpoint.url).returncode == 0
    shell("keys", "revoke", "up")
    assert [key["name"] for key in shell.json("keys", "list")] == ["command line"]
    wide = shell("up", "--no-local", "--port", "0", "--host", "0.0.0.0")
    assert (wide.returncode, wide.stdout) == (1, "")
    assert "no key exists" in wide.stderr
    with (shell.folder / "freehold.toml").open("a") as file:
        file.write('[server]\nhost = "0.0.0.0"\nport = 0\n')
    (keys,) = [json.loads(line) for line in shell("doctor", "--json").stdout.splitlines() if '"keys"' in line]
    assert (keys["state"], keys["next"]) == ("broken", "`freehold keys create NAME`")
    with RunningEndpoint(shell, "--host", "127.0.0.1") as endpoint:
        assert endpoint.key.startswith("fh-"), "a fresh one, as nobody holds one"


def test_a_revoked_key_is_refused_within_a_second_or_so(shell: Shell) -> None:
    with RunningEndpoint(shell) as endpoint:
        made = shell("keys", "create", "laptop").stdout.strip()
        words = ("ask", "x", "--url", endpoint.url, "--key", made)
        assert shell(*words).returncode == 0
        shell("keys", "revoke", "laptop")
        began = time.monotonic()
        assert _until(lambda: shell(*words).returncode == 1)
        assert time.monotonic() - began < 3
        assert "does not take this key" in shell(*words).stderr


def test_people_are_greeted_with_three_lines_that_work(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with shell.start("up", "--no-local", "--port", str(port)) as command:
        try:
            assert command.stdout is not None
            lines: list[str] = []
            while len(lines) < 12:
                lines.append(command.stdout.readline().decode().rstrip("\n"))
            assert lines[0] == f"Freehold {__version__} is ready. Ctrl-C stops it."
            assert lines[2] == f"  address  http://127.0.0.1:{port}/v1"
            assert lines[3].startswith("  key      fh-")
            curl, python, ask = lines[7], lines[9], lines[11]
            environment = {**shell.environment, "PYTHONWARNINGS": "default"}
            pasted = [[sys.executable, "-c", python], ["sh", "-c", ask]]
            if shutil.which("curl"):
                pasted.append(shlex.split(curl))
            for words in pasted:
                done = subprocess.run(
                    words,
                    capture_output=True,
                    text=True,
                    env=environment,
                    cwd=shell.folder,
                    timeout=60,
                    check=False,
                )
                assert done.returncode == 0, done.stderr
                assert "Han, Rhine, Nile." in done.stdout
        finally:
            command.terminate()
        assert command.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("configuration", "model"),
    [
        (CONFIGURATION.replace("routes.default", "routes.mine"), "mine"),
        (CONFIGURATION.partition("[routes")[0] + 'models = ["m1"]', "far/m1"),
    ],
    ids=["another route", "a model"],
)
def test_the_greeting_asks_what_exists(shell: Shell, configuration: str, model: str) -> None:
    address = (shell.folder / "freehold.toml").read_text().split('"')[1]
    (shell.folder / "freehold.toml").write_text(configuration.replace("{url}", address))
    with RunningEndpoint(shell) as endpoint:
        paste = endpoint.greeting["paste"]
        assert isinstance(paste, dict)
        assert all(model in line and "default" not in line for line in paste.values())
        done = subprocess.run(
            ["sh", "-c", paste["command line"]],
            capture_output=True,
            env=shell.environment,
            cwd=shell.folder,
            timeout=60,
            check=False,
        )
        assert done.stdout == b"Han, Rhine, Nile.\n"


@pytest.mark.parametrize("told", [None, "[local]\nenabled = false\n"])
def test_where_nothing_can_be_asked_the_greeting_says_how_to_add_it(shell: Shell, told: str | None) -> None:
    file = shell.folder / "freehold.toml"
    file.unlink() if told is None else file.write_text(told)
    with RunningEndpoint(shell) as endpoint:
        assert (endpoint.greeting["routes"], endpoint.greeting["paste"]) == ([], {})
    with shell.start("up", "--no-local", "--port", "0", "--new-key") as command:
        assert command.stdout is not None
        lines = [command.stdout.readline().decode() for _ in range(13)]
        command.terminate()
    said = "".join(lines)
    assert "No route or model is there to be asked yet." in said
    assert "[routes.default]\nincumbent" in said
    assert '"model"' not in said


def test_wider_than_loopback_it_wants_a_key_first(shell: Shell) -> None:
    wide = ("up", "--no-local", "--port", "0", "--host", "0.0.0.0")
    done = shell(*wide)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no key exists" in done.stderr
    assert "freehold keys create" in done.stderr
    assert shell.json("keys", "list", "--all") == []
    with RunningEndpoint(shell, "--host", "0.0.0.0", "--new-key") as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:")
        assert shell("ask", "x", "--url", endpoint.url, "--key", endpoint.key).returncode == 0


def test_an_endpoint_that_does_not_start_leaves_no_good_key(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = shell("up", "--no-local", "--new-key", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Cannot listen on" in done.stderr
    assert "`freehold up --port N`" in done.stderr
    assert '`make up ARGS="--port N"`' in done.stderr
    assert [key["state"] for key in shell.json("keys", "list", "--all")] == ["revoked"]


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid"])
def test_an_address_of_another_machine_is_answered_with_those_to_choose(shell: Shell, host: str) -> None:
    shell("keys", "create", "laptop")
    done = shell("up", "--no-local", "--port", "0", "--host", host)
    assert (done.returncode, done.stdout) == (1, "")
    assert host in done.stderr
    assert "Give `--host` an address of this machine" in done.stderr
    assert "--port" not in done.stderr


def test_no_key_is_sent_to_another_program_or_another_machine(shell: Shell) -> None:
    with SimulatedProvider.in_thread(Script()) as stranger:
        address = stranger.base_url.removesuffix("/v1")
        done = shell("ask", "x", "--url", address)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Another program answers" in done.stderr
        assert all("authorization" not in dict(one.headers) for one in stranger.requests)
    far = shell("ask", "x", "--url", "https://gateway.example")
    assert (far.returncode, far.stdout) == (1, "")
    assert "needs a key of its own" in far.stderr
    assert shell.json("keys", "list", "--all") == []


def test_the_data_folder_of_the_command_line_counts_from_where_one_stands(shell: Shell) -> None:
    with RunningEndpoint(shell, "--data", "elsewhere") as endpoint:
        assert endpoint.greeting["data"] == str(shell.folder / "elsewhere")
    assert (shell.folder / "elsewhere" / "access.db").exists()
    assert not (shell.folder / ".freehold").exists()


def _until(holds: object, seconds: float = 5.0) -> bool:
    assert callable(holds)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
