from __future__ import annotations

import os
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import freehold
from freehold.access.keys import Keys
from freehold.access.pepper import make_pepper, read_pepper
from freehold.core.errors import StoreError


def _open(folder: Path) -> Keys:
    return Keys(folder / "access.db", folder / "secret")


@pytest.fixture
def token(tmp_path: Path) -> str:
    with closing(_open(tmp_path)) as keys:
        return keys.create("laptop")[1]


def test_digests_never_change(tmp_path: Path) -> None:
    """A digest made otherwise would make every key in every installation unknown."""
    path = tmp_path / "secret"
    path.write_bytes(bytes(range(32)))
    pepper = read_pepper(path)
    assert pepper is not None
    assert (
        pepper.digest(b"fh-token").hex() == "007053a7b6ba0a9d3a4da64712e59ed234facc5766e1d2d5f289ee8108771857"
    )
    assert pepper.digest(b"fh-token") != pepper.digest(b"fh-tokem")


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


def test_processes_that_start_together_agree_on_one_pepper(tmp_path: Path) -> None:
    assert freehold.__file__ is not None
    program = (
        "import sys; from pathlib import Path; from freehold.access.keys import Keys; "
        "print('ready', flush=True); sys.stdin.readline(); keys = Keys(Path('access.db'), Path('secret')); "
        "print(keys.create(sys.argv[1])[1]); keys.close()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(freehold.__file__).parent.parent)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, f"worker {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        for number in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    tokens = [worker.communicate(timeout=60)[0].strip() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0, 0]
    with closing(_open(tmp_path)) as keys:
        assert all(keys.find(token) for token in tokens)
        assert keys.usable == 4
