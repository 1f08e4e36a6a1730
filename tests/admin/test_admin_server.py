"""The admin API with keys, audit log and ledger on a PostgreSQL server, and while that is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from databases import NOT_INSTALLED, Databases
from postgres_server import programs, serving
from running_endpoint import RunningEndpoint, until

from freehold.access.admin_keys import AdminKeys
from freehold.access.audit import AuditLog
from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)

PEPPER = "0123456789abcdef" * 4
TOML = """
[local]
enabled = false
[database]
url = "env:DATABASE"
[access]
pepper = "env:PEPPER"
[admin]
listen = "127.0.0.1:0"
"""


@pytest.fixture
def own() -> Iterator[Databases]:
    """A server that nobody else uses, so that it can be stopped."""
    with serving() as server:
        yield Databases(server)


def test_it_works_on_a_server_and_answers_in_words_while_that_is_away(own: Databases, tmp_path: Path) -> None:
    place = own.make()
    with (
        closing(Keys(place, pepper_of(PEPPER))) as keys,
        closing(AdminKeys(place, keys.digest)) as admins,
    ):
        token = admins.create("alice", "owner", by="test")[1]
    environment = {"DATABASE": place.url.reveal(), "PEPPER": PEPPER}
    with RunningEndpoint(tmp_path, TOML, "--new-key", environment=environment) as endpoint:
        url = f"{endpoint.started['admin']}/admin/v1"
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            made = client.post("/keys", json={"name": "laptop"}).json()
            assert endpoint.get("/v1/models", key=made["key"]).status == 200
            client.post(f"/keys/{made['id']}/revoke")
            assert until(lambda: endpoint.get("/v1/models", key=made["key"]).status == 401, 3)
            assert client.get("/calls").status_code == 200
            verdict = client.get("/audit/verify").json()
            with closing(AuditLog(place)) as log:
                assert log.verify(verdict["head"]).good
            own.server.stop()
            time.sleep(1.2)  # what is known of keys is older than a second now
            assert client.get("/version").status_code == 200  # the key is known from before
            away = client.post("/keys", json={"name": "phone"})
            assert away.status_code == 503
            assert away.headers["content-type"] == "application/problem+json"
            assert "Traceback" not in away.text
            stranger = httpx.get(
                f"{url}/version", headers={"authorization": "Bearer fha-" + "x" * 43}, timeout=30
            )
            assert stranger.status_code == 401
            health = client.get("/health").json()
            assert "cannot be read anew" in health["parts"]["keys"]
            own.server.start()
            assert until(lambda: client.post("/keys", json={"name": "phone"}).status_code == 201)
            assert client.get("/audit/verify").json()["good"]
