"""How independent the calls are is said over HTTP as on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
from administered import Administered, administered
from left_providers import TOML, Site


def test_http_says_what_the_command_says(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.record(site.calls(150, "copilot", "rented/large"))
    site.judge("rented/large", "other/medium", "replaces")
    with administered(tmp_path, TOML) as admin:
        over_http = admin.get("/independence", "viewer")
        printed = _printed(admin)
        for one in (over_http, printed):
            del one["made"], one["since"]
        assert over_http == printed
        assert admin.get("/independence", "viewer", route="copilot")["score"] == over_http["score"]
        little = admin.get("/independence", "viewer", since="1s")
        assert (little["enough"], little["score"]) == (False, None)
        assert admin.ask("GET", "/independence", "viewer", params={"route": "nowhere"}).status_code == 400
        assert admin.ask("GET", "/independence", "viewer", params={"since": "soon"}).status_code == 400


def _printed(admin: Administered) -> dict[str, object]:
    command = [sys.executable, "-m", "freehold", "independence", "--json"]
    done = subprocess.run(
        command, cwd=admin.endpoint.folder, env=admin.endpoint.environment, capture_output=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=dict[str, object])
