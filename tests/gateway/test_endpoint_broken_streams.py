"""A stream that breaks after its first token ends in an error that a client cannot miss, and in the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import openai
import pytest
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    ErrorEvent,
    Garbage,
    Hang,
    Malformed,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    UsageNumbers,
)
from freehold.providers.simulated.faults import AnyFault

SILENCE = 0.4
WORDS = "one two three four five six seven eight nine ten eleven twelve"

BROKEN: dict[str, tuple[AnyFault, str]] = {
    "properly ended": (Cut(after=5, how="end"), "provider_broken"),
    "closed": (Cut(after=5, how="close"), "provider_broken"),
    "closed inside an event": (Cut(after=5, how="close", inside=True), "provider_broken"),
    "reset": (Cut(after=5, how="reset"), "provider_broken"),
    "half closed": (Cut(after=5, how="half_close"), "provider_broken"),
    "silent": (Hang(after=5), "provider_timeout"),
    "malformed": (Malformed(after=5), "provider_broken"),
    "garbage": (Garbage(after=5), "provider_broken"),
    "error": (ErrorEvent(after=5, message="Out of order.", code="oops"), "provider_refused"),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    toml = f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.sim]
base_url = "{provider.base_url}"
[providers.silent]
base_url = "{provider.base_url}"
timeouts = {{ silence = "{SILENCE * 1000:g}ms" }}
[routes.default]
incumbent = "sim/m"
fallbacks = ["sim/never"]
[routes.silent]
incumbent = "silent/m"
fallbacks = ["sim/never"]
"""
    with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
        yield running


@pytest.fixture(scope="module")
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with endpoint.sdk() as client:
        yield client


@pytest.mark.parametrize("name", BROKEN)
def test_the_sdk_raises_after_the_text_so_far(
    name: str, sdk: openai.OpenAI, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    fault, code = BROKEN[name]
    provider.play(Script(models={"m": Behaviour(text=WORDS, faults=(fault,), tokens_per_s=200.0)}))
    route = "silent" if name == "silent" else "default"
    raw = sdk.chat.completions.with_raw_response.create(
        model=route, messages=[{"role": "user", "content": "Count."}], stream=True
    )
    said = ""
    began = time.monotonic()
    with pytest.raises(openai.APIError) as caught:
        for chunk in raw.parse():
            said += chunk.choices[0].delta.content or ""
    assert time.monotonic() - began < SILENCE + 5, "it does not hang"
    assert said, "what had come is the client's"
    assert WORDS.startswith(said.rstrip())
    assert caught.value.code == ("oops" if name == "error" else code)
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    (attempt,) = call.attempts
    assert (call.outcome, call.status, call.error) == ("cut", 200, code)
    assert (attempt.outcome, attempt.status, attempt.error) == ("cut", 200, code)
    assert attempt.first_ms is not None
    assert attempt.start_ms <= attempt.first_ms <= attempt.end_ms <= call.duration_ms
    assert (call.usage.output_tokens, call.usage.source) == (len(said.split()), "counted")
    assert call.stop_reason is None


@pytest.mark.parametrize("name", BROKEN)
def test_on_the_wire_it_ends_with_one_error_and_no_done(
    name: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    fault, _ = BROKEN[name]
    provider.play(Script(models={"m": Behaviour(text=WORDS, faults=(fault,), tokens_per_s=200.0)}))
    with endpoint.connect() as client:
        stream = client.stream("silent" if name == "silent" else "default")
        *events, last = stream.rest()  # http.client raises when the HTTP message itself is cut short
        assert b"[DONE]" not in (*events, last)
        error = msgspec.json.decode(last)["error"]
        assert set(error) >= {"message", "type", "code"}
        assert error["message"]
        assert all("error" not in msgspec.json.decode(event) for event in events)
        assert client.get("/health/live").status == 200, "the connection is good for the next request"
    kept = endpoint.recorded(stream.call).call.answer_body
    assert kept is not None
    for event in events:
        assert event in kept


def test_a_missing_farewell_takes_nothing_from_the_answer(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """Everything was said and the reason of the end given; only `[DONE]` is missing."""
    chunks = len(WORDS.split()) + 2
    fault = Cut(after=chunks + 1, how="end")
    provider.play(Script(models={"m": Behaviour(text=WORDS, faults=(fault,))}))
    with endpoint.connect() as client:
        stream = client.stream("default")
        *events, last = stream.rest()
    assert last == b"[DONE]"
    assert len(events) == chunks
    call = endpoint.recorded(stream.call).call
    assert (call.outcome, call.stop_reason) == ("answered", "stop")


def test_what_the_provider_counted_is_not_believed_when_it_broke_off(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    behaviour = Behaviour(
        text=WORDS, usage=UsageNumbers(output_tokens=12, input_tokens=3), faults=(Cut(after=4),)
    )
    provider.play(Script(models={"m": behaviour}))
    with endpoint.connect() as client:
        stream = client.stream("default")
        events = stream.rest()
    call = endpoint.recorded(stream.call).call
    assert (call.usage.output_tokens, call.usage.source) == (len(events) - 2, "counted")
    assert call.usage.input_tokens != 3, "it is estimated, for nobody can be believed"
