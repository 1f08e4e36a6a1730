"""The ledger cannot be written: answers go on as fast as before, everybody is told, drops are counted, it recovers."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from load import Load
from private_disk import PrivateDisk
from running_endpoint import RunningEndpoint, until

from freehold.ledger.reading import LedgerReader
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider

Show = Callable[[str], None]

LOCKED_SECONDS = 5.5
"""How long another process holds the databases. Waiting for it in the wrong place would take seconds."""
SLOWEST_MS = 500.0
"""99 of 100 answers come within this, whatever befalls the ledger. A loaded machine alone takes some of it; a
wait for the database on the way of a call would take seconds."""
SMALL_QUEUE = "[ledger]\nqueue_bytes = 1000000\n"
LONG = "word " * 2000
"""Fills a small queue within a second or two."""


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes, of course.")})) as running:
        yield running


def toml_for(provider: ThreadedProvider, ledger: str = "") -> str:
    return f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
{ledger}
"""


def expect_answers(load: Load, name: str, show: Show, *, since: float) -> None:
    """Every call was answered, and as fast as ever."""
    assert load.broken == []
    assert {one.status for one in load.done} == {200}
    before = load.slowest_ms(until=since)
    meanwhile = load.slowest_ms(since=since)
    show(f"{name}: p99 of answers {meanwhile:.1f} ms, {before:.1f} ms before")
    assert meanwhile < SLOWEST_MS


def expect_failing(endpoint: RunningEndpoint, reason: str) -> None:
    """Health, metrics and log say what is wrong."""
    until(lambda: endpoint.health["parts"]["ledger"].startswith("failing"))
    health = endpoint.health
    assert health["parts"]["ledger"].startswith(f"failing: {reason}")
    assert health["ready"] is True, "answering matters more than writing down"
    assert endpoint.get("/health/ready").status == 200
    assert endpoint.figures["freehold_ledger_ok"] == 0
    assert endpoint.says("WARNING", "ledger cannot be written", reason)


def expect_recovery(endpoint: RunningEndpoint) -> None:
    """The same say that it is well again."""
    until(lambda: endpoint.health["parts"]["ledger"].startswith("ok"))
    assert endpoint.figures["freehold_ledger_ok"] == 1
    until(lambda: endpoint.says("WARNING", "The ledger is written again"))


def ids_in(ledger: LedgerReader) -> set[str]:
    return {entry.call.id for entry in ledger.export()}


@contextlib.contextmanager
def locked(*databases: Path) -> Iterator[None]:
    """Hold them as another program does that forgot to commit."""
    with contextlib.ExitStack() as held:
        for path in databases:
            connection = held.enter_context(contextlib.closing(sqlite3.connect(path, isolation_level=None)))
            connection.execute("BEGIN EXCLUSIVE")
        yield


def test_locked_by_another_process(tmp_path: Path, provider: ThreadedProvider, show: Show) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider)) as endpoint,
        Load(endpoint.url, endpoint.key) as load,
    ):
        load.until_done(200)
        began = time.time()
        with locked(endpoint.data / "ledger.db", endpoint.data / "access.db"):
            expect_failing(endpoint, "locked by another process")
            assert "locked" in until(lambda: endpoint.health["parts"]["keys"].removeprefix("ok"))
            until(lambda: time.time() - began > LOCKED_SECONDS)
            assert endpoint.figures["freehold_ledger_queued_bytes"] > 0
        expect_recovery(endpoint)
        load.stop()
        expect_answers(load, f"locked for {LOCKED_SECONDS:g} s", show, since=began)
        until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)
        assert endpoint.figures["freehold_ledger_dropped_total"] == 0
        assert ids_in(endpoint.ledger) == {one.call for one in load.done}
        assert endpoint.gaps == []


def test_disk_full(tmp_path: Path, provider: ThreadedProvider, show: Show) -> None:
    """Elsewhere traces were missing, and nobody was told that the disk of the database was full:
    https://github.com/langfuse/langfuse/issues/5552; or health stayed green:
    https://github.com/langfuse/langfuse/issues/13123.
    """
    disk = PrivateDisk(tmp_path / ".freehold", 6_000_000)
    if not disk.possible:
        pytest.skip("this system lets nobody have a disk of their own")
    endpoint = RunningEndpoint(tmp_path, toml_for(provider, SMALL_QUEUE), within=disk.within)
    with endpoint, Load(endpoint.url, endpoint.key, text=LONG) as load:
        load.until_done(100)
        began = time.time()
        disk.fill(endpoint.pid)
        expect_failing(endpoint, "disk full")
        until(lambda: endpoint.figures["freehold_ledger_dropped_total"] > 50)
        assert endpoint.figures["freehold_ledger_bodies_dropped_total"] > 0
        assert "calls dropped" in endpoint.health["parts"]["ledger"]
        until(lambda: endpoint.says("WARNING", "calls were dropped", "queue full"))
        disk.free(endpoint.pid)
        expect_recovery(endpoint)
        load.until_done(20)
        load.stop()
        expect_answers(load, "disk full", show, since=began)
        until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)
        figures = endpoint.figures
        dropped = int(figures["freehold_ledger_dropped_total"])
        assert figures["freehold_ledger_written_total"] + dropped == len(load.done)
        kept = copy_of(disk.seen_by(endpoint.pid), tmp_path / "copy")
        assert len(ids_in(kept)) == len(load.done) - dropped
        assert ids_in(kept) < {one.call for one in load.done}
        until(lambda: [(gap.reason, gap.calls) for gap in kept.gaps()] == [("queue full", dropped)])
        show(f"disk full: {dropped} of {len(load.done)} calls dropped and counted with a queue of 1 MB")


def copy_of(folder: Path, to: Path) -> LedgerReader:
    """The ledger as it lies on a disk that we cannot see, while nobody writes to it."""
    to.mkdir()
    for file in folder.glob("ledger.db*"):
        shutil.copy(file, to)
    return LedgerReader(to / "ledger.db")


def test_turned_read_only(tmp_path: Path, provider: ThreadedProvider, show: Show) -> None:
    disk = PrivateDisk(tmp_path / ".freehold", 20_000_000)
    if not disk.possible:
        pytest.skip("this system lets nobody have a disk of their own")
    endpoint = RunningEndpoint(tmp_path, toml_for(provider), within=disk.within)
    with endpoint, Load(endpoint.url, endpoint.key) as load:
        load.until_done(100)
        began = time.time()
        disk.cover(endpoint.pid)
        expect_failing(endpoint, "read-only")
        load.until_done(300)
        disk.uncover(endpoint.pid)
        expect_recovery(endpoint)
        load.stop()
        expect_answers(load, "read-only", show, since=began)
        until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)
        assert endpoint.figures["freehold_ledger_dropped_total"] == 0
        kept = copy_of(disk.seen_by(endpoint.pid), tmp_path / "copy")
        assert ids_in(kept) == {one.call for one in load.done}


@pytest.mark.parametrize("what", ["file", "folder"])
def test_removed(what: str, tmp_path: Path, provider: ThreadedProvider, show: Show) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider)) as endpoint,
        Load(endpoint.url, endpoint.key) as load,
    ):
        load.until_done(100)
        began = time.time()
        if what == "file":
            for file in endpoint.data.glob("ledger.db*"):
                file.unlink()
        else:
            shutil.rmtree(endpoint.data)
        until(lambda: endpoint.says("WARNING", "the ledger was removed while in use"))
        load.until_done(200)
        load.stop()
        expect_answers(load, f"{what} removed", show, since=began)
        until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)
        assert "removed" in endpoint.health["parts"]["ledger"]
        kept = ids_in(endpoint.ledger)
        late = {one.call for one in load.done if one.sent_at > began + 1}
        assert late <= kept, "a new one was begun"
        assert [gap.reason for gap in endpoint.gaps] == ["removed"], "and says so itself"
        if what == "folder":
            assert "removed" in endpoint.health["parts"]["keys"]
            assert endpoint.get("/v1/models", key=endpoint.key).status == 200, "keys known before stay good"
