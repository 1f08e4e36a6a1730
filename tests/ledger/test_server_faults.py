"""The ledger's server is stopped, frozen and slow under load: nobody waits, nothing is lost or there twice."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import zstandard
from databases import NOT_INSTALLED, Databases, change, place_of, rows
from ledger_child import Child, child, own_mounts, tallies_of
from ledger_samples import QUICK, make_call, opened, wait_until
from postgres_server import PostgresServer, programs
from slow_road import SlowRoad

from freehold.core.secret import Secret
from freehold.ledger import tally
from freehold.ledger.frames import frame
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call
from freehold.ledger.runs import Counts, Process
from freehold.ledger.spool import Spool
from freehold.ledger.writer import Ledger, LedgerStatus
from freehold.store.places import Server

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)
needs_mounts = pytest.mark.skipif(own_mounts() is None, reason="this process may not mount anything")

LARGEST_FRAME = 100_000
"""Of the few calls here: one may be on its way to the disk at the moment of the look."""
LONGEST = 0.45
"""Seconds. Each wait for the server is longer than this, so a call that waited for one would show it."""


@pytest.fixture
def place(own: Databases) -> Iterator[Server]:
    """A database on it."""
    place = own.make()
    yield place
    server = own.server
    if not server.running:
        server.start()
    server.thaw()
    for name in tallies_of(place):
        tally.remove(name)
    own.drop(place)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def balanced(status: LedgerStatus) -> bool:
    """Whether every call that was handed in is accounted for."""
    return status.recorded == status.written + status.dropped + status.queued + status.spooled


class Load:
    """Records calls from a thread, about 200 a second, until it is left."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.calls: list[Call] = []
        self.longest = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        for number in itertools.count():
            if self._end.wait(0.005):
                return
            call = make_call(request_body=b"question %d" % number, answer_body=b"answer %d" % (number % 7))
            began = time.perf_counter()
            self.ledger.record(call)
            self.longest = max(self.longest, time.perf_counter() - began)
            self.calls.append(call)


def expect_all_once(place: Server, calls: list[Call], *, bodies: bool = True) -> None:
    """Every call is in the ledger, once, with all it had."""
    found = list(LedgerReader(place).export(with_bodies=True))
    assert sorted(one.call.id for one in found) == sorted(call.id for call in calls)
    if bodies:
        by_id = {one.call.id: one.call for one in found}
        assert all(by_id[call.id] == call for call in calls)


def crash(server: PostgresServer) -> None:
    server.stop("immediate")


def restart(server: PostgresServer) -> None:
    server.start()


def freeze(server: PostgresServer) -> None:
    server.freeze()


def thaw(server: PostgresServer) -> None:
    server.thaw()


@pytest.mark.parametrize(("harm", "mend"), [(crash, restart), (freeze, thaw)])
def test_a_server_that_goes_away_under_load_holds_up_nobody_and_costs_no_call(
    own: Databases,
    place: Server,
    spool: Path,
    harm: Callable[[PostgresServer], None],
    mend: Callable[[PostgresServer], None],
) -> None:
    with opened(place, spool=spool, flush_ms=50) as ledger:
        with Load(ledger) as load:
            wait_until(lambda: ledger.status.written > 30)
            harm(own.server)
            wait_until(lambda: ledger.status.state == "failing", 10)
            wait_until(lambda: ledger.status.spooled > 100, 10)
            status = ledger.status
            assert status.reason == "the server cannot be reached"
            assert status.spool_problem is None
            files = [one.stat().st_size for one in spool.glob("*/*.calls")]
            assert status.spooled_bytes <= sum(files) <= ledger.status.spooled_bytes + LARGEST_FRAME
            mend(own.server)
            wait_until(lambda: ledger.status.state == "ok", 10)
            wait_until(lambda: ledger.status.spooled == 0, 10)
        assert load.longest < LONGEST
        assert ledger.flush(10)
        status = ledger.status
        assert balanced(status)
        assert (status.written, status.dropped, status.bodies_dropped) == (len(load.calls), 0, 0)
    expect_all_once(place, load.calls)
    reader = LedgerReader(place)
    assert (reader.gaps(), [run.ending for run in reader.runs()]) == ([], ["clean"])
    assert list(spool.iterdir()) == []


def test_a_server_that_comes_and_goes_all_the_time_gets_every_call_once(
    own: Databases, place: Server, spool: Path
) -> None:
    with opened(place, spool=spool, flush_ms=20) as ledger:
        with Load(ledger) as load:
            for pause in (0.1, 0.3, 0.05, 0.7, 0.2, 0.4):
                time.sleep(pause)
                own.server.stop("immediate")
                time.sleep(pause / 2)
                own.server.start()
        wait_until(lambda: ledger.status.state == "ok" and ledger.status.spooled == 0, 15)
        assert ledger.flush(10)
        assert ledger.status.dropped == 0
    expect_all_once(place, load.calls)
    assert LedgerReader(place).gaps() == []


def test_connections_that_the_server_ends_in_the_middle_of_a_commit_leave_nothing_twice(
    own: Databases, place: Server, spool: Path
) -> None:
    name = place.url.reveal().rpartition("/")[2]
    end_all = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with opened(place, spool=spool, flush_ms=10) as ledger:
        with Load(ledger) as load:
            for _ in range(60):
                own.server.execute(end_all)
                time.sleep(0.03)
        wait_until(lambda: ledger.status.state == "ok" and ledger.status.spooled == 0, 15)
        assert ledger.flush(10)
    expect_all_once(place, load.calls)


_LOSE_ONE_COMMIT = """
    CREATE SEQUENCE lost;
    CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('freehold_ledger.lost') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON names DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION lose()"""


def test_a_word_of_which_the_number_was_not_committed_gets_another(
    own: Databases, place: Server, spool: Path
) -> None:
    with opened(place, spool=spool, flush_ms=10) as ledger:
        calls = [make_call(route="before")]
        ledger.record(calls[0])
        assert ledger.flush(5)
        change(place, _LOSE_ONE_COMMIT)
        for route in ("new", "newer"):
            calls.append(make_call(route=route))
            ledger.record(calls[-1])
            wait_until(lambda: ledger.status.state == "ok" and ledger.status.spooled == 0, 15)
            assert ledger.flush(10)
    expect_all_once(place, calls)


def test_what_waits_survives_the_end_of_the_process_and_its_end_is_told(
    own: Databases, place: Server, spool: Path
) -> None:
    calls = [make_call(request_body=b"%d" % number) for number in range(50)]
    with opened(place, spool=spool) as ledger:
        for call in calls[:10]:
            ledger.record(call)
        assert ledger.flush(5)
        own.server.stop("immediate")
        for call in calls[10:30]:
            ledger.record(call)
        assert ledger.close(5.0), "what is on the disk is as good as written"
        assert (ledger.status.dropped, ledger.status.written) == (0, 10)
    with opened(place, spool=spool) as ledger:  # nor is the server there when the next one starts
        for call in calls[30:]:
            ledger.record(call)
        wait_until(lambda: ledger.status.spooled == 20)
        own.server.start()
        wait_until(lambda: ledger.status.state == "ok", 10)
        wait_until(lambda: (ledger.status.spooled, ledger.status.inherited) == (0, 0), 10)
        reader = LedgerReader(place)
        wait_until(lambda: [run.ending for run in reader.runs()] == [None, "clean"])
    expect_all_once(place, calls)
    assert [(run.recorded, run.written) for run in reader.runs()] == [(20, 20), (30, 30)]
    assert reader.gaps() == []
    assert list(spool.iterdir()) == []


def test_what_cannot_be_read_in_the_spool_is_kept_and_counted_and_the_rest_is_written(
    own: Databases, place: Server, spool: Path
) -> None:
    first = time.time_ns() // 1000 - 10_000_000
    second = first + 3_000_000
    torn = [make_call() for _ in range(6)]
    former = Spool(spool, Process.here(first, None, socket.gethostname()), 10**9)
    former.put(torn[:3])
    former.put(torn[3:])
    former.close(Counts(6, 0, 0), first + 1, told=False)
    (file,) = spool.glob(f"{first}-*/*.calls")
    damaged = bytearray(file.read_bytes())
    damaged[-20] ^= 1
    file.write_bytes(damaged)
    strange = [make_call() for _ in range(5)]
    former = Spool(spool, Process.here(second, None, socket.gethostname()), 10**9)
    former.put(strange[:2])
    former.close(Counts(4, 0, 0), second + 1, told=False)
    content = zstandard.compress(msgspec.msgpack.encode(["of a form", "that is no call"]))
    head = struct.pack("<4sIII", b"FHc1", len(content), zlib.crc32(content), 2)
    (folder,) = spool.glob(f"{second}-*")
    (folder / "00000002.calls").write_bytes(head + content)
    (folder / "00000003.calls").write_bytes(next(frame(strange[2:], bodies=True)).data)
    with opened(place, spool=spool) as ledger:
        reader = LedgerReader(place)
        wait_until(lambda: [run.ending for run in reader.runs()] == ["clean", "clean", None])
        assert ledger.status.state == "ok"
    expect_all_once(place, torn[:3] + strange)
    kept = {path.name: path.read_bytes() for path in spool.iterdir()}
    names = [f"damaged-{path.parent.name}-{path.name}" for path in (file, folder / "00000002.calls")]
    assert kept == {names[0]: bytes(damaged), names[1]: head + content}
    gaps = {(gap.reason, gap.calls, gap.from_us, gap.until_us) for gap in reader.gaps()}
    assert gaps == {("damaged", None, first, first + 1), ("damaged", 2, second, second + 1)}
    assert {str(spool / name) for name in names} == {
        str(gap.detail).rpartition(" ")[2] for gap in reader.gaps()
    }


def test_a_file_that_is_damaged_while_its_process_runs_is_counted_among_what_it_dropped(
    own: Databases, place: Server, spool: Path
) -> None:
    with opened(place, spool=spool, flush_ms=20) as ledger:
        own.server.stop("immediate")
        for _ in range(30):
            ledger.record(make_call())
        wait_until(lambda: ledger.status.spooled == 30)
        (file,) = spool.glob("*/*.calls")
        content = file.read_bytes()
        file.write_bytes(b"?" + content[1:])
        own.server.start()
        wait_until(lambda: ledger.status.state == "ok" and ledger.status.spooled == 0, 15)
        wait_until(lambda: ledger.status.dropped_by == {"damaged": 30})
        assert balanced(ledger.status)
        reader = LedgerReader(place)
        wait_until(lambda: [(gap.reason, gap.calls) for gap in reader.gaps()] == [("damaged", 30)])
    (aside,) = spool.iterdir()
    assert aside.read_bytes() == b"?" + content[1:]


def test_a_process_that_ends_while_its_server_hangs_keeps_nobody_waiting_and_loses_nothing(
    own: Databases, place: Server, spool: Path
) -> None:
    calls = [make_call(request_body=b"%d" % number) for number in range(30)]
    with opened(place, spool=spool) as ledger:
        for call in calls[:10]:
            ledger.record(call)
        assert ledger.flush(5)
        own.server.freeze()
        for call in calls[10:]:
            ledger.record(call)
        began = time.monotonic()
        assert ledger.close(5.0)
        assert time.monotonic() - began < 4.0
        assert ledger.status.dropped == 0
    own.server.thaw()
    with opened(place, spool=spool):
        reader = LedgerReader(place)
        wait_until(lambda: [run.ending for run in reader.runs()] == [None, "clean"])
    expect_all_once(place, calls)


def test_a_process_that_lived_and_died_without_its_server_is_on_record_all_the_same(
    own: Databases, place: Server, spool: Path
) -> None:
    own.server.stop("immediate")
    calls = [make_call() for _ in range(5)]
    with opened(place, spool=spool) as ledger:
        for call in calls:
            ledger.record(call)
    with opened(place, spool=spool):
        pass  # this one had nothing to write, and could not tell that it was there either
    own.server.start()
    reader = LedgerReader(place)
    with opened(place, spool=spool):
        wait_until(lambda: len(reader.runs()) == 3)
        wait_until(lambda: [run.ending for run in reader.runs()].count("clean") == 2)
    expect_all_once(place, calls)
    assert sorted((run.recorded, run.written) for run in reader.runs()) == [(0, 0), (0, 0), (5, 5)]


def test_what_a_killed_process_had_put_by_is_taken_over_and_the_rest_is_counted(
    own: Databases, place: Server, spool: Path
) -> None:
    with child(place, spool=spool, flush_ms=60_000) as one:
        one.ask("start")
        one.ask("record", 7)
        assert one.ask("flush", 5)
        own.server.stop("immediate")
        one.ask("record", 40, 500)
        one.ask("flush", 0.1)  # tries, fails, and puts by
        one.wait_for(spooled=40)
        own.server.freeze()
        one.ask("record", 3)
        one.kill()  # before those three were put by: they would have waited a minute
    own.server.start()
    with opened(place, spool=spool) as ledger:
        wait_until(lambda: len(list(LedgerReader(place).export())) == 47)
        wait_until(lambda: ledger.status.inherited == 0)
        reader = LedgerReader(place)
        wait_until(lambda: [(gap.reason, gap.calls) for gap in reader.gaps()] == [("killed", 3)])
        assert [run.ending for run in reader.runs()] == [None, "killed"]
        assert ledger.status.written == 0, "these were not its own"
    assert list(spool.iterdir()) == []


def test_a_process_that_never_saw_its_server_and_put_nothing_by_is_missed_all_the_same(
    place: Server, spool: Path
) -> None:
    away = Server(Secret("postgresql://127.0.0.1:9/nothing", "test"))
    with child(away, spool=spool, flush_ms=60_000) as one:
        one.ask("start")
        one.wait_for(state="failing")
        one.kill()
    count = tally.read(json.loads(next(spool.glob("*/owner")).read_text())["process"]["tally"])
    assert count is not None
    with opened(place, spool=spool):
        reader = LedgerReader(place)
        wait_until(lambda: sorted(str(run.ending) for run in reader.runs()) == ["None", "killed"])
    assert reader.gaps() == []
    assert list(spool.iterdir()) == []


def test_calls_that_are_in_the_ledger_already_are_not_there_twice(place: Server, spool: Path) -> None:
    calls = [make_call(request_body=b"%d" % number) for number in range(30)]
    with opened(place, spool=spool) as ledger:
        for call in calls[:20]:
            ledger.record(call)
        assert ledger.flush(5)
        # As after a crash between the commit and the deletion of the file.
        away = Server(Secret("postgresql://127.0.0.1:9/nothing", "test"))
        with opened(away, spool=spool) as other:
            for call in calls[10:]:
                other.record(call)
        wait_until(lambda: list(spool.iterdir()) == [])
    expect_all_once(place, calls)
    runs = {(run.recorded, run.written) for run in LedgerReader(place).runs()}
    assert runs == {(20, 20), (20, 10)}


def test_what_cannot_be_read_in_the_spool_keeps_nothing_else_from_being_written(
    place: Server, spool: Path
) -> None:
    """A folder that another user left behind, or no folder at all."""
    spool.mkdir()
    (spool / "1-2").write_text("no folder")
    with opened(place, spool=spool) as ledger:
        for number in (1, 2):
            ledger.record(make_call())
            assert ledger.flush(5)
            time.sleep(4 * QUICK.tidy)  # in which it has looked around
            assert (ledger.status.state, ledger.status.written, ledger.status.spooled) == ("ok", number, 0)


def test_a_file_of_the_spool_that_was_cut_off_gives_what_is_whole(place: Server, spool: Path) -> None:
    away = Server(Secret("postgresql://127.0.0.1:9/nothing", "test"))
    with child(away, spool=spool) as one:
        one.ask("start")
        for number in (1, 2, 3):
            one.ask("record", 10)
            one.wait_for(spooled=number * 10)
        one.kill()
    (file,) = spool.glob("*/*.calls")
    content = file.read_bytes()
    file.write_bytes(content[:-20] + b"\xff" * 9)
    with opened(place, spool=spool):
        wait_until(
            lambda: [path.name for path in spool.iterdir()] == [f"damaged-{file.parent.name}-{file.name}"]
        )
        reader = LedgerReader(place)
        wait_until(reader.gaps)
    there = len(list(reader.export()))
    assert 0 < there < 30
    assert [(gap.reason, gap.calls) for gap in reader.gaps()] == [("killed", 30 - there)]


@contextmanager
def on_a_small_disk(place: Server, spool: Path, **settings: object) -> Iterator[Child]:
    spool.mkdir()
    with child(place, *(own_mounts() or ()), spool=spool, **settings) as one:
        assert one.ask("run", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(spool)) == 0
        one.ask("start")
        yield one


@needs_mounts
def test_when_the_disk_is_full_too_calls_wait_in_memory_and_every_drop_is_counted(
    own: Databases, place: Server, spool: Path
) -> None:
    with on_a_small_disk(place, spool, queue_bytes=1_000_000) as one:
        one.ask("record", 5)
        assert one.ask("flush", 5)
        own.server.stop("immediate")
        one.ask("record", 1)
        one.wait_for(state="failing")
        longest = 0.0
        while not one.ask("status")["dropped"]:
            longest = max(longest, one.ask("record", 100, 2000)["longest"])
            time.sleep(0.05)
        status = one.ask("status")
        assert "No space left" in status["spool_problem"]
        assert status["spooled"] > 100
        assert status["dropped_by"] == {"queue full": status["dropped"]}
        assert longest < LONGEST
        own.server.start()
        status = one.wait_for(20.0, state="ok", queued=0, spooled=0, spool_problem=None)
        assert status["recorded"] == status["written"] + status["dropped"]
        found = one.ask("look")
        assert found["calls"] == status["written"]
        assert [(gap["reason"], gap["calls"]) for gap in found["gaps"]] == [("queue full", status["dropped"])]
        assert one.ask("close")


def test_the_spool_keeps_to_its_size_and_gives_up_bodies_before_calls(place: Server, spool: Path) -> None:
    away = Server(Secret("postgresql://127.0.0.1:9/nothing", "test"))
    with child(away, spool=spool, spool_bytes=200_000) as one:
        one.ask("start")
        one.ask("record", 100, 1000)
        one.wait_for(spooled=100)
        while not one.ask("status")["spool_problem"]:
            one.ask("record", 100, 1000)
            time.sleep(0.02)
        status = one.ask("status")
        assert status["spool_problem"] == "`ledger.spool_bytes` is used up"
        assert 160_000 < status["spooled_bytes"] <= 200_000
        assert status["bodies_dropped"] > 100
        assert (status["dropped"], status["queued"] > 0) == (0, True)
        one.kill()
    assert sum(file.stat().st_size for file in spool.glob("*/*.calls")) <= 200_000
    with opened(place, spool=spool):
        wait_until(lambda: list(spool.iterdir()) == [], 15)
    ((there, with_bodies),) = rows(place, "SELECT count(*), count(request_body) FROM calls")
    assert status["spooled"] <= there < status["recorded"]
    assert 100 <= with_bodies < 200


def test_a_server_that_is_far_away_gets_everything_though_it_takes_seconds_for_a_commit(
    own: Databases, place: Server, spool: Path
) -> None:
    database = place.url.reveal().rpartition("/")[2]
    with SlowRoad(own.server.port) as road:
        far = place_of(f"postgresql://freehold@127.0.0.1:{road.port}/{database}")
        patient = msgspec.structs.replace(QUICK, patience=4.0)
        with opened(far, pace=patient, spool=spool, flush_ms=50) as ledger:
            with Load(ledger) as load:
                wait_until(lambda: ledger.status.written > 30)
                road.delay = 0.25  # each way: a commit takes five seconds, and calls wait for a fifth of one
                wait_until(lambda: ledger.status.spooled > 200, 20)
                assert ledger.status.state == "ok"
                assert ledger.status.queued < 200 * 2
                wait_until(lambda: ledger.status.written > 400, 30)
            assert load.longest < LONGEST
            road.delay = 0.0
            wait_until(lambda: ledger.status.spooled == 0, 20)
            assert ledger.flush(10)
            assert ledger.status.dropped == 0
    expect_all_once(place, load.calls)


def test_whoever_follows_misses_no_call_of_any_writer(place: Server, tmp_path: Path) -> None:
    reader = LedgerReader(place)
    seen: list[str] = []
    calls: list[Call] = []
    done = threading.Event()

    def follow() -> None:
        last = 0
        while True:
            is_over = done.is_set()
            found = reader.recorded_after(last)
            seen.extend(one.call.id for one in found)
            last = found[-1].seq if found else last
            if is_over and not found:
                return

    with (
        opened(place, spool=tmp_path / "a", flush_ms=10) as one,
        opened(place, spool=tmp_path / "b", flush_ms=10) as two,
        opened(place, spool=tmp_path / "c", flush_ms=10) as three,
    ):
        follower = threading.Thread(target=follow)
        follower.start()
        loads = [Load(ledger) for ledger in (one, two, three)]
        for load in loads:
            load.__enter__()
        time.sleep(3)
        for load in loads:
            load.__exit__()
            calls += load.calls
        assert all(ledger.flush(5) for ledger in (one, two, three))
    done.set()
    follower.join(10)
    assert sorted(seen) == sorted(call.id for call in calls)
