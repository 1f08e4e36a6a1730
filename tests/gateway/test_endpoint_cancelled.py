"""A client that hangs up stops the provider at once, and what it had got is on record as what it is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Lorem,
    ReceivedRequest,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

PROMISED = 0.1
"""Seconds within which the provider is to stop."""
WORST = 1.0
"""What is let pass once, when the machine was busy with something else."""

SCRIPT = Script(
    models={
        "talker": Behaviour(text=Lorem(tokens=5000), tokens_per_s=100.0),
        "chatterbox": Behaviour(text=Lorem(tokens=1_000_000)),
        "thinker": Behaviour(first_token_s=60.0),
        "sleeper": Behaviour(headers_s=60.0),
        "ill": Behaviour(faults=(Refused(status=500),)),
    }
)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
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
[routes.default]
incumbent = "sim/talker"
[routes.second]
incumbent = "sim/ill"
fallbacks = ["sim/sleeper", "sim/talker"]
"""
    with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
        yield running


def stopped_after(provider: ThreadedProvider, left_at: float) -> tuple[ReceivedRequest, float]:
    """The newest request, and how long after `left_at` the provider went on with it, in seconds."""
    request = provider.requests[-1]
    until(lambda: request.stopped_at is not None)
    assert request.ending == "abandoned"
    assert request.stopped_at is not None
    return request, request.stopped_at - left_at


def expect_prompt(name: str, delays: list[float], show: Callable[[str], None]) -> None:
    """All delays are small, and they are shown."""
    median, worst = statistics.median(delays), max(delays)
    show(f"cancelled {name}: upstream stopped after {median * 1000:.1f} ms, at most {worst * 1000:.1f} ms")
    assert median < PROMISED
    assert worst < WORST


@pytest.mark.parametrize("how", ["fin", "reset", "sdk"])
def test_the_upstream_stops_in_the_middle_of_a_stream(
    how: str, endpoint: RunningEndpoint, provider: ThreadedProvider, show: Callable[[str], None]
) -> None:
    delays = []
    for _ in range(10):
        if how == "sdk":
            call, got, left_at = leave_with_sdk(endpoint)
        else:
            call, got, left_at = leave(endpoint, reset=how == "reset")
        request, delay = stopped_after(provider, left_at)
        delays.append(delay)
        record = endpoint.recorded(call).call
        assert (record.outcome, record.status, record.error) == ("cancelled", 499, "client_gone")
        (attempt,) = record.attempts
        assert (attempt.outcome, attempt.status) == ("cancelled", 200)
        assert attempt.first_ms is not None
        assert record.usage.source == "counted"
        assert record.usage.output_tokens is not None
        assert got <= record.usage.output_tokens <= request.tokens
        assert record.usage.input_tokens is not None, "the provider did not come to say it: it is estimated"
        assert record.answer_body is not None
        assert record.answer_body.count(b'"content":') == record.usage.output_tokens + 1
    expect_prompt(f"in the middle of a stream ({how})", delays, show)


def leave(endpoint: RunningEndpoint, *, reset: bool) -> tuple[str, int, float]:
    """The call, the tokens that were read of it, and when the client hung up."""
    with endpoint.connect() as client:
        stream = client.stream("default")
        events = [stream.event() for _ in range(5)]
        left_at = time.perf_counter()
        stream.leave(reset=reset)
    return stream.call, len(events) - 1, left_at


def leave_with_sdk(endpoint: RunningEndpoint) -> tuple[str, int, float]:
    """The same as a program does it that breaks out of the loop."""
    with endpoint.sdk() as sdk:
        raw = sdk.chat.completions.with_raw_response.create(
            model="default", messages=[{"role": "user", "content": "Talk."}], stream=True
        )
        stream = raw.parse()
        said = ""
        for chunk in stream:
            said += chunk.choices[0].delta.content or ""
            if len(said.split()) > 3:
                break
        left_at = time.perf_counter()
        stream.close()
        return raw.headers["x-freehold-call"], len(said.split()), left_at


@pytest.mark.parametrize("model", ["thinker", "sleeper"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_upstream_stops_before_the_first_token(
    model: str,
    endpoint: RunningEndpoint,
    provider: ThreadedProvider,
    show: Callable[[str], None],
    *,
    stream: bool,
) -> None:
    delays = []
    for _ in range(3):
        seen = len(provider.requests)
        known = endpoint.ledger.last_seq() if endpoint.ledger.exists else 0
        with endpoint.connect() as client:
            client.begin_chat(f"sim/{model}", stream=stream)
            until(lambda: len(provider.requests) > seen)  # noqa: B023 - called at once
            left_at = time.perf_counter()
            client.leave()
        delays.append(stopped_after(provider, left_at)[1])
        (entry,) = until(lambda: endpoint.ledger.recorded_after(known))  # noqa: B023 - called at once
        call = entry.call
        assert (call.outcome, call.status, call.streamed) == ("cancelled", 499, stream)
        assert [(one.outcome, one.first_ms) for one in call.attempts] == [("cancelled", None)]
        assert call.usage.source == "counted"
        written = 0 if stream else None  # nothing came of the stream; of a whole answer nothing is known
        assert call.usage.output_tokens == written
    expect_prompt(f"before the first token ({model}, {'streamed' if stream else 'whole'})", delays, show)


def test_no_further_model_is_tried_for_a_client_that_left(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    known = endpoint.ledger.last_seq()
    provider.forget()
    with endpoint.connect() as client:
        client.begin_chat("second", stream=True)
        until(lambda: [one.model for one in provider.requests] == ["ill", "sleeper"])
        client.leave()
    (entry,) = until(lambda: endpoint.ledger.recorded_after(known))
    assert [(one.model, one.outcome) for one in entry.call.attempts] == [
        ("ill", "refused"),
        ("sleeper", "cancelled"),
    ]
    assert len(provider.requests) == 2


def test_a_client_that_left_behind_a_full_window_is_noticed(
    endpoint: RunningEndpoint, provider: ThreadedProvider, show: Callable[[str], None]
) -> None:
    """It has not read for a while, so the answer stands still on all its way when it leaves."""
    with endpoint.connect() as client:
        stream = client.stream("sim/chatterbox")
        stream.event()
        request = provider.requests[-1]
        stands_still(request)
        left_at = time.perf_counter()
        stream.leave(reset=True)
    _, delay = stopped_after(provider, left_at)
    expect_prompt("behind a full window", [delay], show)
    assert endpoint.recorded(stream.call).call.outcome == "cancelled"


def stands_still(request: ReceivedRequest) -> None:
    """Wait until nothing has been sent of its answer for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() < since + 0.3:
        if request.tokens != seen:
            seen, since = request.tokens, time.monotonic()
        time.sleep(0.01)


def test_a_crowd_that_leaves_at_once(
    endpoint: RunningEndpoint, provider: ThreadedProvider, show: Callable[[str], None]
) -> None:
    provider.forget()
    known = endpoint.ledger.last_seq()
    streams = [endpoint.connect().stream("default") for _ in range(100)]
    for stream in streams:
        stream.event()
    left_at = time.perf_counter()
    for stream in streams:
        stream.leave(reset=True)
    requests = provider.requests
    until(lambda: all(one.stopped_at is not None for one in requests))
    last = max(one.stopped_at or 0.0 for one in requests) - left_at
    show(f"cancelled by 100 clients at once: all upstreams stopped after {last * 1000:.1f} ms")
    assert last < WORST
    until(lambda: len(endpoint.ledger.recorded_after(known)) == 100)
    assert {one.call.outcome for one in endpoint.ledger.recorded_after(known)} == {"cancelled"}
    until(lambda: endpoint.figures["freehold_calls_active"] == 0)
