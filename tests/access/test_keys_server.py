"""Keys on a server that several machines share, and what becomes of them when it is away."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databases import NOT_INSTALLED, Databases, place_of
from postgres_server import programs
from slow_road import SlowRoad

from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of
from freehold.core.errors import StoreError
from freehold.gateway.door import Door
from freehold.store.places import Server

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)

PEPPER = pepper_of("0123456789abcdef" * 4)
QUICK = 0.4
"""Seconds. An answer waits for no more than a look, which is a quarter of one."""


@pytest.fixture
def place(own: Databases) -> Iterator[Server]:
    place = own.make()
    yield place
    if not own.server.running:
        own.server.start()
    own.server.thaw()
    own.drop(place)


def opened(place: Server, cache: Path | None = None) -> Keys:
    return Keys(place, PEPPER, cache=cache)


def test_a_key_made_on_one_machine_is_let_in_on_another_the_first_time_it_is_shown(place: Server) -> None:
    with closing(opened(place)) as here, closing(opened(place)) as there:
        door = Door(there, time.monotonic)
        time.sleep(0.3)  # it has just looked, and does not look again at once
        key, token = here.create("laptop", routes=frozenset({"chat"}))
        assert asyncio.run(door.find(token.encode())) == key
        here.revoke("laptop")
        there.keep_up()
        assert asyncio.run(door.find(token.encode())) is None


def test_machines_that_change_keys_at_the_same_moment_do_not_come_into_each_others_way(place: Server) -> None:
    machines = [opened(place) for _ in range(4)]
    made: list[str] = []

    def work(keys: Keys) -> None:
        made.extend(keys.create("holder", numbered=True)[1] for _ in range(10))

    threads = [threading.Thread(target=work, args=(keys,)) for keys in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for keys in machines:
        keys.keep_up()
        assert all(keys.find(token) for token in made)
    assert len({key.name for key in machines[0].list()}) == len(made) == 40
    for keys in machines:
        keys.close()


@pytest.mark.parametrize("harm", ["stopped", "frozen"])
def test_while_the_server_is_away_known_keys_work_new_ones_do_not_and_nobody_waits(
    own: Databases, place: Server, tmp_path: Path, harm: str
) -> None:
    with closing(opened(place, tmp_path / "keys.cache")) as keys:
        _, known = keys.create("laptop")
        door = Door(keys, time.monotonic)
        own.server.freeze() if harm == "frozen" else own.server.stop("immediate")
        time.sleep(0.3)

        async def asked() -> None:
            strangers = [asyncio.ensure_future(door.find(b"fh-%d" % number)) for number in range(60)]
            trying = asyncio.create_task(asyncio.to_thread(keys.keep_up))  # which takes its time
            longest = 0.0
            for _ in range(200):
                began = time.monotonic()
                assert await door.find(known.encode()) is not None
                await asyncio.sleep(0.002)
                longest = max(longest, time.monotonic() - began)
            assert longest < QUICK
            assert await asyncio.gather(*strangers) == [None] * 60
            assert keys.problem is not None
            assert "cannot be reached" in keys.problem.message
            assert "go on working" in keys.problem.message
            own.server.thaw() if harm == "frozen" else own.server.start()
            await trying

        asyncio.run(asked())
        keys.keep_up()
        assert keys.problem is None
        _, new = keys.create("phone")
        assert keys.find(new) is not None


def test_who_wants_a_change_is_told_that_the_server_is_away(own: Databases, place: Server) -> None:
    with closing(opened(place)) as keys:
        own.server.stop("immediate")
        for change in (lambda: keys.create("x"), lambda: keys.revoke("x"), keys.list):
            with pytest.raises(StoreError, match="cannot be reached"):
                change()
    with pytest.raises(StoreError, match="cannot be reached") as told:
        opened(place)
    assert told.value.hint is not None


def test_after_a_restart_without_the_server_keys_are_known_from_the_file(
    own: Databases, place: Server, tmp_path: Path
) -> None:
    cache = tmp_path / "data" / "keys.cache"
    with closing(opened(place, cache)) as keys:
        _, kept = keys.create("laptop")
        _, revoked = keys.create("phone")
        _, expiring = keys.create("tablet", expires_us=int((time.time() + 1.5) * 1e6))
        keys.revoke("phone")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    assert all(token[7:].encode() not in cache.read_bytes() for token in (kept, revoked, expiring))
    os.utime(cache, (1_700_000_000, 1_700_000_000))
    own.server.stop("immediate")
    time.sleep(1.5)
    with closing(opened(place, cache)) as keys:
        assert keys.find(kept) is not None
        assert keys.find(revoked) is None
        assert keys.find(expiring) is None
        assert keys.problem is not None
        assert "Keys as of 2023-11-14 22:13:20 UTC" in keys.problem.message
        own.server.start()
        keys.keep_up()
        assert keys.problem is None
        assert cache.stat().st_mtime > time.time() - 60


def test_keys_of_another_server_or_pepper_are_not_taken_from_the_file(
    own: Databases, place: Server, tmp_path: Path
) -> None:
    cache = tmp_path / "keys.cache"
    with closing(opened(place, cache)) as keys:
        keys.create("laptop")
    other = own.make()
    own.server.stop("immediate")
    for server, pepper in ((other, PEPPER), (place, pepper_of("ab" * 32))):
        with pytest.raises(StoreError, match="cannot be reached"):
            Keys(server, pepper, cache=cache)
    cache.write_bytes(b"nonsense")
    with pytest.raises(StoreError, match="cannot be reached"):
        opened(place, cache)
    own.server.start()
    own.drop(other)


def test_a_machine_with_another_pepper_is_refused_and_told_what_to_do(place: Server, tmp_path: Path) -> None:
    with closing(Keys(place, tmp_path / "secret")) as keys:
        _, token = keys.create("laptop")
    with pytest.raises(StoreError, match="is gone") as told:
        Keys(place, tmp_path / "elsewhere" / "secret")
    assert "access.pepper" in str(told.value)
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(StoreError, match="not the one") as told:
        Keys(place, PEPPER)
    configured = pepper_of((tmp_path / "secret").read_bytes().hex())
    with closing(Keys(place, configured)) as keys:
        assert keys.find(token) is not None


def test_an_idle_look_is_one_question(own: Databases, place: Server) -> None:
    with SlowRoad(own.server.port) as road:
        far = place_of(f"postgresql://freehold@127.0.0.1:{road.port}/{place.url.reveal().rpartition('/')[2]}")
        with closing(Keys(far, PEPPER)) as keys:
            keys.create("laptop")
            keys.keep_up()
            road.delay = 0.2
            began = time.monotonic()
            keys.keep_up()
            assert 0.4 <= time.monotonic() - began < 0.7, "there and back once"
            road.delay = 0.0
