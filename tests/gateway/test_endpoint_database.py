"""The endpoint on a PostgreSQL server that stops, hangs and comes back under load: answers go on as fast as before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import NOT_INSTALLED, Databases
from load import Load
from openai import InternalServerError
from postgres_server import programs
from running_endpoint import RunningEndpoint, until

from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of
from freehold.ledger.reading import LedgerReader
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider
from freehold.store.places import Server

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)

Show = Callable[[str], None]

DIGITS = "0123456789abcdef" * 4
SLOWEST_MS = 500.0
"""99 of 100 answers come within this. A wait for the server on the way of a call would take seconds."""


@pytest.fixture
def place(own: Databases) -> Iterator[Server]:
    place = own.make()
    yield place
    if not own.server.running:
        own.server.start()
    own.server.thaw()
    own.drop(place)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes, of course.")})) as running:
        yield running


def replica(folder: Path, place: Server, provider: ThreadedProvider) -> RunningEndpoint:
    """An endpoint with a folder of its own; database and pepper are shared."""
    folder.mkdir(exist_ok=True)
    toml = f"""
[database]
url = "env:FREEHOLD_DATABASE"
[access]
pepper = "env:FREEHOLD_PEPPER"
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
"""
    environment = {"FREEHOLD_DATABASE": place.url.reveal(), "FREEHOLD_PEPPER": DIGITS}
    return RunningEndpoint(folder, toml, environment=environment)


@pytest.fixture
def endpoint(tmp_path: Path, place: Server, provider: ThreadedProvider) -> RunningEndpoint:
    return replica(tmp_path / "one", place, provider)


def make_key(place: Server, name: str) -> str:
    with closing(Keys(place, pepper_of(DIGITS))) as keys:
        return keys.create(name)[1]


def recorded(place: Server) -> list[str]:
    return sorted(entry.call.id for entry in LedgerReader(place).export())


def test_two_replicas_share_keys_and_the_ledger(
    tmp_path: Path, place: Server, provider: ThreadedProvider
) -> None:
    with (
        replica(tmp_path / "one", place, provider) as one,
        replica(tmp_path / "two", place, provider) as two,
    ):
        key = make_key(place, "laptop")
        calls = []
        for endpoint in (one, two, one, two):
            with endpoint.connect(key) as client:
                answer = client.chat("default", "Hello")
                assert answer.status == 200
                calls.append(answer.headers["x-freehold-call"])
        until(lambda: recorded(place) == sorted(calls))
        with closing(Keys(place, pepper_of(DIGITS))) as keys:
            keys.revoke("laptop")

        def is_refused(endpoint: RunningEndpoint) -> bool:
            with endpoint.connect(key) as client:
                return client.chat("default", "Hello").status == 401

        until(lambda: is_refused(one), 5)
        until(lambda: is_refused(two), 5)
    assert [run.ending for run in LedgerReader(place).runs()] == ["clean", "clean"]


@pytest.mark.parametrize("harm", ["stopped", "frozen"])
def test_answers_go_on_and_every_call_is_on_record_afterwards(
    own: Databases, place: Server, endpoint: RunningEndpoint, show: Show, harm: str
) -> None:
    with endpoint, Load(endpoint.url, endpoint.key) as load:
        load.until_done(200)
        began = time.time()
        own.server.stop("immediate") if harm == "stopped" else own.server.freeze()
        until(lambda: endpoint.health["parts"]["ledger"].startswith("failing"))
        until(lambda: "calls wait on the disk" in endpoint.health["parts"]["ledger"])
        until(lambda: "go on working" in endpoint.health["parts"]["keys"])
        assert endpoint.health["ready"] is True
        assert endpoint.figures["freehold_ledger_ok"] == 0
        assert endpoint.figures["freehold_ledger_spooled"] > 0
        load.until_done(300)
        own.server.start() if harm == "stopped" else own.server.thaw()
        until(lambda: endpoint.health["parts"] == {"configuration": "ok", "keys": "ok", "ledger": "ok"})
        load.stop()
        assert load.broken == []
        assert {one.status for one in load.done} == {200}
        before, meanwhile = load.slowest_ms(until=began), load.slowest_ms(since=began)
        show(f"PostgreSQL {harm}: p99 of answers {meanwhile:.1f} ms, {before:.1f} ms before")
        assert meanwhile < SLOWEST_MS
        until(lambda: endpoint.figures["freehold_ledger_spooled"] == 0)
        until(lambda: endpoint.figures["freehold_ledger_queued_bytes"] == 0)
        assert endpoint.figures["freehold_ledger_dropped_total"] == 0
        assert recorded(place) == sorted(one.call for one in load.done)
    assert LedgerReader(place).gaps() == []


def test_a_conversation_kept_on_a_server_that_is_away_is_answered_503_and_goes_on_afterwards(
    own: Databases, place: Server, endpoint: RunningEndpoint
) -> None:
    with endpoint, endpoint.sdk() as sdk:
        first = sdk.responses.create(model="default", input="Hello")
        again = sdk.responses.create(model="default", input="And?", previous_response_id=first.id)
        for harm, mend in ((own.server.stop, own.server.start), (own.server.freeze, own.server.thaw)):
            harm()
            assert sdk.responses.create(model="default", input="Hello").output_text
            until(lambda: endpoint.health["parts"]["ledger"].startswith("failing"))
            began = time.monotonic()
            with pytest.raises(InternalServerError) as caught:
                sdk.responses.create(model="default", input="And?", previous_response_id=again.id)
            assert time.monotonic() - began < 1.0
            assert caught.value.status_code == 503
            assert "127.0.0.1" not in str(caught.value), "clients need not know where the database is"
            assert sdk.responses.create(model="default", input="Hello").output_text
            mend()
            until(lambda: endpoint.health["parts"]["ledger"] == "ok")
            more = sdk.responses.create(model="default", input="And?", previous_response_id=again.id)
            assert more.output_text


def test_an_endpoint_that_is_started_again_while_its_server_is_away_answers_and_forgets_nothing(
    own: Databases, place: Server, endpoint: RunningEndpoint
) -> None:
    calls = []

    def ask() -> None:
        with endpoint.connect() as client:
            answer = client.chat("default", "Hello")
            assert answer.status == 200
            calls.append(answer.headers["x-freehold-call"])

    with endpoint:
        ask()
        own.server.stop("immediate")
        for _ in range(5):
            ask()
    with endpoint:
        assert "go on working" in endpoint.health["parts"]["keys"]
        for _ in range(5):
            ask()
        endpoint.kill()
    with endpoint:
        ask()
        own.server.start()
        until(lambda: endpoint.health["parts"]["ledger"] == "ok")
        until(lambda: len(recorded(place)) + sum(gap.calls or 0 for gap in LedgerReader(place).gaps()) == 12)
        assert set(recorded(place)) <= set(calls)
    endings = [run.ending for run in LedgerReader(place).runs()]
    assert endings.count("killed") == 1
    assert endings.count("clean") == 2
    assert list((endpoint.data / "spool").iterdir()) == []
