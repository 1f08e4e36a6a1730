"""The policies of routes, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.settings import Settings
from freehold.routing.routes import Target

ROUTE = """
[providers.mine]
base_url = "http://127.0.0.1:1/v1"
[routes.chat]
incumbent = "mine/large"
fallbacks = ["mine/small"]
[routes.chat.policy]
"""


def read(text: str) -> Settings:
    return load(Path("freehold.toml"), {}, text=ROUTE + text)


def test_weights_are_read() -> None:
    settings = read('kind = "weighted"\nweights = { "mine/large" = 9, "mine/other" = 1 }')
    policy = settings.policies["chat"]
    assert policy.weights == {"mine/large": 9, "mine/other": 1}
    assert policy.brings == (Target("mine", "other"),)
    assert settings.routes["chat"].plan == (Target("mine", "large"), Target("mine", "small"))


def test_the_cheapest_is_chosen_from_the_fallbacks_or_from_those_that_are_named() -> None:
    assert read('kind = "cheapest"').policies["chat"].among == ()
    policy = read('kind = "fastest"\namong = ["mine/other"]\nunproven = true').policies["chat"]
    assert (policy.among, policy.unproven) == ((Target("mine", "other"),), True)


def test_a_route_without_a_policy_has_none() -> None:
    assert load(Path("freehold.toml"), {}, text="").policies == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "dearest"', "`routes.chat.policy.kind` must be one of"),
        ('kind = "weighted"', "`routes.chat.policy` gives no model a part."),
        ('kind = "weighted"\nweights = { "mine/large" = 0 }', "`routes.chat.policy` gives no model a part."),
        ('kind = "weighted"\nweights = { "mine/large" = -1 }', "must be a whole number"),
        ('kind = "weighted"\nweights = { "thine/large" = 1 }', "`thine/large` is of an unknown provider."),
        ('kind = "weighted"\nweights = { "large" = 1 }', "must be a model"),
        (
            'kind = "cheapest"\nweights = { "mine/large" = 1 }',
            "`routes.chat.policy.weights` means nothing to a policy `cheapest`.",
        ),
        (
            'kind = "weighted"\nweights = { "mine/large" = 1 }\nunproven = true',
            "`routes.chat.policy.unproven` means nothing to a policy `weighted`.",
        ),
        ('kind = "cheapest"\namong = ["mine/a", "mine/a"]', "`mine/a` is named twice."),
        ('kind = "cheapest"\nweight = 1', "`routes.chat.policy.weight` is not a setting."),
    ],
)
def test_what_cannot_be_a_policy_is_told(text: str, message: str) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        read(text)
    assert any(message in one.message for one in caught.value.problems), caught.value.problems


def test_a_route_with_one_model_has_nothing_to_choose() -> None:
    text = '[routes.chat]\nincumbent = "local/smollm2-135m"\n[routes.chat.policy]\nkind = "cheapest"'
    with pytest.raises(InvalidSettingsError) as caught:
        load(Path("freehold.toml"), {}, text=text)
    assert "has one model" in caught.value.problems[0].message
