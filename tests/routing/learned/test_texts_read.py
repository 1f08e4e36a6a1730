"""What a router reads of a text."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.routing.learned.hashing import PLACES, READ, letters_in, tokens_of, words_in
from freehold.routing.learned.model import read
from freehold.routing.learned.shape import SIZE, shape_of

KNOWN = [80283, 133194, 240174, 249816, 256069]
ANY_TEXT = st.text(st.characters(), max_size=300)


@given(ANY_TEXT)
def test_any_text_can_be_read(text: str) -> None:
    tokens = tokens_of(text)
    for places, weights in (words_in(tokens), letters_in(text)):
        assert len(places) == len(weights)
        assert (places < PLACES).all() and (np.diff(places.astype(np.int64)) > 0).all()
        assert (weights >= 1.0).all()
    shape = shape_of(text, tokens)
    assert shape.shape == (SIZE,) and np.isfinite(shape).all()


@given(ANY_TEXT, ANY_TEXT)
def test_what_stands_beyond_the_limit_does_not_count(text: str, more: str) -> None:
    full = (text + " x") * (READ // (len(text) + 2) + 1)
    one, other = read(full[:READ]), read(full[:READ] + more)
    for mine, theirs in zip(
        (*one.words, *one.letters, one.shape), (*other.words, *other.letters, other.shape), strict=True
    ):
        assert np.array_equal(mine, theirs)


def test_repeated_words_weigh_more_but_not_in_proportion() -> None:
    places, once = words_in(["word"])
    again, often = words_in(["word", "other"] * 50)
    where = np.searchsorted(again, places[0])
    assert again[where] == places[0]
    assert 1.0 == once[0] < often[where] < 10.0


def test_equal_texts_are_equal_in_every_process() -> None:
    """Places are kept in files: they may not depend on the hash seed of a process."""
    places, _ = words_in(["capital", "of", "france"])
    assert places.tolist() == KNOWN


@pytest.mark.parametrize("text", ["\n", "1", "a. ", "\nA. ", "(", "1,", " ", "🎉", "\nA) 1"], ids=repr)
def test_no_text_takes_long(text: str) -> None:
    long = text * (100_000 // len(text))
    read("warm")
    took = []
    for _ in range(5):
        began = time.process_time()
        read(long)
        took.append(time.process_time() - began)
    assert min(took) < 0.05
