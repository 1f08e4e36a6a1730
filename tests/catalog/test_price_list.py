"""Which price holds: the user's rows, the own machine, the list, or none."""

from __future__ import annotations

import subprocess
import sys
import timeit
from datetime import UTC, date, datetime
from decimal import Decimal

from freehold.catalog.prices import OWN_MACHINE_ID, ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.core.clock import microseconds
from freehold.core.money import UNKNOWN_COST, Cost
from freehold.core.usage import NO_USAGE, Usage

MILLION = Usage(1_000_000, 1_000_000, source="provider")


def at(year: int, month: int = 1, day: int = 1, hour: int = 12) -> int:
    return microseconds(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def row(input: str, output: str, start: date | None = None) -> ModelPrice:
    return ModelPrice(Rates(input=Decimal(input), output=Decimal(output)), start)


PRICES = PriceList(
    own={
        "mine/llama": (row("0.1", "0.2"),),
        "openai/gpt-4o": (row("1", "1", date(2026, 1, 1)), row("2", "2", date(2026, 3, 1))),
    },
    lists={"openai": "openai", "ds": "deepseek", "local": OWN_MACHINE_ID, "odd": "no-such-list"},
)


def test_the_users_own_row_comes_first() -> None:
    assert PRICES.cost_of("mine", "llama", MILLION, at(2026)) == Cost(
        Decimal("0.3"), "freehold.toml mine/llama"
    )


def test_of_the_users_rows_the_newest_valid_one_holds() -> None:
    assert PRICES.cost_of("openai", "gpt-4o", MILLION, at(2026, 2, 28)).row == (
        "freehold.toml openai/gpt-4o 2026-01-01"
    )
    assert PRICES.cost_of("openai", "gpt-4o", MILLION, at(2026, 3, 1, 0)) == Cost(
        Decimal(4), "freehold.toml openai/gpt-4o 2026-03-01"
    )


def test_before_the_users_first_row_the_list_holds() -> None:
    assert PRICES.cost_of("openai", "gpt-4o", MILLION, at(2025, 12, 31)) == Cost(
        Decimal("12.5"), "genai-prices openai/gpt-4o"
    )


def test_the_own_machine_is_free_and_says_so() -> None:
    assert PRICES.cost_of("local", "smollm2-135m", MILLION, at(2026)) == Cost(Decimal(0), "own machine")


def test_unknown_is_unknown() -> None:
    for provider, model in (
        ("openai", "no-such-model"),
        ("nobody", "gpt-4o"),
        ("odd", "gpt-4o"),
        ("mine", "other"),
    ):
        assert PRICES.cost_of(provider, model, MILLION, at(2026)) == UNKNOWN_COST
        assert PRICES.price_of(provider, model, at(2026)) is None
    assert PRICES.cost_of("openai", "gpt-4o", NO_USAGE, at(2026)) == UNKNOWN_COST


def test_a_price_by_the_hour_is_not_kept_for_the_day() -> None:
    usage = Usage(1_000_000, 0, source="provider")
    amounts = [PRICES.cost_of("ds", "deepseek-chat", usage, at(2025, 3, 1, hour)).amount for hour in (12, 20)]
    assert amounts == [Decimal("0.27"), Decimal("0.135")]


def test_names_invented_by_clients_do_not_pile_up() -> None:
    prices = PriceList(own={}, lists={"local": OWN_MACHINE_ID})
    for number in range(10_000):
        prices.cost_of("local", f"name-{number}", MILLION, at(2026))
    assert len(vars(prices)["_known"]) <= 4096


def test_pricing_a_call_takes_microseconds() -> None:
    usage = Usage(1200, 300, 1000, source="provider")
    now = at(2026)
    PRICES.cost_of("openai", "gpt-4o", usage, now)
    best = min(timeit.repeat(lambda: PRICES.cost_of("openai", "gpt-4o", usage, now), number=2_000, repeat=20))
    each = best / 2_000 * 1e6
    assert each < 20  # two when the machine is quiet; the library alone takes 60 to 100


def test_the_list_is_loaded_only_when_a_rented_model_is_priced() -> None:
    script = """
import sys
from freehold.catalog.prices import OWN_MACHINE_ID, PriceList
from freehold.catalog.models import Catalog
from freehold.core.usage import Usage
prices = PriceList(own={}, lists={"local": OWN_MACHINE_ID, "openai": "openai"})
usage = Usage(1, 1, source="provider")
assert prices.cost_of("local", "smollm2-135m", usage, 1_767_225_600_000_000).amount == 0
Catalog(own={}, lists={"local": OWN_MACHINE_ID}).find("local", "smollm2-135m")
assert not any(name.split(".")[0] in ("genai_prices", "pydantic") for name in sys.modules), "too early"
assert prices.cost_of("openai", "gpt-4o", usage, 1_767_225_600_000_000).amount > 0
assert "genai_prices" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
