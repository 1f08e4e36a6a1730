"""A model that was made here is served as `own/NAME` as soon as its folder is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from own_models import export_model
from running_endpoint import RunningEndpoint, until

pytestmark = pytest.mark.model

ROUTE = '[routes.support]\nincumbent = "own/triage"\nfallbacks = ["local/smollm2-135m"]\n'


def say(endpoint: RunningEndpoint, *words: str) -> list[dict[str, Any]]:
    """What a command prints with `--json`, in the endpoint's folder."""
    done = subprocess.run(
        [sys.executable, "-m", "freehold", *words, "--json"],
        cwd=endpoint.folder,
        env=endpoint.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("words", [(), ("--workers", "2")], ids=["alone", "two workers"])
def test_an_exported_model_is_served_without_a_restart(words: tuple[str, ...], tmp_path: Path) -> None:
    with RunningEndpoint(tmp_path, ROUTE, *words) as endpoint, endpoint.connect() as client:
        assert client.chat("own/triage").status in (404, 502), "there is none yet"
        assert client.chat("support", "Hello", max_tokens=2).status == 200, "its fallback answers"

        export_model(endpoint.data, "triage")
        until(lambda: endpoint.health["parts"].get("own/triage") == "idle")
        answer = client.chat("support", "Hello", max_tokens=2)
        assert answer.status == 200
        entry = endpoint.recorded(answer.headers["x-freehold-call"])
        assert [(one.provider, one.model) for one in entry.call.attempts] == [("own", "triage")]
        assert endpoint.health["parts"]["own/triage"] == "ready"

        asked = endpoint.folder / "asked.toml"
        asked.write_text(f"{ROUTE}\n[server]\nport = {urlsplit(endpoint.url).port}\n")
        (shown,) = (
            one for one in say(endpoint, "models", "--config", str(asked)) if one["model"] == "own/triage"
        )
        assert shown["state"] == "ready"
        assert shown["context_window"] == 1024
        assert shown["licence"] == "Apache-2.0"
        assert shown["facts_from"] == "own.json"
        assert shown["price"]["row"] == "own machine"

        shutil.rmtree(endpoint.data / "own" / "triage")
        until(lambda: "own/triage" not in endpoint.health["parts"])
        assert client.chat("support", "Hello", max_tokens=2).status == 200, "its fallback answers again"
