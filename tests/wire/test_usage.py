"""Usage objects as providers write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.openai_usage import read_usage

SHAPES: dict[str, tuple[dict[str, Any], Usage]] = {
    "OpenAI": (
        {
            "prompt_tokens": 1200,
            "completion_tokens": 80,
            "total_tokens": 1280,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 64,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        Usage(1200, 80, 1024, None, 64, 0, 0, "provider"),
    ),
    "OpenAI, audio": (
        {
            "prompt_tokens": 60,
            "completion_tokens": 40,
            "total_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 50, "text_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 30, "text_tokens": 10},
        },
        Usage(60, 40, 0, None, 0, 50, 30, "provider"),
    ),
    "OpenRouter": (
        {
            "prompt_tokens": 18,
            "completion_tokens": 93,
            "total_tokens": 111,
            "cost": 0.00048,
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 12, "audio_tokens": 0},
            "cost_details": {"upstream_inference_cost": None},
            "completion_tokens_details": {"reasoning_tokens": 61, "image_tokens": 0},
        },
        Usage(18, 93, 0, 12, 61, 0, None, "provider", output_image_tokens=0),
    ),
    "DeepSeek": (
        {
            "prompt_tokens": 12,
            "completion_tokens": 789,
            "total_tokens": 801,
            "prompt_cache_hit_tokens": 8,
            "prompt_cache_miss_tokens": 4,
            "completion_tokens_details": {"reasoning_tokens": 415},
        },
        Usage(12, 789, 8, None, 415, source="provider"),
    ),
    "xAI counts reasoning beside the completion": (
        {
            "prompt_tokens": 12,
            "completion_tokens": 2,
            "total_tokens": 334,
            "prompt_tokens_details": {
                "text_tokens": 12,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 2,
            },
            "completion_tokens_details": {"reasoning_tokens": 320, "audio_tokens": 0},
            "num_sources_used": 0,
        },
        Usage(12, 322, 2, None, 320, 0, 0, "provider", input_image_tokens=0),
    ),
    "Gemini does not name what it thought": (
        {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109},
        Usage(35, 74, source="provider"),
    ),
    "a difference that may be cache": (
        {
            "prompt_tokens": 35,
            "completion_tokens": 12,
            "total_tokens": 109,
            "prompt_tokens_details": {"cached_tokens": 62},
        },
        Usage(35, 12, 62, source="provider"),
    ),
    "Mistral": (
        {"prompt_tokens": 165, "completion_tokens": 8, "total_tokens": 173, "num_cached_tokens": 151},
        Usage(165, 8, 151, source="provider"),
    ),
    "Groq": (
        {
            "queue_time": 0.05,
            "prompt_tokens": 43,
            "prompt_time": 0.002,
            "completion_tokens": 8,
            "completion_time": 0.03,
            "total_tokens": 51,
            "total_time": 0.03,
        },
        Usage(43, 8, source="provider"),
    ),
    "Moonshot, Together": (
        {"prompt_tokens": 19, "completion_tokens": 21, "total_tokens": 40, "cached_tokens": 10},
        Usage(19, 21, 10, source="provider"),
    ),
    "null details": (
        {
            "prompt_tokens": 5,
            "completion_tokens": 6,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
        },
        Usage(5, 6, source="provider"),
    ),
    "zero is a count": ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0, source="provider")),
    "only one of them": ({"prompt_tokens": 5}, Usage(5, None, source="provider")),
    "empty": ({}, NO_USAGE),
    "a total alone": ({"total_tokens": 8}, NO_USAGE),
}


@pytest.mark.parametrize(("shape", "usage"), SHAPES.values(), ids=SHAPES.keys())
def test_shapes_of_chat(shape: dict[str, Any], usage: Usage) -> None:
    assert read_usage(json.dumps(shape).encode()) == usage


def test_embeddings_write_nothing_and_know_it() -> None:
    assert read_usage(b'{"prompt_tokens":7,"total_tokens":7}', embeddings=True) == Usage(
        7, 0, source="provider"
    )
    voyage = b'{"total_tokens":10}'
    assert read_usage(voyage, embeddings=True) == Usage(10, 0, source="provider")
    assert read_usage(b"{}", embeddings=True) is NO_USAGE


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"null",
        b"{",
        b"[]",
        b"7",
        b'{"prompt_tokens":"7"}',
        b'{"prompt_tokens":-1}',
        b'{"prompt_tokens":1.5}',
        b'{"prompt_tokens":9007199254740993}',
        b'{"prompt_tokens":123456789012345678901234567890}',
        b'{"prompt_tokens":' + b"9" * 5000 + b"}",
        b'{"prompt_tokens":7,"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_not_usage_is_unknown(raw: bytes | None) -> None:
    assert read_usage(raw) is NO_USAGE


@examples
@given(raw=st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
                         "cached_tokens", "completion_tokens_details", "reasoning_tokens"]), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())), embeddings=st.booleans())  # fmt: skip
def test_counts_are_counts_whatever_came(raw: bytes, embeddings: bool) -> None:
    usage = read_usage(raw, embeddings=embeddings)
    for count in (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens):
        assert count is None or 0 <= count <= 1 << 54
    if usage.source == "unknown":
        assert usage is NO_USAGE
