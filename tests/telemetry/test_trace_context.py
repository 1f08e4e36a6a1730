"""W3C's Trace Context: what is well formed is kept to the letter, everything else is no trace."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.ids import new_id
from freehold.core.trace import RANDOM, SAMPLED, Caller, Trace
from freehold.engine.tracing import Tracing
from freehold.wire.trace_context import LONGEST_STATE, read_caller

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01".encode()

digits = st.text("0123456789abcdef", min_size=1)


def hexadecimal(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=length, max_size=length).filter(lambda one: set(one) != {"0"})


@given(hexadecimal(32), hexadecimal(16), st.integers(0, 255))
def test_what_is_well_formed_is_kept(trace: str, span: str, flags: int) -> None:
    found = read_caller([f"00-{trace}-{span}-{flags:02x}".encode()], [])
    assert found == Caller(trace, span, flags & 3)


@given(hexadecimal(32), hexadecimal(16), st.sampled_from(["01", "cc", "fe"]), st.binary(max_size=40))
def test_later_versions_may_say_more(trace: str, span: str, version: str, more: bytes) -> None:
    parent = f"{version}-{trace}-{span}-01".encode()
    assert read_caller([parent], []) == Caller(trace, span, SAMPLED)
    assert read_caller([parent + b"-" + more], []) == Caller(trace, span, SAMPLED)
    assert read_caller([parent + b"." + more], []) is None


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_character_never_yields_something_malformed(at: int, character: int) -> None:
    changed = GOOD[:at] + bytes([character]) + GOOD[at + 1 :]
    found = read_caller([changed], [])
    if found is not None:
        assert len(found.trace_id) == 32
        assert len(found.span_id) == 16
        assert set(found.trace_id + found.span_id) <= set(string.hexdigits.lower())


@given(st.lists(st.binary(max_size=120), max_size=3), st.lists(st.binary(max_size=600), max_size=40))
def test_anything_at_all(parents: list[bytes], states: list[bytes]) -> None:
    read_caller(parents, states)
    found = read_caller([GOOD], states)
    assert found is not None
    assert len(found.state) <= LONGEST_STATE
    assert found.state.isprintable()


@pytest.mark.parametrize(
    "parents",
    [
        [],
        [GOOD, GOOD],
        [b""],
        [GOOD.upper()],
        [GOOD + b"-more"],
        [b" " + GOOD],
        [GOOD + b"\n"],
        [b"ff" + GOOD[2:]],
        [f"00-{'0' * 32}-{SPAN}-01".encode()],
        [f"00-{TRACE}-{'0' * 16}-01".encode()],
    ],
)
def test_malformed_parents(parents: list[bytes]) -> None:
    assert read_caller(parents, [b"a=b"]) is None


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        ([b"a=1,b=2"], "a=1,b=2"),
        ([b"a=1", b"b=2"], "a=1,b=2"),
        ([b" a=1\t, ,b=2 "], "a=1,b=2"),
        ([b"0tenant@system=x y"], "0tenant@system=x y"),
        ([b"a=1,a=2"], ""),
        ([b"A=1"], ""),
        ([b"a"], ""),
        ([b"a="], ""),
        ([b"a=b=c"], ""),
        ([b"a=\xe9"], ""),
        ([",".join(f"k{number}=v" for number in range(32)).encode()], "k0=v"),
        ([",".join(f"k{number}=v" for number in range(33)).encode()], ""),
        ([b"a=" + b"x" * 520], ""),
    ],
)
def test_states(states: list[bytes], kept: str) -> None:
    found = read_caller([GOOD], states)
    assert found is not None
    assert found.state.startswith(kept)
    assert bool(found.state) == bool(kept)


# What becomes of it


def test_nothing_without_telemetry_and_without_a_client_s_trace() -> None:
    assert Tracing(records=False).begin(new_id("call"), None) is None
    caller = Caller(TRACE, SPAN, SAMPLED, "a=b")
    assert Tracing(records=False, tells=False).begin(new_id("call"), caller) is None
    passed = Tracing(records=False).begin(new_id("call"), caller)
    assert passed == Trace(TRACE, SPAN, SAMPLED, told=True)
    assert passed.parent_of(0) == GOOD, "as it came"


@given(st.floats(0, 1))
def test_the_share_that_is_recorded(share: float) -> None:
    tracing = Tracing(records=True, share=share)
    low, high = "call_" + "0" * 18 + "0" * 13 + "1", "call_" + "0" * 18 + "f" * 14
    traces = [tracing.begin(one, None) for one in (low, high)]
    recorded = [one is not None and one.recorded for one in traces]
    assert recorded == [share > 1 / 2**56, share == 1.0]
    for trace in traces:
        assert trace is not None
        assert trace.flags == (RANDOM | SAMPLED if trace.recorded else RANDOM)


def test_about_as_many_as_were_wanted() -> None:
    tracing = Tracing(records=True, share=0.1)
    traces = [tracing.begin(new_id("call"), None) for _ in range(5000)]
    assert 350 < sum(1 for one in traces if one is not None and one.recorded) < 650
    assert len({one.span_id for one in traces if one is not None}) == 5000


@pytest.mark.parametrize("flags", [0, SAMPLED])
def test_the_client_s_decision_holds(flags: int) -> None:
    trace = Tracing(records=True, share=0.0).begin(new_id("call"), Caller(TRACE, SPAN, flags))
    assert trace is not None
    assert trace.recorded == bool(flags)
    assert (trace.span_id == SPAN) == (not flags)
