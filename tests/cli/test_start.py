"""What it costs to start, and what must not be imported for it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

HEAVY = (
    "sqlalchemy",
    "alembic",
    "uvicorn",
    "uvloop",
    "genai_prices",
    "pydantic",
    "rich.markdown",
    "prometheus_client",
)


def _milliseconds(environment: dict[str, str], *words: str) -> float:
    """Processor time of a child, the median of several: the clock on the wall shows the neighbours too."""
    taken = []
    for _ in range(7):
        before = os.times()
        subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True)
        after = os.times()
        taken.append(
            (after.children_user - before.children_user) + (after.children_system - before.children_system)
        )
    return statistics.median(taken) * 1000


INTERRUPTED_AT = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class CtrlC(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == os.environ.get("INTERRUPTED_AT"):
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
"""


@pytest.mark.parametrize(
    "module", ["freehold.cli.main", "typer", "freehold.cli.failure", "freehold.cli.calls", "freehold.app"]
)
@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_ends_it_without_a_word_whatever_is_being_imported(
    tmp_path: Path, module: str, ignored: bool
) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED_AT)
    environment = {**Shell(tmp_path).environment, "INTERRUPTED_AT": module}
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    words = [sys.executable, "-m", "freehold", "calls"]
    if ignored:  # as `nohup` and shells do for what runs in the background
        words = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *words]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    if ignored:
        assert (done.returncode, done.stderr) == (0, "No call is on record yet.\n")
    else:
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_endpoint_that_is_interrupted_while_it_starts_leaves_no_good_key(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED_AT)
    shell = Shell(tmp_path)
    path = f"{tmp_path}{os.pathsep}{shell.environment['PYTHONPATH']}"
    words = ("up", "--no-local", "--port", "0")
    with shell.start(*words, PYTHONPATH=path, INTERRUPTED_AT="uvloop") as command:
        assert command.communicate(timeout=30) == (b"", b"")
        assert command.returncode == 130
    assert [key["state"] for key in shell.json("keys", "list", "--all")] == ["revoked"]


def test_help_is_there_within_200_ms(tmp_path: Path) -> None:
    assert _milliseconds(Shell(tmp_path).environment, "-m", "freehold", "--help") < 200


def test_importing_the_package_takes_under_100_ms(tmp_path: Path) -> None:
    assert _milliseconds(Shell(tmp_path).environment, "-c", "import freehold") < 100


def test_nothing_heavy_is_imported_before_a_command_needs_it(tmp_path: Path) -> None:
    program = (
        "import sys, freehold.cli.main as main; main.run(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
        "; print(sorted(name for name in sys.modules if name.startswith('freehold')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=Shell(tmp_path).environment,
        check=True,
        capture_output=True,
        text=True,
    )
    heavy, ours = done.stdout.splitlines()[-2:]
    assert heavy == "[]"
    assert "freehold.cli.main" in ours
    assert "freehold.cli.up" not in ours
    assert "freehold.access" not in ours


def test_an_endpoint_loads_nothing_that_few_need(tmp_path: Path) -> None:
    few = (
        "numpy",
        "alembic",
        "sqlalchemy.dialects.postgresql",
        "freehold.rollout.archive",
    )
    program = f"import sys, freehold.app.service; print([one for one in {few!r} if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=Shell(tmp_path).environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"
