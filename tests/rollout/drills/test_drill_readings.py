"""What a drill reads of the ledger: what clients asked, and not what Freehold asked for itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from left_providers import Site

from freehold.app.drill_readings import Readings
from freehold.app.drill_scope import Scope, Wanted
from freehold.config.load import load


@pytest.mark.parametrize("key", ["comparison_1", "check_1", "rollout_1", "migration_1"])
def test_a_model_that_only_freehold_itself_asked_is_no_route_to_rehearse(tmp_path: Path, key: str) -> None:
    site = Site(tmp_path)
    site.record(
        [
            *site.calls(12, "copilot", "rented/large"),
            *site.calls(3, "rented/large", "rented/large", key_id=key),
            *site.calls(2, "rented/tiny", "rented/tiny"),
        ]
    )
    settings = load(tmp_path / "freehold.toml", {})
    scope = Scope(settings, Wanted(lose="rented", on=(), faults=(), deadline=None, budget=None))
    samples = Readings(scope).samples()
    asked = {route.name: len(sample.calls) for route, sample in zip(scope.routes, samples, strict=True)}
    assert asked == {"copilot": 12, "rented/tiny": 2}
