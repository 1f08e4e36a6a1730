"""`kill -9` in the middle of 200 calls a second: what is on record afterwards, and what is said to be missing."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from load import Load
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider, ThreadedProvider

RATE = 200.0
PROMISED = 1.0
"""Seconds: what was answered longer before the end than this is on record."""
CONNECTIONS = 12


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text=Echo())})) as running:
        yield running


def toml_for(provider: ThreadedProvider) -> str:
    return f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
"""


def calls_on_record(ledger: Path) -> set[str]:
    """Their ids, read without any code of ours; and a check of the whole file on the way."""
    with contextlib.closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in connection.execute("SELECT id FROM calls")}


def doctor(endpoint: RunningEndpoint) -> list[dict[str, str]]:
    """What `freehold doctor` finds about the record."""
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "doctor", "--json"],
        cwd=endpoint.folder,
        env=endpoint.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    found = [msgspec.json.decode(line, type=dict[str, str | None]) for line in done.stdout.splitlines()]
    return [{name: text or "" for name, text in one.items()} for one in found if one["subject"] == "record"]


def test_killed_in_the_middle_of_200_calls_a_second(
    tmp_path: Path, provider: ThreadedProvider, show: Callable[[str], None]
) -> None:
    endpoint = RunningEndpoint(tmp_path, toml_for(provider))
    with endpoint, Load(endpoint.url, endpoint.key, rate=RATE, connections=CONNECTIONS) as load:
        load.until_done(int(RATE * 3))
        killed_at = time.time()
        endpoint.kill()
        load.stop()
    assert load.broken, "it was killed under load"
    assert {one.status for one in load.done} == {200}
    safe = {one.call for one in load.done if one.done_at < killed_at - PROMISED}
    assert len(safe) > RATE

    with endpoint:
        until(lambda: endpoint.ledger.runs()[0].ending is None)
        kept = calls_on_record(endpoint.ledger.path)
        assert safe <= kept
        lost = {one.call for one in load.done} - kept
        (killed,) = [run for run in endpoint.ledger.runs() if run.ending == "killed"]
        gaps = endpoint.gaps
        stated = sum(gap.calls or 0 for gap in gaps)
        assert {gap.reason for gap in gaps} <= {"killed"}
        assert all(gap.calls is not None for gap in gaps), "the number is known"
        assert stated == killed.recorded - len(kept)
        assert len(lost) <= stated <= len(lost) + CONNECTIONS, "exact, but for answers that were on their way"
        (finding,) = doctor(endpoint)
        if stated:
            assert f"{stated} calls are missing" in finding["found"]
            assert finding["state"] == "notice"
        newest_lost = max((killed_at - one.done_at for one in load.done if one.call in lost), default=0.0)
        show(
            f"killed at {RATE:.0f} calls/s: {len(kept)} on record, {len(lost)} of {len(load.done)} answered "
            f"ones missing (the oldest answered {newest_lost * 1000:.0f} ms before), {stated} stated"
        )
        with endpoint.connect() as client:
            assert endpoint.recorded(client.chat("default").call).call.outcome == "answered"


def test_killed_again_and_again(tmp_path: Path, provider: ThreadedProvider) -> None:
    """Whatever the moment, the file is intact, nothing is counted twice, and each loss is stated once."""
    endpoint = RunningEndpoint(tmp_path, toml_for(provider) + "[ledger]\nflush_ms = 20\n")
    answered: set[str] = set()
    for life in range(3):
        with endpoint, Load(endpoint.url, endpoint.key, rate=RATE, connections=4) as load:
            load.until_done(20 + 30 * life)
            endpoint.kill()
            load.stop()
        answered |= {one.call for one in load.done}
    with endpoint:
        until(lambda: endpoint.ledger.runs()[0].ending is None)
        kept = calls_on_record(endpoint.ledger.path)
        lost = answered - kept
        runs = endpoint.ledger.runs()
        assert [run.ending for run in runs] == [None, "killed", "killed", "killed"]
        stated = sum(gap.calls or 0 for gap in endpoint.gaps)
        assert stated == sum(run.recorded for run in runs[1:]) - len(kept)
        assert len(lost) <= stated <= len(lost) + 3 * 4
    assert sum(gap.calls or 0 for gap in endpoint.gaps) == stated, "stated once"
