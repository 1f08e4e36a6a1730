"""The SDKs for Node: a script for each, which asks the running endpoint and says what it found."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from six_dialects import SPOKEN, Stage, running_fixture, stage_fixture  # noqa: F401 - fixtures

FOLDER = Path(__file__).parent / "node"
OLDEST = 20
LIMIT = 120.0


@pytest.fixture(scope="module", name="node")
def node_fixture() -> str:
    """The program, where it and the packages are here."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"Node {version} is older than {OLDEST}")
    stamp = FOLDER / "node_modules" / ".installed"
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text().strip() != wanted:
        pytest.skip("the SDKs for Node are not installed: `make node-sdks` does that")
    return node


@pytest.mark.parametrize("script", ["openai", "anthropic", "google", "ai"])
def test_every_check_passes(
    node: str, stage: Stage, show: Callable[[str], None], tmp_path: Path, script: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FREEHOLD_URL": stage.endpoint.url,
        "FREEHOLD_KEY": stage.endpoint.key,
        "FREEHOLD_PROVIDERS": json.dumps({name: spoken.keeps_state for name, spoken in SPOKEN.items()}),
    }
    done = subprocess.run(
        [node, f"{script}.mjs"],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    checks = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [f"{one['check']}\n{one['error']}" for one in checks if not one["ok"]]
    show(f"{script} for Node: {len(checks) - len(failed)} of {len(checks)} checks pass")
    assert len(checks) > len(SPOKEN)
    assert not failed, "\n\n".join([f"{len(failed)} of {len(checks)} checks failed:", *failed])
