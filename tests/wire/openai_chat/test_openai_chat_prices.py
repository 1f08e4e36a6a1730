"""The usage of recorded answers against what a price list's own tests expect of them."""

from __future__ import annotations

import gzip
import json
import sys
from typing import Any

import pytest
from recordings import FOLDER

from freehold.core.usage import Usage
from freehold.wire.openai_chat.dialect import DIALECT

EXPECTED = FOLDER.parent / "prices" / "genai_prices_usages.jsonl.gz"

pytestmark = pytest.mark.skipif(not EXPECTED.is_file(), reason="the expected usages are not here")

FIELDS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
}


def rows() -> list[tuple[dict[str, Any], dict[str, int]]]:
    """Bodies and what the provider `openai` makes of them in its flavour `chat`."""
    found = []
    with gzip.open(EXPECTED, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            for extracted in row["extracted"]:
                flavours = {(one["provider_id"], one["api_flavor"]) for one in extracted["extractors"]}
                if ("openai", "chat") in flavours:
                    found.append((row["body"], extracted["usage"]))
    return found


def is_expected(usage: Usage, expected: dict[str, int], raw: dict[str, Any]) -> bool:
    counted = (raw.get("prompt_tokens") or 0) + (raw.get("completion_tokens") or 0)
    beside = max(0, (raw.get("total_tokens") or 0) - counted)
    for name, count in expected.items():
        ours = getattr(usage, FIELDS[name])
        # Reasoning that some count beside the completion: the price list leaves it out, the total does not.
        if ours != count and not (name == "output_tokens" and ours == count + beside):
            return False
    return True


def test_usages_are_normalised_as_expected() -> None:
    met = [
        is_expected(DIALECT.decode_usage(json.dumps(body["usage"]).encode()), expected, body["usage"])
        for body, expected in rows()
    ]
    sys.stdout.write(f"{sum(met)} of {len(met)} usages are as expected\n")
    assert met
    assert all(met)
