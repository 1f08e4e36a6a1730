"""Usage: the oracle's bodies, and there and back."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.losses import Losses
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.anthropic.usage import decode_usage, encode_usage

ORACLE = Path(__file__).resolve().parents[4] / "shared" / "data" / "prices" / "genai_prices_usages.jsonl.gz"


def expectations() -> list[tuple[Any, dict[str, int]]]:
    """Bodies that Anthropic's own dialect is read from, and what of them is expected."""
    found = []
    with gzip.open(ORACLE, "rb") as lines:
        for line in lines:
            entry = msgspec.json.decode(line)
            for extracted in entry["extracted"]:
                flavours = {(one["provider_id"], one["api_flavor"]) for one in extracted["extractors"]}
                if flavours & {("anthropic", "default"), ("aws", "anthropic")}:
                    found.append((entry["body"], extracted["usage"]))
    return found


@pytest.mark.skipif(not ORACLE.is_file(), reason="the recorded prices are not here")
def test_the_oracle_agrees() -> None:
    agreed = 0
    for body, expected in expectations():
        usage = decode_usage(msgspec.json.encode(body["usage"]))
        told = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "output_reasoning_tokens": usage.reasoning_tokens,
        }
        given_there = {name: count for name, count in expected.items() if name in told}
        # The oracle leaves zeros out, and knows the reasoning of some versions of its flavours only.
        for name, count in told.items():
            if name in given_there or name != "output_reasoning_tokens":
                assert (count or 0) == given_there.get(name, 0), (body, expected)
        agreed += 1
    print(f"{agreed} of {len(expectations())} as the oracle has it")  # noqa: T201 - for whoever runs it with -s
    assert agreed > 200


def test_absent_is_not_zero() -> None:
    assert decode_usage(None) == NO_USAGE
    assert decode_usage(b"{}") == NO_USAGE
    assert decode_usage(b'"x"') == NO_USAGE
    usage = decode_usage(b'{"input_tokens":3,"output_tokens":0}')
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (3, 0, None)


def test_the_cache_is_added_to_the_input() -> None:
    raw = (
        b'{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,"output_tokens":7,'
        b'"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},'
        b'"output_tokens_details":{"thinking_tokens":5}}'
    )
    assert decode_usage(raw) == Usage(
        input_tokens=140,
        output_tokens=7,
        cache_read_tokens=100,
        cache_write_tokens=30,
        cache_write_1h_tokens=20,
        reasoning_tokens=5,
        source="provider",
    )


def test_what_has_no_place_is_a_loss() -> None:
    losses = Losses()
    usage = Usage(input_tokens=5, output_tokens=None, input_audio_tokens=2)
    assert encode_usage(usage, b"{}", "flex", losses, same=False) == {"input_tokens": 5, "output_tokens": 0}
    assert losses.names == ("usage.unknown", "service_tier", "usage.input_audio_tokens")


counts = st.integers(0, 10**6)


@settings(max_examples=100)
@given(counts, counts, st.none() | counts, st.none() | counts, st.none() | counts)
def test_there_and_back(
    fresh: int, output: int, read: int | None, written: int | None, reasoning: int | None
) -> None:
    usage = Usage(
        input_tokens=fresh + (read or 0) + (written or 0),
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=None if written is None else written // 2,
        reasoning_tokens=reasoning,
        source="provider",
    )
    losses = Losses()
    assert decode_usage(msgspec.json.encode(encode_usage(usage, None, None, losses, same=False))) == usage
    assert not losses
