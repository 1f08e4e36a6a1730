"""B1.3: the record of calls fills the database and slows down what it is a record of."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import NOT_INSTALLED, Databases, change, rows
from many_calls import call_many
from many_rows import count_calls, multiply_calls
from plain_client import chat_request
from postgres_server import programs
from rehearsing import PLAIN, placed, rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider
from freehold.store.places import Server

SCRIPT = Script(models={"*": Behaviour(text="Yes, of course.")})
MEBI = 1 << 20


def answer(endpoint: RunningEndpoint, calls: int, key: str | None = None) -> None:
    """So many calls, every other one streamed."""
    done = call_many(
        [endpoint.url], key or endpoint.key, calls=calls, concurrent=20, body=chat_request("chat")
    )
    assert asyncio.run(done).statuses == {200: calls}


def test_a_call_takes_a_few_hundred_bytes(tmp_path: Path, show: Callable[[str], None]) -> None:
    """https://github.com/BerriAI/litellm/issues/41499: 26.3 GB for 5.9 million calls, 4.4 KB each, most of it a
    copy of the price list in every row.
    """
    toml = PLAIN.replace("flush_ms = 10", "bodies = false")
    with rehearsing(tmp_path, SCRIPT, toml) as (endpoint, _):
        answer(endpoint, 100)
        endpoint.stop()
        before, words = endpoint.ledger.extent(), rows(endpoint.ledger.place, "SELECT count(*) FROM names")
        endpoint.start()
        answer(endpoint, 500)
        endpoint.stop()
        after = endpoint.ledger.extent()
        assert count_calls(endpoint.ledger.place) == after.calls == before.calls + 500
        each = (after.file_bytes - before.file_bytes) / 500
        show(f"ledger: {each:.0f} bytes a call without bodies")
        assert 50 < each <= 500
        assert rows(endpoint.ledger.place, "SELECT count(*) FROM names") == words, "words are kept once"
        assert endpoint.ledger.calls(limit=1)[0].cost.amount, "and yet it is known what a call cost, and why"


def test_what_was_said_has_a_bound_that_is_kept_to(tmp_path: Path) -> None:
    """https://github.com/Team-Commonly/commonly/pull/468: an index that nothing was ever deleted from filled the
    disk.
    """
    toml = PLAIN.replace("flush_ms = 10", 'flush_ms = 10\nkeep_bodies_bytes = "1MB"')
    with rehearsing(tmp_path, SCRIPT, toml) as (endpoint, _):
        with endpoint.connect() as client:
            answers = [client.chat("chat", secrets.token_urlsafe(60_000)) for _ in range(40)]
        endpoint.stop()
        full = endpoint.ledger.extent()
        assert full.body_bytes > 1_500_000
        endpoint.start()
        until(lambda: endpoint.ledger.extent().body_bytes <= 1_000_000)
        until(lambda: endpoint.ledger.extent().file_bytes < full.file_bytes)  # the disk has it back
        assert endpoint.ledger.extent().calls == 40, "what it cost stays known"
        assert endpoint.recorded(answers[0].call).call.request_body is None, "the oldest went first"
        assert endpoint.recorded(answers[-1].call).call.request_body is not None


@pytest.fixture
def place(databases: Databases) -> Iterator[Server]:
    place = databases.make()
    yield place
    databases.drop(place)


@pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)
def test_calls_do_not_read_through_tables(place: Server, tmp_path: Path) -> None:
    """https://github.com/BerriAI/litellm/issues/35766: each request read all of a table that had no index, and the
    database stood at 94 % of its processors.
    """
    pepper = "0123456789abcdef" * 4
    environment = {"FREEHOLD_DATABASE": place.url.reveal(), "FREEHOLD_PEPPER": pepper}
    toml = PLAIN + '[database]\nurl = "env:FREEHOLD_DATABASE"\n[access]\npepper = "env:FREEHOLD_PEPPER"\n'

    def rows_read() -> int:
        query = "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE schemaname LIKE 'freehold%'"
        return int(rows(place, query)[0][0])

    with SimulatedProvider.in_thread(SCRIPT) as provider:
        endpoint = RunningEndpoint(tmp_path, placed(toml, provider), environment=environment)

        def live(calls: int) -> int:
            """How many rows were read one after the other in a life with so many calls."""
            before = rows_read()
            with endpoint:  # the server counts what a connection did when it is closed
                answer(endpoint, calls, key)
            return rows_read() - before

        with closing(Keys(place, pepper_of(pepper))) as keys:
            key = keys.create("laptop")[1]
        live(1)
        multiply_calls(place, 5_000)
        change(place, "ANALYZE calls")
        idle, busy = live(1), live(50)
        assert busy - idle < 5_000, "not once was all of it read"


def test_cleaning_up_takes_no_memory_and_keeps_nobody_waiting(
    tmp_path: Path, show: Callable[[str], None]
) -> None:
    """https://github.com/BerriAI/litellm/issues/21908: to delete what was too old, all of it was taken into memory
    first.
    """
    with rehearsing(tmp_path, SCRIPT, PLAIN.replace("flush_ms", "keep_calls_days = 30\nflush_ms")) as (
        endpoint,
        _,
    ):
        answer(endpoint, 50)
        usual = most_memory(endpoint.pid)
        endpoint.stop()
        multiply_calls(endpoint.ledger.place, 30_000, days_ago=40)
        endpoint.start()
        answer(endpoint, 50)
        until(lambda: count_calls(endpoint.ledger.place) == 100, 60)
        most = most_memory(endpoint.pid)
        show(f"clean-up: 30,000 calls deleted, {most / MEBI:.0f} MB at most, {usual / MEBI:.0f} MB usually")
        assert most - usual < 10 * MEBI


def most_memory(pid: int) -> int:
    """The most that a process ever had resident, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
