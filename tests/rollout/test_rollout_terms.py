"""Whether a rollout can be started with a configuration, and on which terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from freehold.config.load import load
from freehold.config.settings import Settings
from freehold.core.errors import BadRequest
from freehold.office.rollouts import terms_of, wanted_from
from freehold.routing.routes import Target

TOML = """
[local]
enabled = false
[providers.old]
base_url = "http://127.0.0.1:9/v1"
[providers.new]
base_url = "http://127.0.0.1:9/v1"
[providers.third]
base_url = "http://127.0.0.1:9/v1"
[models."new/m"]
input = 1
output = 1
[routes.r]
incumbent = "old/m"
[routes.silent]
incumbent = "old/m"
keep_bodies = false
"""
BARE = "canary:1%,cutover"


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    file = tmp_path / "freehold.toml"
    file.write_text(TOML)
    return load(file, {})


def test_what_is_said_becomes_the_terms(configured: Settings) -> None:
    said = {
        "route": "r", "to": "new/m", "plan": "shadow:5,canary:1%,cutover", "margin": 0.1, "slower": None,
        "settle_time": "2h", "budget": "2.50", "judge": "third/judge",
    }  # fmt: skip
    terms = terms_of(configured, wanted_from(said), 0)
    assert (terms.incumbent, terms.candidate) == (Target("old", "m"), Target("new", "m"))
    assert terms.plan.text == "shadow:5,canary:1%,cutover"
    assert (terms.tolerances.quality, terms.tolerances.latency) == (0.1, None)
    assert (terms.settle_us, terms.budget_pico) == (7_200_000_000, 2_500_000_000_000)
    assert terms.judge == "third/judge"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"plan": "canary:5%,1%,cutover"}, "`1%` follows `5%`"),
        ({"plan": "canary:5%"}, "the last stage is `cutover`"),
        ({"plan": "shaddow:5,cutover"}, "`shaddow:5` is no stage"),
        ({"route": "nothing"}, "No route is called `nothing`"),
        ({"route": "old/m"}, "No route is called `old/m`"),
        ({"to": "old/m"}, "is the incumbent of `r` already"),
        ({"to": "nobody/m"}, "No provider of the configuration is called `nobody`"),
        ({"to": "m"}, "`m` is no model"),
        ({"to": "new/unpriced"}, "There is no price for `new/unpriced`"),
        ({"margin": 2.0}, "cannot be started so"),
        ({"alpha": 0.0}, "cannot be started so"),
        ({"settle_calls": 0}, "cannot be started so"),
        ({"judge": "new/judge"}, "served by the provider of `new/m`"),
        ({"judge": "nobody/judge"}, "is called `nobody`"),
        ({"judge": "third/judge", "plan": BARE}, "makes no copies"),
        ({"budget": "much"}, "is no budget in dollars"),
        ({"budget": "-1"}, "is no budget in dollars"),
        ({"settle_time": "soon"}, "is not a length of time"),
        ({"plan": "canary:100%,cutover"}, "`canary:100%` is everybody"),
        ({"plan": "canary:5,cutover"}, "`canary:5` does not say that it is a share"),
        ({"plan": ""}, "`plan` has no stage"),
        ({"margin": -1.0}, "`margin` has to be more than 0 and less than 1"),
        ({"errors": 5.0}, "`errors` has to be more than 0 % and less than 100 %"),
        ({"route": "silent"}, "The bodies of `silent` are not kept"),
    ],
)
def test_what_cannot_be_is_said(configured: Settings, said: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest) as raised:
        terms_of(configured, wanted_from({"route": "r", "to": "new/m", **said}), 0)
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("said", "told", "hint"),
    [
        ({"to": "local/smollm2-135"}, "not one of the models that run here", "Did you mean `smollm2-135m`?"),
        ({"to": "local/e5-small"}, "`local/e5-small` does not chat", "Name a model that answers in words."),
        (
            {"judge": "local/smollm2-135"},
            "not one of the models that run here",
            "Did you mean `smollm2-135m`?",
        ),
        ({"route": "embed", "to": "new/m"}, "`embed` answers no chats", "Only chats can be moved"),
    ],
)
def test_what_cannot_chat_takes_no_part(tmp_path: Path, said: dict[str, Any], told: str, hint: str) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text(TOML.replace("enabled = false", "enabled = true"))
    with pytest.raises(BadRequest) as raised:
        terms_of(load(file, {}), wanted_from({"route": "r", "to": "new/m", **said}), 0)
    assert told in raised.value.message
    assert raised.value.hint is not None
    assert hint in raised.value.hint


def test_what_is_allowed_by_name_may_be(configured: Settings) -> None:
    unpriced = wanted_from({"route": "r", "to": "new/unpriced", "unpriced": True})
    assert terms_of(configured, unpriced, 0).candidate.model == "unpriced"
    judge = wanted_from({"route": "r", "to": "new/m", "judge": "new/j", "allow_judges": ["new/j"]})
    assert terms_of(configured, judge, 0).judge == "new/j"
    silent = wanted_from({"route": "silent", "to": "new/m", "plan": BARE})
    assert terms_of(configured, silent, 0).plan.text == BARE
