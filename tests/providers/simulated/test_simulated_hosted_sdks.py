"""Anthropic's and Amazon's own clients against the simulated clouds that host Anthropic's messages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config
from dialect_script import ALIKE, HELLO, SCRIPT
from msgspec.structs import replace

from freehold.providers.simulated import Script, SimulatedProvider, ThreadedProvider

SECRET = "the secret of the access key"
SIGNED = replace(SCRIPT, aws_secret=SECRET)
OLDER, NEWER = "anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-opus-4-8"
HOSTS = ("bedrock", "vertex")


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SIGNED) as running:
        yield running


@pytest.fixture
def anew(provider: ThreadedProvider) -> ThreadedProvider:
    provider.play(SIGNED)
    return provider


def on_bedrock(root: str) -> anthropic.AnthropicBedrock:
    return anthropic.AnthropicBedrock(
        api_key="sk-right", aws_region="us-east-1", base_url=root, max_retries=0
    )


def on_vertex(root: str) -> anthropic.AnthropicVertex:
    return anthropic.AnthropicVertex(
        region="europe-west1",
        project_id="acme",
        access_token="sk-right",
        base_url=f"{root}/v1",
        max_retries=0,
    )


@pytest.fixture(params=HOSTS)
def sdk(request: pytest.FixtureRequest, anew: ThreadedProvider) -> Iterator[Any]:
    client = (on_bedrock if request.param == "bedrock" else on_vertex)(anew.root_url)
    with client:
        yield client


def amazon(root: str, secret: str = SECRET) -> Any:
    return botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=root,
        aws_access_key_id="sk-right",
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )


def body(**more: Any) -> str:
    return json.dumps(
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": HELLO, **more}
    )


def blocks(message: Any) -> list[Any]:
    return [block.model_dump(exclude={"parsed_output"}) for block in message.content]


@pytest.mark.parametrize("model", ALIKE)
def test_whole_and_streamed(anew: ThreadedProvider, sdk: Any, model: str) -> None:
    whole = sdk.messages.create(model=model, max_tokens=99, messages=HELLO)
    anew.play(SIGNED)
    with sdk.messages.stream(model=model, max_tokens=99, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert blocks(streamed) == blocks(whole)
    assert streamed.stop_reason == whole.stop_reason
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert whole._request_id is None or whole._request_id.startswith("req_")


def test_thinking_has_to_come_back(sdk: Any) -> None:
    tools = [{"name": "add", "input_schema": {"type": "object"}}]
    more = {"max_tokens": 4096, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    first = sdk.messages.create(model="calls", messages=HELLO, **more)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "3"}
        for block in first.content
        if block.type == "tool_use"
    ]
    said = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    assert sdk.messages.create(model="plain", messages=said, **more).stop_reason == "end_turn"
    said[1] = {"role": "assistant", "content": first.content[1:]}
    with pytest.raises(anthropic.BadRequestError, match="thinking"):
        sdk.messages.create(model="plain", messages=said, **more)


def test_betas_reach_the_host(anew: ThreadedProvider, sdk: Any) -> None:
    sdk.beta.messages.create(model="plain", max_tokens=9, messages=HELLO, betas=["one-2026", "two-2026"])
    last = anew.requests[-1]
    assert last.dialect in ("anthropic-on-bedrock", "anthropic-on-vertex")
    sent = (last.header("anthropic-beta") or "").split(",")
    if last.dialect == "anthropic-on-bedrock":
        sent = json.loads(last.body)["anthropic_beta"]
    assert sent == ["one-2026", "two-2026"]


def test_failures(sdk: Any) -> None:
    with pytest.raises(anthropic.RateLimitError):
        sdk.messages.create(model="busy", max_tokens=9, messages=HELLO)
    with (
        pytest.raises(anthropic.APIError),
        sdk.messages.stream(model="breaks", max_tokens=9, messages=HELLO) as s,
    ):
        list(s)
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        sdk.messages.create(model="plain", max_tokens=9, messages=HELLO, extra_body={"temperature": 1})
    source = {"type": "url", "url": "https://example.com/a.png"}
    shown = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    with pytest.raises(anthropic.BadRequestError, match="sources of the types"):
        sdk.messages.create(model="plain", max_tokens=9, messages=shown)


def test_vertex_counts(anew: ThreadedProvider) -> None:
    with on_vertex(anew.root_url) as sdk:
        assert sdk.messages.count_tokens(model="plain", messages=HELLO).input_tokens == 4


def test_older_models_of_bedrock_know_no_newer_version() -> None:
    with SimulatedProvider.in_thread() as running, on_bedrock(running.root_url) as sdk:
        assert sdk.messages.create(model=NEWER, max_tokens=9, messages=HELLO).stop_reason
        with pytest.raises(anthropic.BadRequestError, match="anthropic_version"):
            sdk.messages.create(model=OLDER, max_tokens=9, messages=HELLO)


def test_amazon_s_own_client_invokes_with_a_signature(anew: ThreadedProvider) -> None:
    client = amazon(anew.root_url)
    whole = json.loads(client.invoke_model(modelId="plain", body=body())["body"].read())
    assert whole["content"] == [{"type": "text", "text": "one two three"}]
    events = [
        json.loads(event["chunk"]["bytes"])
        for event in client.invoke_model_with_response_stream(modelId="plain", body=body())["body"]
    ]
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    assert "amazon-bedrock-invocationMetrics" in events[-1]
    counted = client.count_tokens(modelId="plain", input={"invokeModel": {"body": body()}})
    assert counted["inputTokens"] == 4
    with pytest.raises(client.exceptions.ValidationException, match="support counting"):
        client.count_tokens(modelId=f"us.{NEWER}", input={"invokeModel": {"body": body()}})
    client.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"anthropic_version": "2023-06-01"},
        {"model": "plain"},
        {"stream": True},
        {"anthropic_beta": "one"},
        {"surprise": 1},
    ],
)
def test_bedrock_refuses_another_form(anew: ThreadedProvider, wrong: dict[str, Any]) -> None:
    client = amazon(anew.root_url)
    with pytest.raises(client.exceptions.ValidationException, match=next(iter(wrong))):
        client.invoke_model(modelId="plain", body=body(**wrong))
    client.close()


def test_a_wrong_signature_is_refused_whatever_is_asked(anew: ThreadedProvider) -> None:
    client = amazon(anew.root_url, "another secret")
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignatureException"):
        client.invoke_model(modelId="plain", body=body())
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidSignatureException"):
        client.converse(modelId="plain", messages=[{"role": "user", "content": [{"text": "hello"}]}])
    client.close()


class _Late:
    """A clock an hour ahead."""

    def now(self) -> float:
        return time.time() + 3600

    def tick(self) -> float:
        return time.monotonic()


def test_a_signature_is_good_for_a_quarter_of_an_hour() -> None:
    late = ThreadedProvider(
        lambda: SimulatedProvider(Script(key="sk-right", aws_secret=SECRET), clock=_Late())
    )
    with late as running:
        client = amazon(running.root_url)
        with pytest.raises(botocore.exceptions.ClientError, match="Signature expired"):
            client.invoke_model(modelId="plain", body=body())
        client.close()
