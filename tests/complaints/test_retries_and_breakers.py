"""B1.7: retries that hammer a provider which wants to be left alone, and breakers that do not open, or never close."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from plain_client import Answer
from rehearsing import rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Refused, Script, SimulatedProvider, ThreadedProvider

WELL = Behaviour(text="All is well.")
ILL = Behaviour(faults=(Refused(status=500),))
BUSY = Behaviour(faults=(Refused(status=429),))


def ill(times: int) -> Behaviour:
    return Behaviour(times=times, faults=(Refused(status=500),))


HEAD = """
[local]
enabled = false
[health]
[ledger]
flush_ms = 10
[providers.spare]
base_url = "SPARE"
"""
EACH = """
[providers.NAME]
base_url = "URL"
[providers.NAME-2]
base_url = "URL"
quota = "NAME"
[providers.NAME-3]
base_url = "URL"
quota = "NAME"
[routes.NAME-alone]
incumbent = "NAME/m"
fallbacks = ["NAME-2/m", "NAME-3/m"]
retries = 3
[routes.NAME-together]
incumbent = "NAME/m"
fallbacks = ["NAME-2/m", "NAME-3/m", "spare/m"]
retries = 2
[routes.NAME]
incumbent = "NAME/m"
fallbacks = ["spare/m"]
retries = 2
"""
MOST = 10
"""What is known of a provider's health would outlast the test: each has a provider of its own, by another name."""


class Stage:
    """The endpoint, the provider that falls ill, and the one that does not."""

    def __init__(
        self, endpoint: RunningEndpoint, provider: ThreadedProvider, spare: ThreadedProvider
    ) -> None:
        self.endpoint = endpoint
        self.provider = provider
        self.spare = spare
        self._number = 0

    def begin(self) -> None:
        self._number += 1
        assert self._number < MOST
        self.provider.forget()
        self.spare.forget()

    def answer(self, kind: str = "") -> Answer:
        """A call of the route of this test."""
        with self.endpoint.connect() as client:
            return client.chat(f"p{self._number}{kind}")

    def ask(self, kind: str = "") -> int:
        """The status."""
        return self.answer(kind).status


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with SimulatedProvider.in_thread(Script(models={"*": WELL})) as spare:
        toml = HEAD.replace("SPARE", spare.base_url)
        toml += "".join(EACH.replace("NAME", f"p{number}") for number in range(MOST))
        folder = tmp_path_factory.mktemp("endpoint")
        with rehearsing(folder, Script(models={"m": WELL}), toml) as (endpoint, provider):
            yield Stage(endpoint, provider, spare)


@pytest.fixture
def stage(running: Stage) -> Stage:
    running.begin()
    return running


def test_retry_after_holds_for_all_that_share_the_quota(stage: Stage) -> None:
    """https://github.com/BerriAI/litellm/issues/34399: `Retry-After` was heeded for one deployment alone; of
    several with one quota, all were asked at once and again, and all retries used up within a second.
    """
    away = Behaviour(faults=(Refused(status=429, retry_after="30"),))
    stage.provider.play(Script(models={"m": away}))
    refused = stage.answer("-alone")
    assert refused.status == 429
    assert 25 <= int(refused.headers["retry-after"]) <= 30
    assert [stage.ask("-alone") for _ in range(5)] == [429] * 5
    assert [stage.ask("-together") for _ in range(5)] == [200] * 5, "whoever has another quota answers"
    assert len(stage.provider.requests) == 1


def test_a_short_retry_after_is_waited_for_once(stage: Stage) -> None:
    """https://github.com/BerriAI/litellm/issues/34399: retries are worth nothing unless they wait."""
    stage.provider.play(
        Script(models={"m": (Behaviour(faults=(Refused(status=429, retry_after="1"),)), WELL)})
    )
    began = time.monotonic()
    assert stage.ask("-alone") == 200
    assert time.monotonic() - began >= 1.0
    assert len(stage.provider.requests) == 2


def test_who_fails_time_after_time_is_left_alone_at_once(stage: Stage) -> None:
    """https://github.com/BerriAI/litellm/pull/34836: after 25 errors in a row a deployment was still in full
    rotation.
    """
    stage.provider.play(Script(models={"m": ILL}))
    began = time.monotonic()
    assert [stage.ask() for _ in range(25)] == [200] * 25
    # Five open the breaker; then one alone tries after a second, after two more, after four more …
    probes = sum(time.monotonic() - began > at for at in (0.5, 1.0, 3.0, 7.0, 15.0))
    assert 5 <= len(stage.provider.requests) <= 5 + probes


def test_a_cool_down_holds_from_its_beginning_to_its_end(stage: Stage) -> None:
    """https://github.com/BerriAI/litellm/pull/34836: a cool-down was written down and looked up every ten seconds
    only, so that the one who wanted to be left alone was asked in between.
    """
    stage.provider.play(
        Script(models={"m": (Behaviour(faults=(Refused(status=429, retry_after="3"),)), WELL)})
    )
    assert stage.ask() == 200
    refused_at = time.monotonic()
    assert len(stage.provider.requests) == 1
    asked = 0
    while (left := 2.8 - (time.monotonic() - refused_at)) > 0:
        assert stage.ask() == 200
        asked += 1
        time.sleep(min(0.05, left))
    assert asked >= 10
    assert len(stage.provider.requests) == 1, "not once in between"
    until(lambda: stage.ask() == 200 and len(stage.provider.requests) == 2, 5)


def test_a_429_between_errors_does_not_heal_anybody(stage: Stage) -> None:
    """https://github.com/voidmind-io/voidllm/pull/185: a 429 counted as a success and set the count of errors back,
    so that the breaker of a provider that gave both never opened.
    """
    stage.provider.play(Script(models={"m": (ill(4), BUSY, ILL)}))
    for number in range(5):
        assert stage.ask() == 200
        until(lambda number=number: len(stage.provider.requests) == number + 1)  # type: ignore[misc]
    time.sleep(1.1)  # a 429 without a time: a moment's rest, which has nothing to do with the breaker
    assert stage.ask() == 200
    assert len(stage.provider.requests) == 6, "the fifth error"
    assert [stage.ask() for _ in range(5)] == [200] * 5
    assert len(stage.provider.requests) == 6, "and with it the breaker is open"


def test_who_was_left_alone_is_back_as_soon_as_it_is_well(stage: Stage) -> None:
    """https://github.com/deltawi/deltallm/issues/247: the cool-down passed, but the deployment stayed out of
    rotation until a background probe came by, if there was one.
    """
    stage.provider.play(Script(models={"m": (ill(5), WELL)}))
    for _ in range(8):
        assert stage.ask() == 200
    assert len(stage.provider.requests) == 5
    opened = time.monotonic()
    until(lambda: stage.ask() == 200 and len(stage.provider.requests) > 5, 5)
    assert time.monotonic() - opened < 4
    seen, spared = len(stage.provider.requests), len(stage.spare.requests)
    assert [stage.ask() for _ in range(5)] == [200] * 5
    assert len(stage.provider.requests) == seen + 5
    assert len(stage.spare.requests) == spared


def test_others_are_asked_before_the_same_one_again(stage: Stage) -> None:
    """https://github.com/deltawi/deltallm/issues/247: with two retries the order was A, A, A, B, although A was
    known to be ill after the first.
    """
    stage.provider.play(Script(models={"m": ILL}))
    assert stage.ask() == 200
    assert (len(stage.provider.requests), len(stage.spare.requests)) == (1, 1)
