from __future__ import annotations

import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from databases import rows
from hypothesis import given
from hypothesis import strategies as st

from freehold.access.keys import Keys
from freehold.core.errors import BadRequest, FreeholdError, NotFound, StoreError
from freehold.store.places import Place

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
START = 1_800_000_000.0


class Hands:
    """A clock that stands where it was put."""

    def __init__(self) -> None:
        self.seconds = START

    def now(self) -> float:
        return self.seconds

    def tick(self) -> float:
        return self.seconds


only_files = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def opened(place: Place, tmp_path: Path, clock: Hands) -> Iterator[Callable[[], Keys]]:
    """Opens the same keys again, as another process would."""
    made: list[Keys] = []

    def open_() -> Keys:
        made.append(Keys(place, tmp_path / "secret", clock))
        return made[-1]

    yield open_
    for keys in made:
        keys.close()


@pytest.fixture
def keys(opened: Callable[[], Keys]) -> Keys:
    return opened()


def test_a_key_is_found_by_its_secret_and_by_nothing_else(keys: Keys) -> None:
    key, token = keys.create("laptop", routes=frozenset({"chat", "openai/gpt-4o"}))
    assert re.fullmatch(r"fh-[A-Za-z0-9_-]{43}", token)
    assert keys.find(token) == keys.find(token.encode()) == key
    assert key.may_call("chat")
    assert not key.may_call("default")
    for near in (
        token[:-1],
        token + "A",
        token.swapcase(),
        key.prefix,
        key.id,
        key.name,
        "",
        "fh-",
        f" {token}",
    ):
        assert keys.find(near) is None


@pytest.fixture(scope="module")
def somebodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    folder = tmp_path_factory.mktemp("shared")
    with closing(Keys(folder / "access.db", folder / "secret")) as keys:
        keys.create("somebody")
        yield keys


@given(made_up=st.text(max_size=300) | st.binary(max_size=300))
def test_nothing_made_up_is_a_key(somebodys: Keys, made_up: str | bytes) -> None:
    assert somebodys.find(made_up) is None


def test_a_token_of_a_megabyte_is_refused_without_being_hashed(keys: Keys) -> None:
    token = b"fh-" + b"a" * 1_000_000
    began = time.process_time()
    for _ in range(1000):
        assert keys.find(token) is None
    assert time.process_time() - began < 0.1  # hashing them would take half a second


def test_finding_takes_microseconds(tmp_path: Path) -> None:
    with closing(Keys(tmp_path / "access.db", tmp_path / "secret")) as keys:
        tokens = [keys.create(f"worker {number}")[1] for number in range(20)]
        began = time.process_time()
        for _ in range(1000):
            for token in tokens:
                assert keys.find(token) is not None
        assert (time.process_time() - began) / 20_000 < 50e-6


def test_a_key_is_good_until_the_microsecond_it_expires(keys: Keys, clock: Hands) -> None:
    key, token = keys.create("visitor", expires_us=int(START * 1e6) + HOUR)
    clock.seconds = START + 3599.999
    assert keys.find(token) == key
    assert keys.usable == 1
    clock.seconds = START + 3600
    assert keys.find(token) is None
    assert keys.usable == 0
    with pytest.raises(BadRequest, match="expire"):
        keys.create("late", expires_us=int(START * 1e6))


def test_what_another_process_does_is_seen_at_the_next_refresh(opened: Callable[[], Keys]) -> None:
    here, there = opened(), opened()
    _, token = there.create("laptop")
    assert here.find(token) is None
    here.keep_up()
    assert here.find(token) is not None
    there.revoke("laptop")
    here.keep_up()
    assert here.find(token) is None
    assert here.problem is None


def test_an_idle_refresh_is_cheap(keys: Keys) -> None:
    keys.create("laptop")
    began = time.process_time()
    for _ in range(200):
        keys.keep_up()
    assert (time.process_time() - began) / 200 < 0.005


@pytest.mark.parametrize(
    "by", ["id", "name", "prefix", "prefix as listed", "the key itself", "part of the id"]
)
def test_a_key_is_revoked_by(keys: Keys, by: str) -> None:
    key, token = keys.create("laptop")
    keys.create("phone")
    which = {
        "id": key.id,
        "name": "laptop",
        "prefix": key.prefix,
        "prefix as listed": f"{key.prefix}…",
        "the key itself": token,
        "part of the id": key.id[:-2],
    }[by]
    revoked = keys.revoke(which)
    assert revoked.id == key.id
    assert revoked.revoked_us == int(START * 1e6)
    assert keys.find(token) is None
    assert [one.revoked_us for one in keys.list() if one.id == key.id] == [revoked.revoked_us]
    assert keys.usable == 1


def test_revoking_twice_keeps_the_first_moment(keys: Keys, clock: Hands) -> None:
    key, _ = keys.create("laptop")
    first = keys.revoke("laptop")
    clock.seconds += 60
    assert keys.revoke(key.id) == first


def test_revoking_what_is_unclear_or_unknown_says_what_to_do(keys: Keys, clock: Hands) -> None:
    one, _ = keys.create("laptop")
    two, _ = keys.create("phone")
    with pytest.raises(BadRequest, match="2 keys fit") as unclear:
        keys.revoke(one.id[:9])
    assert unclear.value.hint is not None
    assert one.id in unclear.value.hint
    assert two.id in unclear.value.hint
    with pytest.raises(NotFound, match="`laptob`") as unknown:
        keys.revoke("laptob")
    assert unknown.value.hint == "Did you mean `laptop`?"
    stranger = "fh-" + "x" * 43
    with pytest.raises(NotFound) as secret:
        keys.revoke(stranger)
    assert stranger not in str(secret.value)
    assert keys.usable == 2


def test_a_good_key_is_meant_before_a_revoked_one_of_the_same_name(keys: Keys) -> None:
    keys.create("laptop")
    keys.revoke("laptop")
    second, token = keys.create("laptop")
    assert keys.revoke("laptop").id == second.id
    assert keys.find(token) is None


def test_names_are_unique_among_good_keys(keys: Keys, clock: Hands) -> None:
    keys.create("laptop", expires_us=int(START * 1e6) + HOUR)
    with pytest.raises(BadRequest, match="There is a key called `laptop`") as taken:
        keys.create(" laptop ")
    assert "revoke" in str(taken.value.hint)
    assert [keys.create("laptop", numbered=True)[0].name for _ in range(2)] == ["laptop 2", "laptop 3"]
    clock.seconds += 3600
    assert keys.create("laptop")[0].name == "laptop"


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "two\nlines", "bell\a", "my key fh-" + "k" * 43])
def test_what_is_no_name_is_refused(keys: Keys, name: str) -> None:
    with pytest.raises(BadRequest):
        keys.create(name)
    assert keys.list() == []


def test_only_old_keys_of_freeholds_own_making_are_forgotten(keys: Keys, clock: Hands) -> None:
    expires_us = int(START * 1e6) + HOUR
    for name in ("up", "up 2", "update", "up and away", "laptop"):
        keys.create(name, expires_us=expires_us)
    keys.create("up 3")
    clock.seconds = START + 3600 + 7 * 86400 - 1
    assert keys.purge_expired("up") == 0
    clock.seconds += 2
    assert keys.purge_expired("up") == 2
    assert [key.name for key in keys.list()] == ["update", "up and away", "laptop", "up 3"]


def test_the_secret_is_in_no_file_and_in_no_word(keys: Keys, place: Place, tmp_path: Path) -> None:
    said: list[object] = []
    tokens = []
    for number in range(5):
        key, token = keys.create(f"holder {number}", routes=frozenset({"chat"}))
        tokens.append(token)
        said += [key, keys.find(token), keys.list(), keys]
        with suppress(FreeholdError):
            keys.create(token)
        with suppress(FreeholdError):
            keys.revoke(token[:-1])
        with pytest.raises(NotFound) as refused:
            keys.revoke(token[:-1])
        said += [refused.value, refused.value.hint]
    said.append(keys.revoke(tokens[0]))
    keys.refresh()
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    files.append(repr(rows(place, "SELECT * FROM keys", "access")).encode())
    assert any(b"holder 4" in data for data in files)  # the search does look where keys are kept
    for token in tokens:
        body = token.removeprefix("fh-")
        for part in (body, body[4:], body[4:20]):
            assert not any(part.encode() in data for data in files)
            assert part not in repr(said)


def test_files_are_for_their_owner_only(keys: Keys, tmp_path: Path) -> None:
    keys.create("laptop")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@only_files
def test_a_removed_database_keeps_the_known_keys_good_and_is_reported(keys: Keys, tmp_path: Path) -> None:
    _, token = keys.create("laptop")
    keys.close()
    keys = Keys(tmp_path / "data" / "ledger.db", tmp_path / "secret")
    with closing(keys):
        (tmp_path / "data" / "ledger.db").rename(tmp_path / "elsewhere")
        for _ in range(2):
            keys.keep_up()
            assert keys.find(token) is not None
            assert isinstance(keys.problem, StoreError)
        with pytest.raises(StoreError):
            keys.create("phone")
        (tmp_path / "elsewhere").rename(tmp_path / "data" / "ledger.db")
        keys.keep_up()
        assert keys.problem is None
        keys.revoke("laptop")
        assert keys.find(token) is None


@only_files
def test_a_replaced_database_is_taken_over(keys: Keys, opened: Callable[[], Keys], tmp_path: Path) -> None:
    _, old = keys.create("laptop")
    for path in tmp_path.glob("data/ledger.db*"):
        path.unlink()
    _, new = opened().create("phone")
    keys.refresh()
    assert keys.problem is None
    assert keys.find(old) is None
    assert keys.find(new) is not None
