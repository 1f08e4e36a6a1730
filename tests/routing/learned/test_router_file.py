"""The file of a router: what is written is read, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routers import about, trained

from freehold.core.errors import StoreError
from freehold.routing.learned.form import MAGIC, read_about, read_router, write_router

CONTENT, HASH = write_router(about(), trained().model)
START = len(MAGIC) + 8
HEADER = int.from_bytes(CONTENT[len(MAGIC) : START], "little")


def test_what_is_read_decides_as_what_was_written() -> None:
    router = read_router(CONTENT, "it")
    assert router.about == about() == read_about(CONTENT[: 1 << 16], "it")
    assert router.hash == HASH
    for text in ("What is the capital of France?", "", "\udfff", "proof of Fermat " * 900):
        assert np.array_equal(router.model.predict(text), trained().model.predict(text))


def test_the_same_router_has_the_same_hash() -> None:
    assert write_router(about(), trained().model) == (CONTENT, HASH)
    assert write_router(about(threshold=0.31), trained().model)[1] != HASH


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CONTENT) - 1))
def test_a_file_that_was_cut_is_refused(size: int) -> None:
    with pytest.raises(StoreError, match="is not a router"):
        read_router(CONTENT[:size], "it")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, START + HEADER - 1), st.integers(1, 255))
def test_a_damaged_beginning_ends_in_an_error_or_in_a_router(place: int, change: int) -> None:
    """A number may have become another one: whoever loads a router compares its hash."""
    damaged = bytearray(CONTENT)
    damaged[place] ^= change
    try:
        router = read_router(bytes(damaged), "it")
    except StoreError:
        return
    assert router.hash != HASH


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"shape":[262144]', b'"shape":[262143]'),
        (b'"shape":[262144]', b'"shape":[999999]'),
        (b'"kind":"float32"', b'"kind":"float64"'),
        (b'"name":"slope"', b'"name":"sloop"'),
        (b'"edges":[]', b'"edges":[1]'[:10]),
        (b'"chosen":["two/cheap"]', b'"chosen":["two/chewy"]'),
    ],
)
def test_a_header_that_does_not_fit_is_refused(old: bytes, new: bytes) -> None:
    assert old in CONTENT[: START + HEADER]
    with pytest.raises(StoreError):
        read_router(CONTENT.replace(old, new, 1), "it")


def test_numbers_that_are_none_are_refused() -> None:
    damaged = CONTENT[:-4] + np.array([np.nan], "<f4").tobytes()
    with pytest.raises(StoreError):
        read_router(damaged, "it")
