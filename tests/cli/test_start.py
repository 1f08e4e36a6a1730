"""What it costs to start, and what must not be imported for it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from shell import Shell

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
