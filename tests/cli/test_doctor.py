"""`freehold doctor`: finds what is broken, and says what to do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from planted import call_number, plant
from read_only import within_read_only
from running import RunningEndpoint
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.examinations.machine import PACKAGES
from freehold.providers.simulated import Script, SimulatedProvider


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An installation that was used and is well, on a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "freehold.toml").write_text(f"[server]\nport = {port}\n")
    shell = Shell(tmp_path)
    shell("keys", "create", "laptop")
    plant(tmp_path, [call_number(1, started_us=1)])
    return shell


def _findings(shell: Shell, status: int) -> dict[str, dict[str, object]]:
    import msgspec  # noqa: PLC0415 - here only

    done = shell("doctor", "--json")
    assert done.returncode == status, done.stdout + done.stderr
    found = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert all(one["next"] for one in found if one["state"] != "good")
    return {str(one["subject"]): one for one in found}


def test_all_is_well(shell: Shell) -> None:
    data = shell.folder / ".freehold"
    before = {path: path.stat().st_mtime_ns for path in (data, *data.iterdir())}
    found = _findings(shell, 0)
    assert {one["state"] for one in found.values()} == {"good"}
    assert found["keys"]["found"] == "1 good, 0 revoked or expired"
    assert str(found["ledger"]["found"]).startswith("1 call, 2 bodies")
    done = shell("doctor")
    assert done.returncode == 0
    assert f"{len(found)} examined: 0 broken, 0 to look at." in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (data, *data.iterdir())} == before, "nothing is changed"


def test_a_data_folder_that_cannot_be_written_to_is_broken(shell: Shell) -> None:
    within = within_read_only(shell.folder / ".freehold")
    if not within:
        pytest.skip("this system lets us have no read-only folder")
    with shell.start("doctor", within=within) as command:
        said = command.communicate(timeout=30)[0].decode()
        assert command.returncode == 1
    assert re.search(r"broken +data folder +\S+ cannot be written\n +-> Let the user that runs", said)


def test_before_the_first_start_all_is_well_too_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("[server]\nport = 0\n")
    found = _findings(Shell(tmp_path), 0)
    assert "not made yet" in str(found["data folder"]["found"])
    assert [path.name for path in tmp_path.iterdir()] == ["freehold.toml"]


def test_a_wrong_configuration_is_broken(shell: Shell) -> None:
    (shell.folder / "freehold.toml").write_text("[server]\nprot = 1\n")
    found = _findings(shell, 1)
    assert "`server.prot` is not a setting" in str(found["configuration"]["found"])


@pytest.mark.parametrize(
    ("harm", "said"), [("lost", "is gone"), ("replaced", "was replaced"), ("cut", "31 bytes")]
)
def test_a_harmed_pepper_is_broken(shell: Shell, harm: str, said: str) -> None:
    pepper = shell.folder / ".freehold" / "secret"
    if harm == "lost":
        pepper.unlink()
    else:
        pepper.write_bytes(b"x" * (32 if harm == "replaced" else 31))
    found = _findings(shell, 1)
    assert found["keys"]["state"] == "broken"
    assert said in str(found["keys"]["found"])
    assert "backup" in str(found["keys"]["next"])


@pytest.mark.parametrize("name", ["ledger.db", "access.db"])
def test_a_damaged_database_is_broken(shell: Shell, name: str) -> None:
    path = shell.folder / ".freehold" / name
    for companion in ("-wal", "-shm"):
        path.with_name(name + companion).unlink(missing_ok=True)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    found = _findings(shell, 1)
    assert found[name]["state"] == "broken"


def test_a_database_of_a_newer_freehold_is_broken(shell: Shell) -> None:
    import sqlite3  # noqa: PLC0415 - here only

    database = sqlite3.connect(shell.folder / ".freehold" / "access.db")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    found = _findings(shell, 1)
    assert "newer" in str(found["access.db"]["found"])


def test_another_program_at_the_address_is_broken(shell: Shell) -> None:
    with SimulatedProvider.in_thread(Script()) as other:
        (shell.folder / "freehold.toml").write_text(f"[server]\nport = {other.port}\n")
        found = _findings(shell, 1)
    assert "another program listens" in str(found["endpoint"]["found"])


def test_the_address_of_the_admin_api_is_looked_at(shell: Shell) -> None:
    toml = '[server]\nport = 0\n[local]\nenabled = false\n[admin]\nlisten = "127.0.0.1:{}"\n'
    file = shell.folder / "freehold.toml"
    with SimulatedProvider.in_thread(Script()) as other:
        file.write_text(toml.format(other.port))
        found = _findings(shell, 1)["admin"]
        assert "another program listens" in str(found["found"])
        assert "`listen` under `[admin]`" in str(found["next"])
        port = other.port
    file.write_text(toml.format(port))
    assert _findings(shell, 0)["admin"]["found"] == f"not running; 127.0.0.1:{port} is free"
    with shell.start("up") as endpoint:
        try:
            assert endpoint.stdout is not None
            assert endpoint.stdout.readline()  # it is ready
            found = _findings(shell, 0)["admin"]
        finally:
            endpoint.terminate()
            endpoint.communicate(timeout=20)
    assert found["found"] == f"the admin API answers at http://127.0.0.1:{port}/admin/v1"


def test_a_running_endpoint_is_found(shell: Shell) -> None:
    with RunningEndpoint(shell) as endpoint:
        port = endpoint.url.rpartition(":")[2]
        (shell.folder / "freehold.toml").write_text(f"[server]\nport = {port}\n[local]\nenabled = false\n")
        found = _findings(shell, 0)
    assert found["endpoint"]["found"] == f"answers at {endpoint.url} and is ready"


def test_an_endpoint_that_was_killed_leaves_a_word_about_what_may_be_missing(shell: Shell) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from planted import PRICES, call_number; "
        "from freehold.ledger.settings import LedgerSettings; from freehold.ledger.writer import Ledger; "
        "ledger = Ledger(Path('.freehold/ledger.db'), LedgerSettings(flush_ms=60000), PRICES); ledger.start(); "
        "ledger.record(call_number(2)); ledger.flush(5); "
        "[ledger.record(call_number(number)) for number in range(3, 8)]; os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**shell.environment}
    environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parent)
    killed = subprocess.run(
        [sys.executable, "-c", program], cwd=shell.folder, env=environment, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    found = _findings(shell, 0)
    assert found["record"]["state"] == "notice"
    assert "killed" in str(found["record"]["found"])
    assert "5 calls are missing" in str(found["record"]["found"])


def test_a_folder_that_others_can_read_is_noticed(shell: Shell) -> None:
    data = shell.folder / ".freehold"
    data.chmod(0o755)
    assert _findings(shell, 0)["modes"]["state"] == "good"
    (data / "secret").chmod(0o644)
    found = _findings(shell, 0)["modes"]
    assert found["state"] == "notice"
    assert "secret" in str(found["found"])
    assert "chmod" in str(found["next"])


def test_a_clock_that_was_set_back_is_noticed(shell: Shell) -> None:
    plant(shell.folder, [call_number(2, started_us=3_000_000_000_000_000)])
    assert _findings(shell, 0)["clock"]["state"] == "notice"


def test_a_wide_endpoint_without_a_key_is_broken(shell: Shell) -> None:
    with (shell.folder / "freehold.toml").open("a") as file:
        file.write('host = "0.0.0.0"\n')
    shell("keys", "revoke", "laptop")
    assert _findings(shell, 1)["keys"]["state"] == "broken"


def test_the_packages_looked_for_are_those_that_are_declared() -> None:
    import tomllib  # noqa: PLC0415 - here only

    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "dependencies"
    ]
    assert sorted(re.split(r"[^\w-]", one)[0] for one in declared) == sorted(PACKAGES)
