"""Documents become windows of tokens: nothing is lost, and the order is fixed by the seed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.train.tokens.packing import Windows, is_packed, pack, packed_in

END = 0
TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=12)


def _encode(texts: list[str]) -> list[list[int]]:
    return [[1 + byte for byte in text.encode()] for text in texts]


@settings(deadline=None)  # beside other work a first example takes long
@given(texts=TEXTS, context=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_each_time_round_every_window_is_read_once(texts: list[str], context: int, seed: int) -> None:
    row = [token for ids in _encode(texts) for token in (END, *ids)]
    with tempfile.TemporaryDirectory() as folder:
        pack(texts, _encode, end=END, folder=Path(folder), name="train")
        packed = packed_in(Path(folder), "train")
        assert (packed.tokens, packed.size) == (len(row), sum(len(text.encode()) for text in texts))
        windows = Windows(packed, context=context, seed=seed)
        count = windows.count
        assert count == max(0, (len(row) - 1) // context)
        if not count:
            return
        expected = sorted(row[at * context : (at + 1) * context + 1] for at in range(count))
        for turn in range(2):
            read = windows.batch(range(turn * count, (turn + 1) * count)).tolist()
            assert sorted(read) == expected
            # Whoever goes on in the middle reads what would have been read.
            later = Windows(packed, context=context, seed=seed)
            assert later.batch([turn * count + count // 2]).tolist() == [read[count // 2]]


def test_a_row_that_was_not_written_to_its_end_is_none(tmp_path: Path) -> None:
    def stop(texts: list[str]) -> list[list[int]]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        pack(["some text"], stop, end=END, folder=tmp_path, name="train")
    assert not is_packed(tmp_path, "train")
