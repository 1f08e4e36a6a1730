"""What the document says and what is answered agree, whatever is asked: Schemathesis, against a running endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from administered import Administered, administered
from kept_comparisons import keep_comparison

from benchmarks.admin.examining import Examined, examine, tells_where_it_failed
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

SECONDS = 13
WITHOUT_SECONDS = 6
LEAST = 5
"""Requests that show something."""
SEED = 20_260_101


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes.")})) as provider:
        toml = f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.sim]
base_url = "{provider.base_url}"
[routes.chat]
incumbent = "sim/one"
[limits.all]
on = "organisation"
per = "day"
requests = 1000
"""
        folder = tmp_path_factory.mktemp("described")
        keep_comparison(folder)
        with administered(folder, toml, admin="wrong_keys = 1000000") as admin:
            for _ in range(3):
                with admin.endpoint.connect() as client:
                    assert client.chat("chat").status == 200
            yield admin


def test_every_answer_is_as_described(admin: Administered, tmp_path: Path) -> None:
    found = _examine(admin, admin.tokens["owner"], tmp_path, SECONDS)
    assert found.good, found.said
    assert not tells_where_it_failed(admin.endpoint.log)


def test_without_a_key_nothing_is_said_and_nothing_breaks(admin: Administered, tmp_path: Path) -> None:
    acts = len(admin.get("/audit", limit=1000)["entries"])
    found = _examine(admin, None, tmp_path, WITHOUT_SECONDS)
    assert found.good, found.said
    assert len(admin.get("/audit", limit=1000)["entries"]) == acts
    assert not tells_where_it_failed(admin.endpoint.log)


def _examine(admin: Administered, key: str | None, folder: Path, seconds: int) -> Examined:
    """For so long; on a machine so busy that it comes to next to nothing, for longer."""
    document = admin.ask("GET", "/openapi.json").content
    for longer in (1, 4, 12):
        found = examine(
            str(admin.endpoint.started["admin"]), document, key, folder, seconds=longer * seconds, seed=SEED
        )
        if found.requests >= LEAST or not found.good:
            return found
    raise AssertionError(f"only {found.requests} requests were made")
