"""Ids, secrets, time."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.clock import SystemClock, as_datetime, microseconds
from freehold.core.ids import new_id
from freehold.core.secret import Secret

IN_TWO_PROCESSES = """
import os
from freehold.core.ids import new_id
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, new_id("call")[-20:].encode())
    os._exit(0)
print(new_id("call")[-20:], os.read(reading, 100).decode())
os.wait()
"""


def test_ids_are_prefixed_and_of_one_length() -> None:
    for prefix in ("call", "key"):
        name, _, body = new_id(prefix).partition("_")
        assert name == prefix
        assert len(body) == 32
        assert set(body) <= set("0123456789abcdef")


def test_ids_are_never_the_same() -> None:
    assert len({new_id("call") for _ in range(50_000)}) == 50_000


def test_later_ids_sort_later() -> None:
    ids = []
    for _ in range(5):
        ids.append(new_id("call"))
        time.sleep(0.002)
    assert ids == sorted(ids)
    made_at = int(ids[0][5:17], 16) / 1000
    assert abs(made_at - time.time()) < 60


def test_a_forked_process_makes_ids_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_TWO_PROCESSES], check=True, capture_output=True, text=True, timeout=30
    )
    parent, child = done.stdout.split()
    assert len(parent) == len(child) == 20
    assert parent != child


def test_a_secret_shows_only_where_it_is_from() -> None:
    secret = Secret("sk-s3cret", "env:KEY")
    assert secret.reveal() == "sk-s3cret"
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret])):
        assert "s3cret" not in shown
        assert "env:KEY" in shown


def test_a_secret_is_never_serialised() -> None:
    secret = Secret("sk-s3cret", "env:KEY")
    for write in (pickle.dumps, copy.deepcopy, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert "s3cret" not in str(caught.value)


def test_secrets_are_equal_when_they_say_the_same() -> None:
    first, second = Secret("a", "env:ONE"), Secret("a", "file:two")
    assert first == second
    assert hash(first) == hash(second)
    assert len({first, second, Secret("b", "env:ONE")}) == 2
    assert first != "a"


@examples
@given(us=st.integers(0, 253_402_300_799_999_999))
def test_microseconds_survive_as_a_date(us: int) -> None:
    moment = as_datetime(us)
    assert moment.tzinfo is UTC
    assert (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) == us


def test_the_system_clock_tells_the_time() -> None:
    clock = SystemClock()
    assert abs(microseconds(clock.now()) - time.time_ns() // 1000) < 60_000_000
    assert clock.tick() <= clock.tick()
