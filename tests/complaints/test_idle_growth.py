"""B6.1: who does nothing fills the disk and keeps the processors busy, while its health is green.

That health is not green when something is wrong with the ledger is in
`tests/gateway/test_endpoint_ledger_trouble.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from databases import NOT_INSTALLED, Databases, rows
from postgres_server import programs
from rehearsing import PLAIN, rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of
from freehold.providers.simulated import Behaviour, Script
from freehold.store.places import Server

IDLE = 3.0
"""Seconds."""
SCRIPT = Script(models={"*": Behaviour(text="Yes.")})
LIMITS = '[limits.all]\non = "organisation"\nper = "month"\nmoney = 100\n'
PEPPER = "0123456789abcdef" * 4
SERVER = '[database]\nurl = "env:FREEHOLD_DATABASE"\n[access]\npepper = "env:FREEHOLD_PEPPER"\n'


def busy(pid: int) -> float:
    """Processor seconds so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def sizes(folder: Path) -> dict[str, int]:
    """Of every file, but for journals, which come and go."""
    return {
        str(file.relative_to(folder)): file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith("-journal")
    }


def make_calls(endpoint: RunningEndpoint, key: str | None = None) -> None:
    with endpoint.connect(key) as client:
        for _ in range(20):
            assert client.chat("chat", max_tokens=5).status == 200
    until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)


def test_an_idle_endpoint_does_nothing_and_writes_nothing(
    tmp_path: Path, show: Callable[[str], None]
) -> None:
    """https://github.com/langfuse/langfuse/issues/13123: nobody used it, and its database's own tables grew to 176
    million rows, with five to eight processors at work, and health reported as good.
    """
    with rehearsing(tmp_path, SCRIPT, PLAIN + LIMITS) as (endpoint, _):
        make_calls(endpoint)
        time.sleep(1.0)
        files, used = sizes(endpoint.data), busy(endpoint.pid)
        handles = psutil.Process(endpoint.pid).num_fds()
        log = endpoint.log
        time.sleep(IDLE)
        used = busy(endpoint.pid) - used
        show(f"idle: {used / IDLE:.1%} of a processor")
        assert used < 0.05 * IDLE
        assert sizes(endpoint.data) == files
        assert psutil.Process(endpoint.pid).num_fds() <= handles
        assert endpoint.log == log


@pytest.fixture
def place(databases: Databases) -> Iterator[Server]:
    place = databases.make()
    yield place
    databases.drop(place)


@pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)
def test_an_idle_endpoint_leaves_its_database_alone(place: Server, tmp_path: Path) -> None:
    """https://github.com/langfuse/langfuse/issues/13123: the database, too."""
    environment = {"FREEHOLD_DATABASE": place.url.reveal(), "FREEHOLD_PEPPER": PEPPER}
    with closing(Keys(place, pepper_of(PEPPER))) as keys:
        key = keys.create("laptop")[1]

    def state() -> tuple[int, int]:
        """Rows of all tables, and bytes of everything, dead rows included."""
        tables = rows(
            place,
            "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables"
            " WHERE schemaname LIKE 'freehold%'",
        )
        counted = " + ".join(f"(SELECT count(*) FROM {name})" for (name,) in tables)
        ((kept, size),) = rows(place, f"SELECT {counted}, pg_database_size(current_database())")
        return int(kept), int(size)

    with rehearsing(tmp_path, SCRIPT, PLAIN + SERVER, environment=environment) as (endpoint, _):
        make_calls(endpoint, key)
        time.sleep(1.0)
        before, used = state(), busy(endpoint.pid)
        time.sleep(IDLE)
        assert busy(endpoint.pid) - used < 0.05 * IDLE
        after = state()
        assert after[0] == before[0] > 20
        assert after[1] - before[1] <= 64 * 1024
        assert sum(sizes(endpoint.data).values()) < 1_000_000
