"""Our prices against those recorded, by the list's makers, for real answers of real providers.

The recordings are not part of the project. Name their file in FREEHOLD_RECORDED_PRICES, or put it
where the first line of code below looks; without it the test is skipped.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices
import pytest

from freehold.catalog.listed import find_listing
from freehold.core.clock import microseconds
from freehold.core.usage import Usage

ELSEWHERE = Path(__file__).parents[3] / "shared/data/prices/genai_prices_usages.jsonl.gz"
RECORDED = Path(os.environ.get("FREEHOLD_RECORDED_PRICES", ELSEWHERE))
RECORDED_AT = datetime(2026, 8, 21, 12, tzinfo=UTC)

OURS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
}
IMPLIED = {"input_text_tokens", "output_text_tokens", "cache_text_read_tokens", "cache_write_5m_tokens"}
"""Counts that say again what the others say, or what Usage takes for granted."""


def recordings() -> Iterator[tuple[str, str, dict[str, int], Decimal]]:
    """Provider id, model, counts and dollars of every recording that has a price."""
    with gzip.open(RECORDED, "rt") as lines:
        for line in lines:
            recorded: dict[str, Any] = json.loads(line)
            for extracted in recorded["extracted"]:
                for priced in extracted["extractors"]:
                    if "input_price" in priced:
                        dollars = Decimal(priced["input_price"]) + Decimal(priced.get("output_price") or 0)
                        yield priced["provider_id"], recorded["model"], extracted["usage"], dollars


def compare(provider: str, model: str, counts: dict[str, int], dollars: Decimal) -> str:
    """`agrees`, or the reason why not; starts with `!` when there is no good reason."""
    uncounted = sorted(counts.keys() - OURS.keys() - IMPLIED)
    if uncounted:
        return f"counts what Usage does not: {', '.join(uncounted)}"
    if "input_tokens" not in counts:
        return "the answer carried no usage"
    listing = find_listing(provider, model)
    price = listing.price_at(microseconds(RECORDED_AT.timestamp())) if listing else None
    if price is None:
        return "the list's row is empty, which is not a price of 0" if dollars == 0 else "! no price"
    usage = Usage(
        **{"output_tokens": 0, **{OURS[key]: count for key, count in counts.items() if key in OURS}},
        source="provider",
    )
    amount = price.cost_of(usage).amount
    if amount == dollars:
        return "agrees"
    today = genai_prices.calc_price(
        genai_prices.Usage(**{key: count for key, count in counts.items() if key in OURS}),
        model,
        provider_id=provider,
        genai_request_timestamp=RECORDED_AT,
    ).total_price
    if amount == today:
        return f"the list has changed its price since the recording: {provider}/{model}"
    return f"! {provider}/{model}: {amount} instead of {dollars}"


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings are not here")
def test_recorded_prices() -> None:
    results = Counter(compare(*recording) for recording in recordings())
    compared = sum(count for result, count in results.items() if not result.startswith("counts"))
    lines = [f"{results['agrees']} of {compared} recorded prices agree to the last digit"]
    lines += [f"{count:6} {result}" for result, count in results.most_common() if result != "agrees"]
    sys.stdout.write("\n".join(lines) + "\n")
    assert not [result for result in results if result.startswith("!")]
    assert results["agrees"] > 1000
    assert results["agrees"] > 0.95 * compared
