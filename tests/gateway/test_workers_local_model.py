"""The models that come with Freehold are loaded once, by the supervisor, for all workers."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest
from plain_client import EMBEDDINGS
from running_endpoint import RunningEndpoint, until
from several_workers import one_to_each, ready

pytestmark = pytest.mark.model

READY = 60.0


def model_processes(endpoint: RunningEndpoint) -> set[int]:
    found = set()
    for one in psutil.Process(endpoint.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # gone since, or about to be
            if "freehold.providers.local.worker" in one.cmdline():
                found.add(one.pid)
    return found


def test_every_worker_asks_the_same_models(tmp_path: Path) -> None:
    with RunningEndpoint(tmp_path, None, "--workers", "2") as endpoint:
        until(lambda: endpoint.get("/health/ready").status == 200, READY)
        assert endpoint.health["parts"]["local/smollm2-135m"] == "ready"
        until(lambda: endpoint.health["parts"]["local/e5-small"] == "ready", READY)
        models = model_processes(endpoint)
        assert len(models) == 2
        with one_to_each(endpoint) as clients:
            for client in clients.values():
                answer = client.chat("default", "Name a river.", max_tokens=8)
                assert answer.status == 200
                vector = client.post(EMBEDDINGS, {"model": "local/e5-small", "input": "A river."})
                assert vector.status == 200
                assert client.chat("local/none").status == 404
            (victim, *_) = clients
            os.kill(victim, signal.SIGKILL)
        until(lambda: len(ready(endpoint)) == 2 and victim not in ready(endpoint))
        with endpoint.connect() as client:
            assert client.chat("default", "Name another.", max_tokens=8).status == 200
        assert model_processes(endpoint) == models, "they outlive a worker"

        for pid in models:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(model_processes(endpoint)) == 2, READY)
        with one_to_each(endpoint) as clients:
            for client in clients.values():  # waits until it is loaded, and goes to its new address
                assert client.chat("default", "And another.", max_tokens=8).status == 200
