"""Routes, and the models they and the price rows name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from freehold.catalog.prices import ModelPrice
from freehold.catalog.rates import Rates
from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError

CHAT = '[routes.chat]\nincumbent = "local/smollm2-135m"\n'


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            '[routes.chat]\nincumbent = "openai/gpt-4o"',
            "`openai/gpt-4o` is of an unknown provider.",
            "Add a table `[providers.openai]`; its address is known.",
        ),
        (
            '[providers.mine]\nbase_url = "http://127.0.0.1:1/v1"\n[routes.chat]\nincumbent = "mien/x"',
            "`mien/x` is of an unknown provider.",
            "Did you mean `mine`?",
        ),
        (
            '[routes.chat]\nincumbent = "gpt-4o"',
            '`routes.chat.incumbent` must be a model, not "gpt-4o".',
            "Write it as `provider/name`, such as `openai/gpt-4o` or `local/smollm2-135m`.",
        ),
        (
            f'{CHAT}fallbacks = ["local/smollm2-135m"]',
            "The route `chat` falls back to its own incumbent `local/smollm2-135m`.",
            None,
        ),
        (
            f'{CHAT}fallbacks = ["local/e5-small", "local/e5-small"]',
            "The route `chat` falls back to `local/e5-small` twice.",
            None,
        ),
        (
            '[routes.chat]\nincumbent = "local/gpt"',
            "`local/gpt` is not one of the models that run here.",
            "There are `smollm2-135m` and `e5-small`.",
        ),
        (
            '[routes."openai/gpt-4o"]\nincumbent = "local/smollm2-135m"',
            "The route `openai/gpt-4o` could be taken for a model.",
            "A route's name has no slash; a model can be called by its own name without a route.",
        ),
        ('[routes." x"]\nincumbent = "local/smollm2-135m"', '" x" cannot name a route.', None),
        ('[models."openai/x"]\ninput = 1', "`openai/x` is of an unknown provider.", None),
        ('[models."x"]\ninput = 1', '`models.x` must be a model, not "x".', None),
        (
            '[models."local/e5-small"]',
            '`models."local/e5-small"` states nothing.',
            "Give it `input` and `output` prices.",
        ),
        (
            '[models."local/e5-small"]\nfrom = 2026-01-01',
            '`models."local/e5-small"` has a day but no price.',
            None,
        ),
        (
            '[models."local/e5-small"]\ninput = 1\n[[models."local/e5-small".prices]]\ninput = 2',
            '`models."local/e5-small"` has a price and a list of `prices`.',
            "Move the price into the list, as a row of its own.",
        ),
        (
            '[[models."local/e5-small".prices]]\ninput = 1\n[[models."local/e5-small".prices]]\ninput = 2',
            '`models."local/e5-small"` has two prices for the same time.',
            "Give each its `from`.",
        ),
        (
            '[[models."local/e5-small".prices]]\n',
            '`models."local/e5-small".prices[0]` has no price.',
            "Give it `input` or `output`.",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(text)
    with pytest.raises(InvalidSettingsError) as caught:
        load(path, {})
    first = caught.value.problems[0]
    assert first.message == message
    assert hint is None or first.hint == hint


def test_a_mistake_in_a_provider_is_not_told_again_for_its_routes(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(
        '[providers.mine]\nbase_url = "nonsense"\n'
        '[routes.chat]\nincumbent = "mine/x"\n[models."mine/x"]\ninput = 1'
    )
    with pytest.raises(InvalidSettingsError) as caught:
        load(path, {})
    assert [problem.key for problem in caught.value.problems] == ["providers.mine.base_url"]


def test_a_models_name_may_have_slashes(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text('[providers.openrouter]\n[routes.chat]\nincumbent = "openrouter/qwen/qwen3-32b"')
    target = load(path, {"OPENROUTER_API_KEY": "k"}).routes["chat"].incumbent
    assert (target.provider, target.model) == ("openrouter", "qwen/qwen3-32b")


def test_price_rows(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text("""
        [providers.mine]
        base_url = "http://127.0.0.1:1/v1"
        [models."mine/a"]
        input = 0.1
        output = "0.2"
        cache_read = 0
        request = "0.001"
        from = 2026-02-01
        [[models."mine/b".prices]]
        input = 1
        [[models."mine/b".prices]]
        input = 2
        from = "2026-02-01"
    """)
    prices = load(path, {}).prices
    assert prices["mine/a"] == (
        ModelPrice(
            Rates(
                input=Decimal("0.1"), output=Decimal("0.2"), cache_read=Decimal(0), request=Decimal("0.001")
            ),
            date(2026, 2, 1),
        ),
    )
    assert prices["mine/b"] == (
        ModelPrice(Rates(input=Decimal(1))),
        ModelPrice(Rates(input=Decimal(2)), date(2026, 2, 1)),
    )


def test_a_price_for_a_single_token_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(
        '[providers.mine]\nbase_url = "http://127.0.0.1:1/v1"\n'
        '[models."mine/a"]\ninput = 0.0000025\noutput = 10'
    )
    (warning,) = load(path, {}).warnings
    assert warning.level == "warning"
    assert warning.where == f"{path}:4"
    assert warning.hint == "Was a single token meant? Then write 2.5."
