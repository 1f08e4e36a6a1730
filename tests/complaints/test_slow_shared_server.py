"""B1, further asks: what the machines share is slow, and with it everything stands still."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from rehearsing import PLAIN, rehearsing
from running_endpoint import RunningEndpoint, until
from slow_line import SlowLine
from valkey_server import ValkeyServer, needs_valkey

from freehold.providers.simulated import Behaviour, Script

DELAY = 1.0
"""Seconds, each way."""
MOST = 150
SHARED = f"""
[shared]
url = "env:VALKEY"
[limits.each-key]
on = "key"
per = "day"
requests = {MOST}
"""
SCRIPT = Script(models={"*": Behaviour(text="Yes.")})


def ask(endpoint: RunningEndpoint, key: str) -> tuple[int, float]:
    """The status, and how long it took."""
    began = time.monotonic()
    with endpoint.connect(key) as client:
        status = client.chat("chat", max_tokens=5).status
    return status, time.monotonic() - began


@needs_valkey()
def test_a_slow_redis_slows_no_call_down_and_lifts_no_limit(tmp_path: Path) -> None:
    """https://docs.litellm.ai/blog/redis-circuit-breaker: each call waited for a Redis that had become slow, until
    all of the fleet did nothing else.
    """
    pytest.importorskip("valkey", reason="the client for Valkey is not installed")

    def play(line: SlowLine) -> None:
        environment = {"VALKEY": f"valkey://127.0.0.1:{line.port}/0"}
        with rehearsing(tmp_path, SCRIPT, PLAIN + SHARED, environment=environment) as (endpoint, provider):
            key = endpoint.make_key("laptop")
            assert [ask(endpoint, key)[0] for _ in range(10)] == [200] * 10
            time.sleep(2.5)  # it sets something aside for itself
            line.delay_s = DELAY
            slowed = [ask(endpoint, key) for _ in range(60)]
            assert {status for status, _ in slowed} <= {200, 429}
            waits = sorted(seconds for _, seconds in slowed)
            assert waits[-1] < 2 * DELAY, "nobody waits for an answer of that server"
            assert waits[50] < DELAY / 4, "and hardly anybody at all"
            assert sum(status == 200 for status, _ in slowed) >= 10
            until(lambda: endpoint.health["parts"]["limits"] != "ok")
            assert endpoint.health["ready"] is True
            assert endpoint.figures["freehold_limits_ok"] == 0
            time.sleep(8.0)  # two slow answers later it knows that it is alone, and its share is all
            asked = [ask(endpoint, key) for _ in range(MOST)]
            assert max(seconds for _, seconds in asked) < 2 * DELAY
            answered = len(provider.requests)
            assert answered <= MOST
            assert answered >= MOST - 15, "without the server there is as much as with it"
            assert asked[-1][0] == 429
            line.delay_s = 0.0
            until(lambda: endpoint.health["parts"]["limits"] == "ok")
            assert ask(endpoint, key)[0] == 429, "what was used in between is not forgotten"

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with SlowLine(server.port) as line:
                await asyncio.to_thread(play, line)

    asyncio.run(story())
