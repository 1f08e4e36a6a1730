"""An event's data is found quickly where events look like most do, and the same is found as everywhere else."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from examples import examples
from freehold.wire.sse import data_of, on_one_line

lines = st.sampled_from(
    [
        b"data: {}",
        b"data:{}",
        b"data",
        b"datab: {}",
        b"event: data: {}",
        b"event:ping",
        b"id: 3",
        b": no",
        b"",
    ]
)
ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"])


@examples
@example(told=[(b"event: ping", b"\n"), (b"data:{}", b"\n"), (b"data: {}", b"\n")])
@example(told=[(b"event: ping", b"\n"), (b"data: {}", b"\n"), (b"id: 3", b"\n")])
@given(told=st.lists(st.tuples(lines, ends), min_size=1, max_size=4))
def test_the_quick_way_finds_what_the_standard_says(told: list[tuple[bytes, bytes]]) -> None:
    event = b"".join(part for pair in told for part in pair)[: -len(told[-1][1])]
    expected = []
    for line, _ in told:
        if line == b"data" or line.startswith(b"data:"):
            expected.append(line[5:].removeprefix(b" "))
    assert data_of(event) == (b"\n".join(expected) if expected else None)


def test_json_is_put_on_one_line() -> None:
    assert on_one_line(b'{"a":\r\n1,\n"b":\r"x\\n"}') == b'{"a":1,"b":"x\\n"}'
    whole = b'{"a":1}'
    assert on_one_line(whole) is whole
