from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import stat
from contextlib import closing
from pathlib import Path

import pytest

from freehold.access.keys import Keys
from freehold.access.pepper import make_pepper, read_pepper
from freehold.core.errors import StoreError


def _open(folder: Path) -> Keys:
    return Keys(folder / "access.db", folder / "secret")


@pytest.fixture
def token(tmp_path: Path) -> str:
    with closing(_open(tmp_path)) as keys:
        return keys.create("laptop")[1]


def test_digests_are_hmac_sha256(tmp_path: Path) -> None:
    pepper = make_pepper(tmp_path / "secret")
    secret = (tmp_path / "secret").read_bytes()
    assert pepper.digest(b"fh-token") == hmac.digest(secret, b"fh-token", hashlib.sha256)
    assert pepper.digest(b"fh-token") == pepper.digest(b"fh-token")


def test_the_pepper_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    assert read_pepper(path) is None
    made = make_pepper(path)
    kept = path.read_bytes()
    assert len(kept) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = make_pepper(path)
    assert path.read_bytes() == kept
    assert made.check == again.check
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("harm", ["lost", "replaced", "cut short", "a folder"])
def test_a_harmed_pepper_is_an_error_at_the_start_and_is_left_as_it_is(
    tmp_path: Path, token: str, harm: str
) -> None:
    path = tmp_path / "secret"
    good = path.read_bytes()
    path.unlink()
    if harm == "a folder":
        path.mkdir()
    elif harm != "lost":
        path.write_bytes(b"\x07" * 32 if harm == "replaced" else good[:31])
    harmed = path.read_bytes() if path.is_file() else None
    for _ in range(2):
        with pytest.raises(StoreError, match="secret") as refused:
            _open(tmp_path)
        assert refused.value.hint is not None
        assert (path.read_bytes() if path.is_file() else None) == harmed
    if path.is_dir():
        path.rmdir()
    path.write_bytes(good)
    with closing(_open(tmp_path)) as keys:
        assert keys.find(token) is not None


def test_without_keys_a_lost_pepper_is_no_loss(tmp_path: Path) -> None:
    _open(tmp_path).close()
    (tmp_path / "secret").unlink()
    with closing(_open(tmp_path)) as keys:
        _, token = keys.create("laptop")
        assert keys.find(token) is not None


def _create(folder: str, name: str, line: multiprocessing.Queue[str]) -> None:
    with closing(_open(Path(folder))) as keys:
        line.put(keys.create(name)[1])


def test_processes_that_start_together_agree_on_one_pepper(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    line: multiprocessing.Queue[str] = spawn.Queue()
    workers = [spawn.Process(target=_create, args=(str(tmp_path), f"worker {n}", line)) for n in range(4)]
    for worker in workers:
        worker.start()
    tokens = [line.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    with closing(_open(tmp_path)) as keys:
        assert all(keys.find(token) for token in tokens)
        assert keys.usable == 4
    line.close()
    line.join_thread()
