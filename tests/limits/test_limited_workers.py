"""A limit holds over all workers of an endpoint, whichever of them is killed meanwhile."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from running_endpoint import RunningEndpoint, until
from several_workers import ready

from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider

TOML = """
[local]
enabled = false
[providers.acme]
base_url = "{url}"
[models."acme/m"]
input = 1
output = 10
[limits.all]
on = "organisation"
per = "month"
{bound}
"""
CALLS = 300
ROOM = 50
WRITTEN = 20
"""Tokens of an answer, and `max_tokens`."""


@pytest.mark.parametrize("bound", [f"requests = {ROOM}", "money = 0.0105"])
@pytest.mark.parametrize("killed", [False, True])
def test_300_calls_at_once_against_a_budget_for_50(
    bound: str, killed: bool, tmp_path: Path, show: Callable[[str], None]
) -> None:
    answer = Behaviour(text=Lorem(tokens=WRITTEN), first_token_s=0.3)
    with (
        SimulatedProvider.in_thread(Script(models={"*": answer})) as provider,
        RunningEndpoint(
            tmp_path, TOML.format(url=provider.base_url, bound=bound), "--workers", "4"
        ) as endpoint,
    ):
        became: Counter[int] = Counter()
        together = threading.Barrier(CALLS + 1)

        def ask() -> None:
            with endpoint.connect() as client:
                together.wait()
                try:
                    status = client.chat("acme/m", "hi", max_tokens=WRITTEN).status
                except (OSError, http.client.HTTPException):
                    status = 0
            became[status] += 1

        threads = [threading.Thread(target=ask) for _ in range(CALLS)]
        for thread in threads:
            thread.start()
        together.wait()
        if killed:
            until(lambda: provider.requests)
            os.kill(max(ready(endpoint)), signal.SIGKILL)
        for thread in threads:
            thread.join()
        asked = len(provider.requests)
        # What the provider may bill: it was asked with 8 tokens and writes 20 to each.
        spent = asked * (WRITTEN * 10 + 8) * Decimal("0.000001")
        assert asked > 0
        assert asked <= ROOM if "requests" in bound else spent <= Decimal("0.0105")
        assert sum(became.values()) == CALLS
        assert set(became) <= {200, 402, 429, *([0, 503] if killed else [])}
        if not killed:
            assert became[200] == asked
            assert asked == ROOM or "money" in bound
        show(
            f"{CALLS} calls at once, 4 workers{', one killed' if killed else ''}, {bound}: {asked} asked, "
            f"{dict(became)}"
        )
