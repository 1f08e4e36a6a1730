"""Forms with a file in them, however their bytes are cut, and bytes that are none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.gateway.uploads import Form

DATA = b'{"a": 1}\r\n--x\r\n-\xff'
FORM = (
    b'--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="C:\\\\in\\t\xc3\xa4st.jsonl"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" + DATA + b"\r\n--xyz--\r\n"
)


@settings(max_examples=150)
@given(st.lists(st.integers(0, len(FORM)), max_size=8))
def test_however_it_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(FORM)]
    form = Form(b"xyz")
    for start, end in pairwise(places):
        form.feed(FORM[start:end])
    assert form.complete
    assert form.fields == {"purpose": "batch"}
    assert b"".join(form.gathered) == DATA
    assert form.file_name is not None
    assert "\\" not in form.file_name
    assert form.file_name.endswith("st.jsonl")


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_arbitrary_bytes(pieces: list[bytes], begins_well: bool) -> None:
    form = Form(b"x")
    try:
        if begins_well:
            form.feed(b"--x\r\n")
        for piece in pieces:
            form.feed(piece)
    except BadRequest:
        return
    assert sum(map(len, form.gathered)) <= sum(map(len, pieces))


def test_fields_are_bounded() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    with pytest.raises(BadRequest, match="bytes"):
        Form(b"x").feed(head + b"1" * 5000)
    with pytest.raises(BadRequest, match="fields"):
        Form(b"x").feed(b"".join(head.replace(b'"a"', b'"a%d"' % n) + b"1\r\n" for n in range(30)))
    with pytest.raises(BadRequest):
        Form(b"x").feed(b"--x\r\n" + b"a" * 10_000)
