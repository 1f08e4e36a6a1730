"""What a call costs by given rates."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.catalog.price import OWN_MACHINE, Price, Step
from freehold.catalog.rates import Rates
from freehold.core.money import UNKNOWN_COST, Cost
from freehold.core.usage import NO_USAGE, Usage

FULL = Rates(
    input=Decimal(2),
    output=Decimal(8),
    cache_read=Decimal("0.5"),
    cache_write=Decimal("2.5"),
    reasoning=Decimal(3),
    input_audio=Decimal(40),
    output_audio=Decimal(80),
    request=Decimal("0.01"),
)


def used(**counts: int | None) -> Usage:
    return Usage(**{"input_tokens": 0, "output_tokens": 0, **counts}, source="provider")


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (used(input_tokens=1_000_000), "2.01"),
        (used(output_tokens=1_000_000), "8.01"),
        (used(input_tokens=1_000_000, cache_read_tokens=400_000), "1.41"),
        (used(input_tokens=1_000_000, cache_write_tokens=400_000), "2.21"),
        (used(input_tokens=10, cache_read_tokens=4, cache_write_tokens=6), "0.010017"),
        (used(output_tokens=1_000_000, reasoning_tokens=1_000_000), "3.01"),
        (used(input_tokens=1_000_000, input_audio_tokens=500_000), "21.01"),
        (used(output_tokens=1_000_000, output_audio_tokens=500_000), "44.01"),
        (used(), "0.01"),
    ],
)
def test_each_part_is_billed_by_its_own_rate(usage: Usage, dollars: str) -> None:
    assert FULL.amount_of(usage) == Decimal(dollars)


@pytest.mark.parametrize(
    "usage",
    [
        NO_USAGE,
        Usage(10, 10),
        Usage(None, 10, source="provider"),
        Usage(10, None, source="counted"),
        used(input_tokens=5, cache_read_tokens=6),
        used(input_tokens=5, cache_read_tokens=3, cache_write_tokens=3),
        used(input_tokens=5, input_audio_tokens=6),
        used(output_tokens=5, reasoning_tokens=6),
        used(output_tokens=5, output_audio_tokens=6),
        used(input_tokens=-1),
        used(input_tokens=5, cache_read_tokens=-1),
        used(input_tokens=9, cache_read_tokens=2, input_audio_tokens=2),
        used(output_tokens=9, reasoning_tokens=2, output_audio_tokens=2),
    ],
    ids=str,
)
def test_usage_that_does_not_settle_the_sum_has_no_amount(usage: Usage) -> None:
    assert FULL.amount_of(usage) is None


def test_a_part_without_a_rate_is_billed_as_the_whole() -> None:
    plain = Rates(input=Decimal(2), output=Decimal(8))
    usage = used(
        input_tokens=100,
        output_tokens=50,
        cache_read_tokens=40,
        input_audio_tokens=70,
        reasoning_tokens=20,
        output_audio_tokens=40,
    )
    assert plain.amount_of(usage) == Decimal("0.0006")


@pytest.mark.parametrize("rates", [Rates(input=Decimal(1)), Rates(output=Decimal(1)), Rates()])
def test_tokens_without_any_rate_are_not_free(rates: Rates) -> None:
    assert rates.amount_of(used(input_tokens=1, output_tokens=1)) is None


def test_embeddings_need_no_output_rate() -> None:
    assert Rates(input=Decimal("0.02")).amount_of(used(input_tokens=8)) == Decimal("0.00000016")


def test_tokens_we_counted_ourselves_are_priced() -> None:
    assert FULL.amount_of(Usage(1_000_000, 0, source="counted")) == Decimal("2.01")


def test_a_large_call_is_billed_whole_at_the_higher_rate() -> None:
    price = Price(
        "list x/y",
        (
            Step(-1, Rates(input=Decimal(1), output=Decimal(1))),
            Step(200_000, Rates(input=Decimal(2), output=Decimal(3))),
            Step(400_000, Rates(input=Decimal(4), output=Decimal(5))),
        ),
    )
    amounts = [price.cost_of(used(input_tokens=size)).amount for size in (0, 200_000, 200_001, 500_000)]
    assert amounts == [0, Decimal("0.2"), Decimal("0.400002"), 2]
    assert price.tiered
    assert price.rates == price.steps[0].rates


def test_the_own_machine_costs_nothing_and_unknown_usage_stays_unknown() -> None:
    assert OWN_MACHINE.cost_of(used(input_tokens=9, output_tokens=9)) == Cost(Decimal(0), "own machine")
    assert OWN_MACHINE.cost_of(NO_USAGE) == UNKNOWN_COST


counts = st.integers(min_value=0, max_value=10**9)


@given(read=counts, written=counts, cached=counts, thought=counts)
def test_more_of_anything_never_costs_less(read: int, written: int, cached: int, thought: int) -> None:
    dear = Rates(input=Decimal(2), output=Decimal(8), cache_read=Decimal("0.5"), reasoning=Decimal(9))
    cached, thought = min(cached, read), min(thought, written)
    usage = used(input_tokens=read, output_tokens=written, cache_read_tokens=cached, reasoning_tokens=thought)
    more = used(
        input_tokens=read + 1, output_tokens=written + 1, cache_read_tokens=cached, reasoning_tokens=thought
    )
    amount, higher = dear.amount_of(usage), dear.amount_of(more)
    assert amount is not None
    assert higher is not None
    assert amount >= 0
    assert higher - amount == Decimal("0.00001")
