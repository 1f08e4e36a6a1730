"""B6.3: calls are shown, and are gone when one looks again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from load import Load
from rehearsing import PLAIN, rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Script

SCRIPT = Script(models={"*": Behaviour(text="Yes, of course.")})
MANY = 100_000


def shown(endpoint: RunningEndpoint) -> set[str]:
    """The calls that `freehold calls` shows."""
    words = [sys.executable, "-m", "freehold", "calls", "--limit", str(MANY), "--json"]
    done = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=True
    )
    return {msgspec.json.decode(line)["id"] for line in done.stdout.splitlines()}


def test_what_was_shown_once_is_shown_for_good(tmp_path: Path) -> None:
    """https://github.com/langfuse/langfuse/issues/10185: traces came into the list and left it again while it was
    looked at.
    """
    with rehearsing(tmp_path, SCRIPT, PLAIN) as (endpoint, _):
        seen: set[str] = set()
        with Load(endpoint.url, endpoint.key, model="chat", rate=100.0) as load:
            load.until_done(20)
            for _ in range(30):
                now = {entry.call.id for entry in endpoint.ledger.calls(limit=MANY)}
                assert seen <= now
                seen = now
                time.sleep(0.03)
        assert len(seen) > 20
        assert seen <= shown(endpoint)
        everything = {one.call for one in load.done}
        until(lambda: shown(endpoint) == everything)
        one = endpoint.recorded(sorted(everything)[0])
        assert endpoint.recorded(one.call.id) == one, "and with the same in it"


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_what_was_shown_is_there_after_a_new_start(how: str, tmp_path: Path) -> None:
    """https://github.com/langfuse/langfuse/issues/10533: traces were there, and after a while, without anything
    being deleted, were not.
    """
    with rehearsing(tmp_path, SCRIPT, PLAIN) as (endpoint, _):
        with Load(endpoint.url, endpoint.key, model="chat", rate=100.0) as load:
            load.until_done(60)
            seen = {entry.call.id for entry in endpoint.ledger.calls(limit=MANY)}
            assert seen
            endpoint.kill() if how == "killed" else endpoint.stop()
            load.stop()
        answered = {one.call for one in load.done if one.status == 200}
        endpoint.start()
        until(lambda: endpoint.health["parts"]["ledger"] == "ok")
        with endpoint.connect() as client:
            later = client.chat("chat").call
        endpoint.recorded(later)
        kept = {entry.call.id for entry in endpoint.ledger.calls(limit=MANY)}
        assert seen <= kept
        missing = len(answered - kept)
        assert missing == 0 or how == "killed"
        known = sum(gap.calls or 0 for gap in endpoint.gaps)
        assert known >= missing, "whatever the last moment took is counted and said"
        assert seen | {later} <= shown(endpoint)
