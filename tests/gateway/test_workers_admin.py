"""The admin API of several workers: one port, whichever answers, and one audit log."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
from administered import Administered, administered
from running_endpoint import until
from several_workers import ready

TOML = """
[local]
enabled = false
[server]
workers = 2
[providers.acme]
base_url = "http://127.0.0.1:9/v1"
[routes.default]
incumbent = "acme/old"
"""


def acts(admin: Administered, act: str) -> list[dict[str, Any]]:
    return [one for one in admin.get("/audit")["entries"] if one["act"] == act]


def asked_anew(admin: Administered) -> int:
    """The status that a connection of its own is answered with."""
    return httpx.get(f"{admin.url}/audit", headers=admin.headers("owner"), timeout=20).status_code


def test_any_worker_answers_and_an_edit_is_written_down_once(tmp_path: Path) -> None:
    with administered(tmp_path, TOML) as admin:
        endpoint = admin.endpoint
        assert len(ready(endpoint)) == 2
        assert {asked_anew(admin) for _ in range(12)} == {200}
        endpoint.configure(endpoint.file.read_text().replace("acme/old", "acme/new"))
        until(lambda: endpoint.says("the changed configuration is in force"))
        (entry,) = until(lambda: acts(admin, "configuration.change"))
        assert "routes" in str(entry["detail"])
        endpoint.configure(endpoint.file.read_text() + "[")
        until(lambda: admin.get("/configuration")["problem"])
        assert "not TOML" in admin.get("/configuration")["problem"]
        before = ready(endpoint)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(ready(endpoint)) == 2 and ready(endpoint) != before)
        assert {asked_anew(admin) for _ in range(12)} == {200}
        assert len(acts(admin, "configuration.change")) == 1
