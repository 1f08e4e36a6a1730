"""Figures of several processes are those of all together."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.families import Family, Line, summed

labels = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy")), max_size=2, unique_by=lambda one: one[0]
)
counts = st.lists(st.tuples(labels.map(tuple), st.integers(0, 100)), max_size=4, unique_by=lambda one: one[0])


def family(lines: list[tuple[tuple[tuple[str, str], ...], int]], kind: str) -> Family:
    made = [Line(name, float(count), [count, 1] if kind == "histogram" else []) for name, count in lines]
    return Family(f"some_{kind}", kind, "Some.", made, (1.0,) if kind == "histogram" else ())  # type: ignore[arg-type]


@given(st.lists(counts, max_size=4), st.sampled_from(["counter", "gauge", "histogram"]))
def test_together(several: list[list[tuple[tuple[tuple[str, str], ...], int]]], kind: str) -> None:
    families = [[family(lines, kind)] for lines in several]
    sent = [msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=list[Family]) for one in families]
    total = summed(sent)
    assert len(total) == bool(several)
    expected: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for lines in several:
        for name, count in lines:
            expected.setdefault(name, []).append(count)
    found = {line.labels: line for one in total for line in one.lines}
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        assert found[name].value == (max(numbers) if kind == "gauge" else sum(numbers))
        if kind == "histogram":
            assert found[name].buckets == [sum(numbers), len(numbers)]


def test_each_stays_itself() -> None:
    one, other = family([((), 1)], "counter"), family([((), 2)], "gauge")
    assert summed([[one, other], [one]]) == [family([((), 2)], "counter"), other]
