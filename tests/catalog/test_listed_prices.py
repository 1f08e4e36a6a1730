"""Our sums against those of the price list's own library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import genai_prices
from genai_prices.data import providers
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.catalog.listed import find_listing, knows_provider, provider_ids
from freehold.catalog.price import Price
from freehold.core.clock import microseconds
from freehold.core.usage import Usage

EVERY_MODEL = sorted((provider.id, model.id) for provider in providers for model in provider.models)
EPOCH = datetime(2023, 1, 1, tzinfo=UTC)

sizes = st.one_of(
    st.integers(0, 2_000), st.integers(0, 3_000_000), st.sampled_from([127_999, 128_000, 200_000, 272_001])
)
moments = st.integers(0, 4 * 365 * 24 * 60).map(lambda minutes: EPOCH + timedelta(minutes=minutes))


@st.composite
def usages(draw: st.DrawFn, *, audio: bool) -> Usage:
    read, written = draw(sizes), draw(sizes)
    cached = draw(st.one_of(st.none(), st.integers(0, read)))
    kept = draw(st.one_of(st.none(), st.integers(0, read - (cached or 0))))
    thought = draw(st.one_of(st.none(), st.integers(0, written)))
    heard = draw(st.one_of(st.none(), st.integers(0, read))) if audio else None
    spoken = draw(st.one_of(st.none(), st.integers(0, written))) if audio else None
    return Usage(read, written, cached, kept, thought, heard, spoken, "provider")


def by_the_library(provider: str, model: str, usage: Usage, at: datetime) -> Decimal | None:
    """None where the library refuses to say."""
    counts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.input_audio_tokens,
        "output_audio_tokens": usage.output_audio_tokens,
    }
    try:
        return genai_prices.calc_price(
            genai_prices.Usage(**counts), model, provider_id=provider, genai_request_timestamp=at
        ).total_price
    except ValueError:
        return None


def price_at(provider: str, model: str, at: datetime) -> Price | None:
    listing = find_listing(provider, model)
    return listing.price_at(microseconds(at.timestamp())) if listing else None


def unpriced(price: Price, usage: Usage) -> bool:
    """Whether the call used something that the row has no rate for."""
    rates = price.rates
    return (rates.input is None and usage.input_tokens != 0) or (
        rates.output is None and usage.output_tokens != 0
    )


@settings(max_examples=1_500, deadline=None)
@given(model=st.sampled_from(EVERY_MODEL), usage=usages(audio=False), at=moments)
def test_our_sum_is_the_librarys(model: tuple[str, str], usage: Usage, at: datetime) -> None:
    price = price_at(*model, at)
    if price is None:
        return
    amount = price.cost_of(usage).amount
    if amount is None:
        assert unpriced(price, usage)
    else:
        assert amount == by_the_library(*model, usage, at)


WITH_AUDIO = [
    ("openai", "gpt-audio"),
    ("openai", "gpt-4o-transcribe"),
    ("openai", "gpt-4o-realtime-preview"),
    ("google", "gemini-2.5-flash"),
    ("aws", "amazon.nova-sonic-v1:0"),
    ("azure", "phi-4-multimodal-instruct"),
]


@settings(max_examples=500, deadline=None)
@given(model=st.sampled_from(WITH_AUDIO), usage=usages(audio=True), at=moments)
def test_audio_is_priced_as_the_library_prices_it(model: tuple[str, str], usage: Usage, at: datetime) -> None:
    price = price_at(*model, at)
    assert price is not None
    amount = price.cost_of(usage).amount
    assert amount == by_the_library(*model, usage, at)


def test_most_of_the_list_can_be_used() -> None:
    now = microseconds(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
    found = [listing for model in EVERY_MODEL if (listing := find_listing(*model))]
    priced = [listing for listing in found if listing.price_at(now)]
    assert len(found) > 2_000
    assert len(priced) > 0.95 * len(found)


def test_a_price_that_changes_by_the_hour() -> None:
    listing = find_listing("deepseek", "deepseek-reasoner")
    assert listing is not None
    assert listing.changes_by_hour
    day = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
    night = day.replace(hour=20)
    usage = Usage(1_000_000, 1_000_000, source="provider")
    by_day = listing.price_at(microseconds(day.timestamp()))
    by_night = listing.price_at(microseconds(night.timestamp()))
    assert by_day is not None
    assert by_night is not None
    assert by_day.cost_of(usage).amount == Decimal("2.74")
    assert by_night.cost_of(usage).amount == Decimal("0.685")


def test_a_row_names_list_provider_model_and_day() -> None:
    opus = price_at("anthropic", "claude-opus-4-6", datetime(2026, 4, 1, tzinfo=UTC))
    assert opus is not None
    assert opus.row == "genai-prices anthropic/claude-opus-4-6 2026-03-13"
    before = price_at("anthropic", "claude-opus-4-6", datetime(2026, 3, 12, tzinfo=UTC))
    assert before is not None
    assert before.row == "genai-prices anthropic/claude-opus-4-6"
    assert before.tiered
    assert not opus.tiered


def test_a_row_says_which_entry_a_name_was_matched_to() -> None:
    dated = price_at("openai", "gpt-4o-2024-08-06", EPOCH)
    assert dated is not None
    assert dated.row == "genai-prices openai/gpt-4o"
    of_another = price_at("azure", "gpt-4o", EPOCH)
    assert of_another is not None
    assert of_another.row == "genai-prices openai/gpt-4o"


def test_a_name_that_is_only_similar_has_no_price() -> None:
    for model in ("gpt-4o-my-tuning", "gpt", "", "openai/gpt-4o"):
        assert find_listing("openai", model) is None, model
    assert find_listing("nobody", "gpt-4o") is None


def test_empty_rows_are_unknown_unless_the_name_says_free() -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    assert price_at("github-copilot", "gpt-4o", at) is None
    free = price_at("openrouter", "openai/gpt-oss-20b:free", at)
    assert free is not None
    assert free.cost_of(Usage(10, 10, source="provider")).amount == 0


def test_rows_in_units_we_do_not_count_are_unknown() -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    for provider, model in (
        ("openai", "whisper-1"),
        ("openai", "tts-1"),
        ("openai", "gpt-image-1"),
        ("google", "gemini-2.5-flash-image"),
        ("mistral", "mistral-ocr-latest"),
    ):
        assert find_listing(provider, model) is not None
        assert price_at(provider, model, at) is None, model


def test_looking_up_changes_nothing_in_the_library() -> None:
    before = repr(get_snapshot().providers)
    for provider, model in EVERY_MODEL[:300]:
        price_at(provider, model, EPOCH)
    assert repr(get_snapshot().providers) == before


def test_provider_ids() -> None:
    assert knows_provider("openai")
    assert not knows_provider("open-ai")
    assert {"openai", "mistral", "x-ai"} <= set(provider_ids())
