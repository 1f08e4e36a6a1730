"""What is written by hand is what OpenTelemetry's own classes read, and the other way round."""

from __future__ import annotations

from collector import partly, value_of
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from freehold.telemetry.attributes import LONGEST_TEXT, Name, Value, attribute, attributes
from freehold.telemetry.otlp import refused_in
from freehold.telemetry.protobuf import (
    NotAMessageError,
    double,
    fields_of,
    fixed64,
    packed_doubles,
    packed_fixed64,
    varint,
)

words = st.text(st.characters(exclude_categories=["Cs"]))
values: st.SearchStrategy[Value] = st.one_of(
    words,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(words).map(tuple),
)
names = st.text(st.sampled_from("abcdefghij._"), min_size=1, max_size=60)


@given(names, values)
def test_attributes(name: str, value: Value) -> None:
    (read,) = Span.FromString(attribute(9, name, value)).attributes
    assert read.key == name
    shortened = value[:LONGEST_TEXT] if isinstance(value, str) else value
    if isinstance(value, tuple):
        shortened = tuple(one[:LONGEST_TEXT] for one in value)
    assert value_of(read.value) == shortened
    assert type(value_of(read.value)) is type(value)


@given(st.dictionaries(names, st.one_of(values, st.none())))
def test_several_attributes(named: dict[str, Value | None]) -> None:
    read = Span.FromString(attributes(9, named.items())).attributes
    assert [one.key for one in read] == [name for name, value in named.items() if value is not None]


@given(st.text())
def test_words_that_utf_8_cannot_say(words: str) -> None:
    (read,) = Span.FromString(Name(9, "x").text(words)).attributes
    assert value_of(read.value) == words.encode("utf-8", "replace").decode()


@given(st.integers(0, 2**64 - 1))
def test_numbers(number: int) -> None:
    assert fields_of(varint(1 << 3) + varint(number)) == {1: number}


@given(
    st.integers(0, 2**64 - 1),
    st.lists(st.integers(0, 2**64 - 1)),
    st.lists(st.floats(allow_nan=False)),
    st.floats(allow_nan=False),
)
def test_points(count: int, buckets: list[int], bounds: list[float], total: float) -> None:
    written = fixed64(4, count) + double(5, total) + packed_fixed64(6, buckets) + packed_doubles(7, bounds)
    read = HistogramDataPoint.FromString(written)
    assert (read.count, read.sum) == (count, total)
    assert list(read.bucket_counts) == buckets
    assert list(read.explicit_bounds) == bounds


@given(names, words)
def test_reading(key: str, value: str) -> None:
    message = KeyValue(key=key)
    message.value.string_value = value
    found = fields_of(message.SerializeToString())
    assert found[1] == key.encode()


@given(st.binary(max_size=60))
def test_reading_anything(data: bytes) -> None:
    try:
        found = fields_of(data)
    except NotAMessageError:
        return
    assert all(number >= 0 for number in found)


@given(st.integers(1, 10**6), st.binary(max_size=40))
def test_what_a_collector_did_not_take(refused: int, anything: bytes) -> None:
    assert refused_in(partly(refused)) == refused
    assert refused_in(b"") == refused_in(b"{}") == 0
    assert refused_in(anything) >= 0
