"""The topology of deploy/compose.yaml, really run: through the balancer, on shared databases, while pieces die."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException

import msgspec
import pytest
from databases import NOT_INSTALLED
from plain_client import Answer
from postgres_server import programs
from running_endpoint import RunningEndpoint, until
from topology import NGINX, VALKEY, Topology

from freehold.ledger.reading import LedgerReader
from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider

pytest.importorskip("valkey", reason="the client for Valkey is not installed")
pytestmark = [
    pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED),
    pytest.mark.skipif(VALKEY is None, reason="neither valkey-server nor redis-server is installed"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed: `apt install nginx-light`"),
]

MOST = 400
"""Calls of one test that has its own key: the limit of the tests about it."""
SLOW = Behaviour(text=Lorem(tokens=40), tokens_per_s=40)
"""A second of streaming."""

LIMITS = f"""
[limits.each-key]
on = "key"
only = ["counted"]
per = "hour"
requests = {MOST}
[routes.slow]
incumbent = "openai/slow"
"""


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    script = Script(models={"slow": SLOW, "*": Behaviour(text="Yes, of course.")})
    with (
        SimulatedProvider.in_thread(script) as provider,
        Topology(tmp_path_factory.mktemp("topology"), provider.base_url, LIMITS) as running,
    ):
        yield running


def calls_at(replica: RunningEndpoint) -> float:
    """How many calls this replica has ended since its start."""
    return sum(value for name, value in replica.figures.items() if name.startswith("freehold_calls_total"))


def becomes(replica: RunningEndpoint, name: str, *, zero: bool) -> None:
    """Wait until one of the replica's figures is nothing, or something."""
    until(lambda: (replica.figures[name] == 0) == zero)


def says(replica: RunningEndpoint, part: str, words: str) -> None:
    """Wait until `/health/ready` has these words under this part."""
    until(lambda: words in replica.health["parts"][part])


class Load:
    """Calls through the balancer from several threads, each on a connection of its own, until the block ends."""

    def __init__(self, topology: Topology, *, connections: int = 6) -> None:
        self.statuses: Counter[int] = Counter()
        self.broken: list[Exception] = []
        """Calls whose connection broke off."""
        self.calls: list[str] = []
        self._topology = topology
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(connections)]

    @property
    def answered(self) -> int:
        return self.statuses[200]

    def _work(self) -> None:
        client = self._topology.connect(self._topology.key)
        for number in itertools.count():
            if self._stop.is_set():
                break
            try:
                answer = client.chat("default", f"Call {number}")
            except (HTTPException, OSError) as error:
                self.broken.append(error)
                client.close()
                client = self._topology.connect(self._topology.key)
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.calls.append(answer.call)
            time.sleep(0.005)
        client.close()

    def until_answered(self, more: int) -> None:
        target = self.answered + more
        until(lambda: self.answered >= target)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_stream_comes_through_piece_by_piece(topology: Topology) -> None:
    with topology.connect(topology.key) as client:
        began = time.monotonic()
        stream = client.stream("slow")
        stream.event()
        first = time.monotonic() - began
        events = stream.rest()
        took = time.monotonic() - began
    assert events[-1] == b"[DONE]"
    assert took > 0.7
    assert first < took / 2, "nothing on the way waits for the end"


def test_both_replicas_answer_with_one_key_and_one_ledger(topology: Topology) -> None:
    before = [calls_at(replica) for replica in topology.replicas]
    with Load(topology) as load:
        load.until_answered(60)
    assert load.statuses.keys() == {200}
    assert not load.broken
    shares = [calls_at(replica) - was for replica, was in zip(topology.replicas, before, strict=True)]
    assert min(shares) > 0.2 * sum(shares), shares
    ledger = LedgerReader(topology.database)
    wanted = set(load.calls)
    until(lambda: wanted <= {entry.call.id for entry in ledger.calls(limit=2000)})


def test_a_limit_is_one_over_both_replicas(topology: Topology) -> None:
    (key,) = topology.make_keys("counted")
    answers: Counter[int] = Counter()
    lock = threading.Lock()

    def call(times: int) -> None:
        with topology.connect(key) as client:
            for _ in range(times):
                status = client.chat("default").status
                with lock:
                    answers[status] += 1

    threads = [threading.Thread(target=call, args=(MOST // 4,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {200: MOST, 429: MOST // 4}


def test_a_key_always_meets_the_same_replica_for_what_is_kept_there(topology: Topology) -> None:
    """Files are with the replica that took them in."""
    boundary = "0f0f0f"
    lines = [
        f"--{boundary}",
        'content-disposition: form-data; name="purpose"',
        "",
        "batch",
        f"--{boundary}",
        'content-disposition: form-data; name="file"; filename="a.jsonl"',
        "",
        "{}",
        f"--{boundary}--",
        "",
    ]
    body = "\r\n".join(lines).encode()
    owners = set()
    for key in topology.make_keys(*(f"filing-{number}" for number in range(8))):
        with topology.connect(key) as client:
            made = client.post(
                "/v1/files", body, **{"content-type": f"multipart/form-data; boundary={boundary}"}
            )
            assert made.status == 200, made.body
            path = f"/v1/files/{made.json()['id']}"
            assert {client.get(path).status for _ in range(4)} == {200}
        found = [replica.get(path, key=key).status for replica in topology.replicas]
        assert sorted(found) == [200, 404]
        owners.add(found.index(200))
    assert owners == {0, 1}, "keys are spread over both"


def test_a_replica_that_is_told_to_stop_finishes_its_streams_and_the_other_takes_over(
    topology: Topology,
) -> None:
    """One step of a rolling restart, under load."""
    one = topology.replicas[0]
    with Load(topology) as load:
        clients = [topology.connect(topology.key) for _ in range(6)]
        streams = [client.stream("slow") for client in clients]
        for stream in streams:
            stream.event()
        assert one.figures["freehold_calls_active"] >= 2
        one.send(signal.SIGTERM)
        assert [stream.rest()[-1] for stream in streams] == [b"[DONE]"] * 6
        for client in clients:
            client.close()
        assert one.wait() == 0
        load.until_answered(40)
        one.start()
        until(lambda: calls_at(one) > 10)
    assert not load.broken
    # A request may be on the wire at the moment at which its connection is closed. It is not sent twice: the client,
    # which knows whether that may be, gets a 503 with the time to wait.
    assert load.statuses[503] <= 6, load.statuses
    assert set(load.statuses) <= {200, 503}


def test_a_replica_that_is_killed_takes_only_its_own_calls_along(topology: Topology) -> None:
    one, other = topology.replicas
    with Load(topology, connections=6) as load:
        load.until_answered(60)
        one.kill()
        killed = time.monotonic()
        load.until_answered(60)
        assert time.monotonic() - killed < 5
        lost = sum(load.statuses.values()) - load.answered + len(load.broken)
        load.until_answered(60)
        assert sum(load.statuses.values()) - load.answered + len(load.broken) == lost, (
            "not after the first moment"
        )
        one.start()
        until(lambda: calls_at(one) > 10)
    assert lost <= 6, "no more than were on their way"
    assert set(load.statuses) <= {200, 503}
    assert calls_at(other) > 0


def on_record(topology: Topology) -> set[str]:
    """The ids of the calls that the ledger has."""
    rows = topology.postgres.execute("SELECT id FROM freehold_ledger.calls", "freehold")
    return {str(row[0]) for row in rows}


def test_without_valkey_calls_go_on_by_shares(topology: Topology) -> None:
    topology.stop_valkey()
    with Load(topology) as load:
        load.until_answered(20)
        for replica in topology.replicas:
            becomes(replica, "freehold_limits_ok", zero=True)
            assert "share" in replica.health["parts"]["limits"]
        load.until_answered(20)
        topology.start_valkey()
        for replica in topology.replicas:
            becomes(replica, "freehold_limits_ok", zero=False)
    assert load.statuses.keys() == {200}
    assert not load.broken


def test_without_postgresql_calls_go_on_and_reach_the_ledger_later(topology: Topology) -> None:
    topology.postgres.stop()
    with Load(topology) as load:
        load.until_answered(60)
        for replica in topology.replicas:
            becomes(replica, "freehold_ledger_spooled", zero=False)
            assert replica.health["ready"], "the balancer must not take it out"
        load.until_answered(20)
    topology.postgres.start()
    for replica in topology.replicas:
        becomes(replica, "freehold_ledger_spooled", zero=True)
        assert replica.figures["freehold_ledger_dropped_total"] == 0
    assert load.statuses.keys() == {200}
    assert not load.broken
    assert len(load.calls) == len(set(load.calls))
    until(lambda: set(load.calls) <= on_record(topology))  # what was neither spooled nor written yet


def test_an_older_replica_beside_a_newer_one_keeps_answering_and_loses_no_call(topology: Topology) -> None:
    """What an upgrade does that changed the tables, as a replica of the old version sees it."""
    before = {}
    for schema in ("freehold_access", "freehold_ledger"):
        rows = topology.postgres.execute(f"SELECT version_num FROM {schema}.alembic_version", "freehold")
        before[schema] = rows[0][0]
    for schema in before:
        topology.postgres.execute(f"UPDATE {schema}.alembic_version SET version_num = '9999'", "freehold")
    topology.postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'freehold' AND usename = 'freehold'"
    )
    with Load(topology) as load:
        load.until_answered(40)
        for replica in topology.replicas:
            becomes(replica, "freehold_ledger_spooled", zero=False)
            says(replica, "ledger", "was written by a newer Freehold")
            says(replica, "keys", "go on working")
            assert replica.health["ready"]
    for schema, version in before.items():
        topology.postgres.execute(
            f"UPDATE {schema}.alembic_version SET version_num = '{version}'", "freehold"
        )
    for replica in topology.replicas:
        becomes(replica, "freehold_ledger_spooled", zero=True)
        assert replica.figures["freehold_ledger_dropped_total"] == 0
    assert load.statuses.keys() == {200}
    until(lambda: set(load.calls) <= on_record(topology))


def test_what_is_for_the_inner_network_is_not_passed_on(topology: Topology) -> None:
    with topology.connect(topology.key) as client:
        assert client.get("/metrics").status == 404
        assert client.get("/health/ready").status == 404
        assert client.get("/admin/v1/keys").status == 404
        assert client.get("/health/live").status == 200
        assert client.get("/v1/models").status == 200


def test_with_nobody_left_clients_are_told_in_their_own_form(topology: Topology) -> None:
    """The last test: it stops both."""
    for replica in topology.replicas:
        replica.stop()

    def asked() -> Answer:
        with topology.connect(topology.key) as client:
            return client.chat("default")

    answer = asked()
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.error["code"] == "overloaded"
    assert msgspec.json.decode(answer.body)["error"]["message"]
