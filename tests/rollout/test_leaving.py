"""Calls through a running endpoint, as they are on record, say how independent it is and what moving would take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from left_providers import Site
from running_endpoint import RunningEndpoint, until

from freehold.ledger.filters import Filter
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

CALLS = 105
TOML = """
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.rented]
base_url = "{rented}"
[providers.other]
base_url = "{other}"
models = ["medium"]
[routes.copilot]
incumbent = "rented/large"
[models."rented/large"]
input = 2
output = 10
[models."other/medium"]
input = 1
output = 5
"""


def test_what_was_really_called_is_what_is_told(tmp_path: Path) -> None:
    script = Script(models={"*": Behaviour(text="It says yes.")})
    with SimulatedProvider.in_thread(script) as rented, SimulatedProvider.in_thread(script) as other:
        toml = TOML.format(rented=rented.base_url, other=other.base_url)
        site = Site(tmp_path, toml)
        with RunningEndpoint(tmp_path, toml, "--new-key") as endpoint:
            with endpoint.connect() as client:
                for number in range(CALLS):
                    answer = client.chat("copilot", n=2 if number < 5 else 1, stream=number % 2 == 0)
                    assert answer.status == 200
            until(lambda: len(endpoint.ledger.calls(limit=CALLS)) == CALLS)
            before = _printed(endpoint, "independence")
            assert (before["calls"], before["score"], before["worst"]) == (CALLS, 0, "rented")
            assert before["action"]["command"].startswith("freehold suite sample copilot")
            reported = {"rented/large": _names(endpoint, "rented/large")}
            site.judge("rented/large", "other/medium", "replaces", age_days=0, reported=reported)
            after = _printed(endpoint, "independence")
            assert 90 < after["score"] < 95
            moving = _printed(endpoint, "migrate", "copilot", "--from", "rented", "--to", "other/medium")
            assert (moving["sampled"], moving["whole"], moving["cost"]["unit"]) == (
                CALLS,
                CALLS,
                "1,000 calls",
            )
            assert moving["by_key"][0]["name"] == _key_name(endpoint)
            assert float(moving["cost"]["then"]) * 2 == float(moving["cost"]["now"])
            features = {one["feature"]: one["calls"] for one in moving["features"]}
            assert features == {"several answers": 5, "streaming": (CALLS + 1) // 2}
        assert len(other.requests) == 0


def _printed(endpoint: RunningEndpoint, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "freehold", *words, "--json"]
    done = subprocess.run(
        command, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return msgspec.json.decode(done.stdout, type=dict[str, Any])


def _names(endpoint: RunningEndpoint, model: str) -> list[str]:
    found = endpoint.ledger.calls(Filter(model=model))
    return sorted({one.call.reported_model for one in found if one.call.reported_model})


def _key_name(endpoint: RunningEndpoint) -> str:
    with endpoint.keys() as keys:
        return keys.list()[0].name
