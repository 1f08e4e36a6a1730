"""B1.2: what was used is lost, made up or taken for nothing when a client hangs up or a provider does not tell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import msgspec
import pytest
from rehearsing import rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.core.usage import Usage
from freehold.ledger.reading import Entry
from freehold.providers.simulated import (
    Behaviour,
    Lorem,
    Script,
    ThreadedProvider,
    UsageNumbers,
)

READ, WROTE = Decimal("0.000001"), Decimal("0.00001")
"""Dollars for a token of every model here."""
TALKER = Behaviour(text=Lorem(tokens=2000), tokens_per_s=200.0)
SCRIPT = Script(
    models={
        "talker": TALKER,
        "slow": Behaviour(text=Lorem(tokens=2000), first_token_s=0.6, tokens_per_s=500.0),
        "quick": Behaviour(text="one two three"),
        "free": Behaviour(text="one two", usage=UsageNumbers(input_tokens=0, output_tokens=0)),
        "silent": Behaviour(text="one two three", usage="missing"),
    }
)
TOML = """
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.chat]
base_url = "URL"
[providers.claude]
base_url = "URL"
dialects = ["anthropic-messages"]
[routes.hedged]
incumbent = "chat/slow"
fallbacks = ["chat/quick"]
hedge_after = "150ms"
""" + "".join(
    f'[models."{model}"]\ninput = 1\noutput = 10\n'
    for model in ("chat/talker", "claude/talker", "chat/slow", "chat/quick", "chat/free", "chat/silent")
)
either_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, TOML) as stage:
        yield stage


@pytest.fixture
def provider(running: tuple[RunningEndpoint, ThreadedProvider]) -> ThreadedProvider:
    running[1].play(SCRIPT)
    running[1].forget()
    return running[1]


@pytest.fixture
def endpoint(
    provider: ThreadedProvider, running: tuple[RunningEndpoint, ThreadedProvider]
) -> RunningEndpoint:
    assert running[1] is provider, "which begins anew for each test"
    return running[0]


def price_of(usage: Usage) -> Decimal:
    assert usage.input_tokens is not None
    assert usage.output_tokens is not None
    return usage.input_tokens * READ + usage.output_tokens * WROTE


def leave_after(endpoint: RunningEndpoint, model: str, events: int) -> Entry:
    """A client that hangs up; the call as it is on record."""
    with endpoint.connect() as client:
        stream = client.stream(model)
        for _ in range(events):
            stream.event()
        stream.leave()
    return endpoint.recorded(stream.call)


def test_a_client_that_hangs_up_has_used_what_it_got(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/pull/33736: streams that their clients left were on no bill at all."""
    entry = leave_after(endpoint, "chat/talker", 30)
    assert entry.call.outcome == "cancelled"
    wrote = entry.call.usage.output_tokens
    assert wrote is not None
    assert 29 <= wrote <= provider.requests[-1].tokens
    assert entry.cost.amount == price_of(entry.call.usage) > 29 * WROTE


def test_the_count_that_a_stream_begins_with_is_no_answer(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/pull/39893: Anthropic's first event says one token written, and that one was
    charged for all that came before the client left.
    """
    with anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0) as sdk:
        words = 0
        with sdk.messages.stream(
            model="claude/talker", max_tokens=4000, messages=[{"role": "user", "content": "Talk."}]
        ) as stream:
            call = stream.response.headers["x-freehold-call"]
            for _ in stream.text_stream:
                words += 1
                if words == 40:
                    break
    entry = endpoint.recorded(call)
    assert entry.call.outcome == "cancelled"
    wrote, read = entry.call.usage.output_tokens, entry.call.usage.input_tokens
    assert wrote is not None
    assert 40 <= wrote <= provider.requests[-1].tokens
    assert read, "this the first event does know"
    assert entry.cost.amount == price_of(entry.call.usage)


def test_nobody_writes_on_for_a_client_that_left(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/pull/36008: to learn what a stream had cost, it was drained to its end
    behind the back of the client. Here it is cut off, and counted.
    """
    each = [leave_after(endpoint, "chat/talker", 20 + number).call.usage.output_tokens for number in range(5)]
    assert all(one is not None and one >= 19 for one in each)
    counted = sum(one or 0 for one in each)
    provider.until(lambda one: all(request.stopped_at is not None for request in one.requests))
    assert [request.ending for request in provider.requests] == ["abandoned"] * 5
    written = sum(request.tokens for request in provider.requests)
    assert written < 5 * 500, "each would have been 2,000 words"
    assert counted <= written <= counted + 5 * 100, "what was on its way"
    until(lambda: endpoint.figures["freehold_calls_active"] == 0)


@either_way
def test_zero_is_a_number(endpoint: RunningEndpoint, *, stream: bool) -> None:
    """https://github.com/BerriAI/litellm/issues/37992: a provider said that it had charged nothing, and was taken
    to have said nothing; an estimate was charged.
    """
    with endpoint.connect() as client:
        answer = client.chat("chat/free", stream=stream)
    assert b"two" in answer.body
    entry = endpoint.recorded(answer.call)
    usage = entry.call.usage
    assert (usage.input_tokens, usage.output_tokens, usage.source) == (0, 0, "provider")
    assert entry.cost.amount == 0


def test_who_lost_a_race_is_billed_for_what_it_wrote(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/Wei-Shaw/sub2api/issues/4408: of two that were asked, both were billed in full."""
    with endpoint.connect() as client:
        stream = client.stream("hedged")
        events = stream.rest()
    assert events[-1] == b"[DONE]"
    entry = endpoint.recorded(stream.call)
    loser, winner = entry.call.attempts
    assert [(one.model, one.outcome) for one in (loser, winner)] == [
        ("slow", "cancelled"),
        ("quick", "answered"),
    ]
    provider.until(lambda one: all(request.stopped_at is not None for request in one.requests))
    written = next(request.tokens for request in provider.requests if request.model == "slow")
    assert loser.usage.output_tokens == written == 0, "it had not begun"
    assert winner.usage.output_tokens == 3
    assert entry.cost.amount == price_of(loser.usage) + price_of(winner.usage) < 100 * WROTE


@either_way
def test_what_nobody_counted_is_unknown_and_not_free(endpoint: RunningEndpoint, *, stream: bool) -> None:
    """https://github.com/PostHog/posthog-js/pull/4664: usage that a provider did not tell was kept as zero tokens,
    for no money.
    """
    with endpoint.connect() as client:
        answer = client.chat("chat/silent", stream=stream)
    entry = endpoint.recorded(answer.call)
    usage = entry.call.usage
    assert usage.input_tokens is None
    # The events of a stream can be counted. That is said, and does not make the call's cost known.
    assert (usage.output_tokens, usage.source) == ((3, "counted") if stream else (None, "unknown"))
    assert entry.cost.amount is None
    words = [sys.executable, "-m", "freehold", "spend", "--by", "model", "--json"]
    done = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=True
    )
    rows: list[dict[str, Any]] = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    (row,) = [row for row in rows if row["model"] == "chat/silent"]
    assert row["cost"] is None
    assert row["calls_of_unknown_cost"] == row["calls"] > 0
