"""Calls on record put to a model elsewhere: what the wire room would lose, and what the model itself cannot take."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from freehold.catalog.profile import UNKNOWN_PROFILE, Profile
from freehold.core.losses import LOSSES
from freehold.core.usage import Usage
from freehold.ledger.record import Call
from freehold.providers.settings import ProviderSettings
from freehold.rollout.carrying.carried import Carried, Recipient, carry
from freehold.rollout.carrying.features import FEATURES, lost_of
from freehold.rollout.carrying.gravity import BEYOND, gravity_of
from freehold.wire.dialect import DialectName, Quirks

SAID = [{"role": "user", "content": "hello"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
SEARCH = {"type": "web_search"}


def _call(dialect: str, body: dict[str, Any], **more: Any) -> Call:
    return Call(
        id="call_1",
        started_us=1_790_000_000_000_000,
        operation="chat",
        dialect=dialect,
        route="copilot",
        request_body=json.dumps({"model": "copilot", **body}).encode(),
        **more,
    )


def _to(
    dialect: DialectName, *, profile: Profile = UNKNOWN_PROFILE, same_house: bool = False, **more: Any
) -> Recipient:
    settings = ProviderSettings("other", base_url="https://other.example/v1", dialects=(dialect,), **more)
    return Recipient(settings, "model", profile, same_house)


def _carried(call: Call, recipient: Recipient) -> Carried:
    found = asyncio.run(carry(call, recipient))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "target", "features", "breaks", "weakens"),
    [
        ({}, "anthropic-messages", (), [], []),
        ({"n": 3}, "anthropic-messages", ("several answers",), ["n"], []),
        ({"logprobs": True}, "anthropic-messages", ("log-probabilities",), ["logprobs"], []),
        ({"seed": 1}, "anthropic-messages", ("seed",), [], ["seed"]),
        ({"tools": [TOOL]}, "anthropic-messages", ("tools",), [], []),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "anthropic-messages", ("images",), [], []),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "openai-chat", ("images",), [], []),
        (
            {"messages": [{"role": "user", "content": [FILE]}]},
            "anthropic-messages",
            ("provider's files",),
            ["file"],
            [],
        ),
        (
            {"messages": [{"role": "user", "content": [FILE]}]},
            "openai-chat",
            ("provider's files",),
            ["file"],
            [],
        ),
        ({"n": 3, "seed": 1}, "openai-chat", ("several answers", "seed"), [], []),
    ],
)
def test_what_a_chat_request_uses_and_loses(
    body: dict[str, Any],
    target: DialectName,
    features: tuple[str, ...],
    breaks: list[str],
    weakens: list[str],
) -> None:
    one = _carried(_call("openai-chat", {"messages": SAID, **body}), _to(target))
    assert one.features == features
    assert one.of("breaks") == breaks
    assert one.of("weakens") == weakens
    assert one.whole == (not breaks)


def test_what_only_the_provider_runs_is_lost_where_bytes_would_pass_through() -> None:
    call = _call("openai-responses", {"input": "hello", "tools": [SEARCH]})
    one = _carried(call, _to("openai-responses"))
    assert (one.features, one.of("breaks")) == (("hosted tools",), ["tool.web_search"])
    assert lost_of("hosted tools", one.losses) == ["tool.web_search"]
    assert _carried(call, _to("openai-responses", same_house=True)).whole


def test_what_a_kept_answer_is_gone_on_from_is_ours_to_say_and_its_reasoning_is_not() -> None:
    call = _call("openai-responses", {"input": "and then?", "previous_response_id": "resp_1"})
    one = _carried(call, _to("anthropic-messages"))
    assert one.features == ("stored responses",)
    assert one.losses == ("reasoning.state",)
    assert one.whole


@pytest.mark.parametrize("target", ["anthropic-messages", "openai-responses"])
@pytest.mark.parametrize(
    ("body", "feature", "loss"),
    [
        ({"input": "hello", "conversation": "conv_1"}, "stored responses", "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "stored prompts", "field.prompt"),
    ],
)
def test_what_the_provider_keeps_of_a_request_is_missing_elsewhere(
    target: DialectName, body: dict[str, Any], feature: str, loss: str
) -> None:
    call = _call("openai-responses", body)
    one = _carried(call, _to(target))
    assert (one.features, one.of("breaks")) == ((feature,), [loss])
    assert lost_of(feature, one.losses) == [loss]
    if target == "openai-responses":
        assert _carried(call, _to(target, same_house=True)).whole


def test_an_answer_in_the_background_is_freeholds_to_give() -> None:
    call = _call("openai-responses", {"input": "hello", "background": True})
    assert _carried(call, _to("anthropic-messages")).losses == ()


def test_a_conversation_that_only_its_provider_holds_breaks_and_is_not_left_out() -> None:
    call = _call("anthropic-messages", {"messages": SAID, "max_tokens": 5, "thread": {"id": "thread_1"}})
    one = _carried(call, _to("openai-chat"))
    assert (one.features, one.losses, one.whole) == (("stored responses",), ("conversation",), False)
    assert "does not hold threads" in one.why


def test_a_provider_that_takes_less_than_its_dialect_says_so() -> None:
    call = _call("openai-chat", {"messages": SAID, "n": 2, "seed": 1})
    one = _carried(call, _to("openai-chat", quirks=Quirks(unsupported=("n", "seed"))))
    assert set(one.losses) == {"n", "seed"}


def test_what_the_model_itself_cannot_take_is_found_beside_the_dialect() -> None:
    profile = Profile(context_window=100, max_output_tokens=50, input_modalities=frozenset({"text"}))
    call = _call(
        "openai-chat",
        {"messages": [{"role": "user", "content": [PICTURE]}], "max_tokens": 60},
        usage=Usage(input_tokens=101, output_tokens=1, source="provider"),
    )
    one = _carried(call, _to("openai-chat", profile=profile))
    assert set(one.losses) == {"context", "max_tokens", "image"}
    assert not one.whole


def test_a_request_that_cannot_be_sent_at_all_is_refused_with_its_reason() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": 5}}
    call = _call("openai-chat", {"messages": SAID, "response_format": form})
    one = _carried(call, _to("openai-chat", quirks=Quirks(schema=False)))
    assert (one.losses, one.whole) == (("refused",), False)
    assert "JSON Schema" in one.why


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-chat", {"messages": SAID, "tools": [TOOL], "seed": 1}),
        ("anthropic-messages", {"messages": SAID, "max_tokens": 5}),
        ("openai-responses", {"input": "hello"}),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}),
    ],
)
def test_every_dialect_of_clients_is_read(dialect: str, body: dict[str, Any]) -> None:
    for target in (
        "openai-chat",
        "openai-responses",
        "anthropic-messages",
        "gemini",
        "bedrock-converse",
        "cohere",
    ):
        assert _carried(_call(dialect, body), _to(target)).whole


def test_what_is_not_kept_or_not_understood_is_left_out() -> None:
    assert asyncio.run(carry(_call("openai-chat", {}), _to("openai-chat"))) is None
    assert asyncio.run(carry(_call("cohere", {"messages": SAID}), _to("openai-chat"))) is None
    nothing = Call(id="call_1", started_us=1, operation="chat", dialect="openai-chat")
    assert asyncio.run(carry(nothing, _to("openai-chat"))) is None


def test_every_loss_has_a_gravity_and_every_feature_a_meaning() -> None:
    told = {gravity_of(name) for name in (*LOSSES, *BEYOND)}
    assert told == {"breaks", "weakens", "harmless"}
    assert gravity_of("tool.web_search") == "breaks"
    assert gravity_of("tool.custom") == "harmless"
    assert gravity_of("field.x") == "weakens"
    assert all(FEATURES.values())
