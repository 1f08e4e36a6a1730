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

from freehold.ledger.runs import Gap
from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider, ThreadedProvider

RATE = 200.0
PROMISED = 1.0
"""Seconds: what was answered longer before the end than this is on record."""
CONNECTIONS = 12


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    slow = Behaviour(text="word " * 500, tokens_per_s=5.0)
    with SimulatedProvider.in_thread(Script(models={"slow": slow, "*": Behaviour(text=Echo())})) as running:
        yield running


def toml_for(provider: ThreadedProvider) -> str:
    return f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
[routes.slow]
incumbent = "sim/slow"
"""


def calls_on_record(ledger: Path) -> set[str]:
    """Their ids, read without any code of ours; and a check of the whole file on the way."""
    with contextlib.closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in connection.execute("SELECT id FROM calls")}


def missing(gaps: list[Gap], reason: str) -> int:
    """Calls stated to be missing for this reason."""
    return sum(gap.calls or 0 for gap in gaps if gap.reason == reason)


def freehold(endpoint: RunningEndpoint, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command beside the endpoint's configuration."""
    return subprocess.run(
        [sys.executable, "-m", "freehold", *words],
        cwd=endpoint.folder,
        env=endpoint.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )


def doctor(endpoint: RunningEndpoint) -> list[dict[str, str]]:
    """What `freehold doctor` finds about the record."""
    done = freehold(endpoint, "doctor", "--json")
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
        kept = calls_on_record(endpoint.data / "ledger.db")
        assert safe <= kept
        lost = {one.call for one in load.done} - kept
        (killed,) = [run for run in endpoint.ledger.runs() if run.ending == "killed"]
        gaps = endpoint.gaps
        stated = missing(gaps, "killed")
        assert {gap.reason for gap in gaps} <= {"killed", "in flight"}
        assert all(gap.calls is not None for gap in gaps), "the number is known"
        assert missing(gaps, "in flight") <= CONNECTIONS
        assert stated == killed.recorded - len(kept)
        assert len(lost) <= stated <= len(lost) + CONNECTIONS, "exact, but for answers that were on their way"
        found = doctor(endpoint)
        if stated:
            (finding,) = [one for one in found if one["found"].startswith("killed")]
            assert f"{stated} call" in finding["found"]
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
        kept = calls_on_record(endpoint.data / "ledger.db")
        lost = answered - kept
        runs = endpoint.ledger.runs()
        assert [run.ending for run in runs] == [None, "killed", "killed", "killed"]
        stated = missing(endpoint.gaps, "killed")
        assert stated == sum(run.recorded for run in runs[1:]) - len(kept)
        assert len(lost) <= stated <= len(lost) + 3 * 4
    assert missing(endpoint.gaps, "killed") == stated, "stated once"


def test_killed_with_streams_open(tmp_path: Path, provider: ThreadedProvider) -> None:
    """Calls in flight have no record yet; how many they were is stated, by a reader at once and by the next start."""
    endpoint = RunningEndpoint(tmp_path, toml_for(provider))
    with endpoint, contextlib.ExitStack() as clients:
        ended = clients.enter_context(endpoint.connect())
        assert endpoint.recorded(ended.chat("default").call).call.outcome == "answered"
        for _ in range(3):
            stream = clients.enter_context(endpoint.connect()).stream("slow")
            assert stream.event()
        endpoint.kill()
    told = [(gap.reason, gap.calls) for gap in endpoint.gaps]
    assert told == [("in flight", 3)], "before anybody has started again"
    with endpoint:
        until(lambda: endpoint.ledger.runs()[0].ending is None)
        assert [(gap.reason, gap.calls) for gap in endpoint.gaps] == told
        with endpoint.connect() as client:
            endpoint.recorded(client.chat("default").call)
        (finding,) = doctor(endpoint)
        assert finding["found"].startswith("in flight, 1 time in 30 days")
        assert "3 calls are missing (begun and not ended when the process was killed)" in finding["found"]
        listed = freehold(endpoint, "calls")
        assert b"Not on record: 3 calls after " in listed.stderr
        assert b", in flight: begun and not ended" in listed.stderr
        assert b"Not on record" not in freehold(endpoint, "calls", "-n", "1").stderr, (
            "it was before that call"
        )
    assert [(gap.reason, gap.calls) for gap in endpoint.gaps] == told, (
        "stated once, and nothing after a clean end"
    )
