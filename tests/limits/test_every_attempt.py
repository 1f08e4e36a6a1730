"""Every attempt of every kind of call is set aside for before it is made, and charged by what became of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import openai
import pytest
from plain_client import EMBEDDINGS
from running_endpoint import RunningEndpoint, until

from freehold.limits.batch import Standing
from freehold.limits.clerk import TELL_S
from freehold.limits.filed import FiledBooks
from freehold.limits.overview import parts_of
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    ErrorEvent,
    Lorem,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)

READ, WROTE = 1_000, 10_000
"""Billionths of a dollar a token: 1 and 10 dollars per million."""
FORM = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "required": ["a"]}},
}

SCRIPT = Script(
    models={
        "good": Behaviour(text=Lorem(tokens=20)),
        "slow": Behaviour(text=Lorem(tokens=20), first_token_s=0.6),
        "late": Behaviour(text=Lorem(tokens=20), headers_s=0.6),
        # Not a reset: of that the kernel throws away what nobody has read yet, and nobody can know how much it was.
        "cut": Behaviour(text=Lorem(tokens=200), faults=(Cut(after=100, how="close"),)),
        "mad": Behaviour(text=Lorem(tokens=200), faults=(ErrorEvent(after=0),)),
        "again": (Behaviour(faults=(Refused(status=503),)), Behaviour(text=Lorem(tokens=20))),
        "down": Behaviour(faults=(Refused(status=500),)),
        "formless": (Behaviour(text="It is 4. " * 30), Behaviour(text='{"a": 4}')),
        "quick": Behaviour(text=Lorem(tokens=2_000), tokens_per_s=100.0),
        "thinks": Behaviour(text=Lorem(tokens=2_000), tokens_per_s=100.0, first_token_s=2.0),
        "few": (Behaviour(dimensions=4), Behaviour(dimensions=4, faults=(Refused(status=400),))),
        **{
            name: Behaviour(text=Lorem(tokens=20), dimensions=4)
            for name in ("goes-on", "keeps", "sees", "embedding")
        },
    }
)

TOML = """
[local]
enabled = false
[providers.sim]
base_url = "{url}"
timeouts.first_token = "5s"
[providers.plain]
base_url = "{url}"
quirks.schema = false
quirks.json = false
[providers.claude]
base_url = "{url}"
dialects = ["anthropic-messages"]
auth = "x-api-key"
headers = {{ "anthropic-version" = "2023-06-01" }}
[providers.gem]
base_url = "{url}beta"
dialects = ["gemini"]
auth = "x-goog-api-key"
{models}
[routes.again]
incumbent = "sim/again"
retries = 1
[routes.down]
incumbent = "sim/down"
fallbacks = ["claude/good"]
retries = 0
[routes.hedged]
incumbent = "sim/slow"
fallbacks = ["sim/good"]
hedge_after = "50ms"
[routes.hedged-whole]
incumbent = "sim/late"
fallbacks = ["claude/good"]
hedge_after = "50ms"
[routes.going-on]
incumbent = "sim/cut"
fallbacks = ["claude/goes-on"]
continue_streams = true
retries = 0
[routes.broken]
incumbent = "sim/cut"
retries = 0
[routes.mad]
incumbent = "sim/mad"
fallbacks = ["sim/good"]
retries = 0
[routes.unsure]
incumbent = "sim/good"
retries = 0
[routes.unsure.policy]
kind = "cascade"
models = ["sim/good", "claude/good"]
confidence = "logprobs"
threshold = 1.0
[routes.asked-again]
incumbent = "sim/good"
retries = 0
[routes.asked-again.policy]
kind = "cascade"
models = ["sim/good", "claude/good"]
confidence = "agreement"
threshold = 1.0
[routes.formless]
incumbent = "plain/formless"
retries = 0
[limits.all]
on = "organisation"
per = "day"
money = 100
tokens = 100_000_000
requests = 1_000_000
[limits.goes-on]
on = "model"
only = ["claude/goes-on"]
per = "day"
input_tokens = 3_000
[limits.mends]
on = "model"
only = ["plain/formless"]
per = "day"
input_tokens = 9_000
[limits.keeps]
on = "model"
only = ["claude/keeps"]
per = "day"
input_tokens = 60_000
[limits.sees]
on = "model"
only = ["sim/sees"]
per = "day"
input_tokens = 20_000
[limits.places]
on = "key"
concurrency = 100
[limits.model-places]
on = "model"
concurrency = 100
"""
MODELS = "".join(
    f'[models."{provider}/{model}"]\ninput = 1\noutput = 10\n'
    for provider in ("sim", "plain", "claude", "gem")
    for model in SCRIPT.models
)


class Change(msgspec.Struct):
    """What one call did to the counters."""

    money: int
    requests: int
    bill: int
    """What the provider has to bill for it, in billionths of a dollar."""
    free: dict[str, int]
    """Limit, measure and whom it is on -> set aside and not used."""


class Scene:
    """A running endpoint, its provider, and its counters."""

    def __init__(self, endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
        self.endpoint = endpoint
        self.provider = provider

    def standings(self) -> dict[str, Standing]:
        """By limit, measure and whom it is on, once everything has been told."""

        async def read() -> list[Standing]:
            books = FiledBooks(self.endpoint.data / "limits.db")
            try:
                return await books.standings(int(time.time() * 1_000_000))
            finally:
                await books.close()

        until(lambda: self.endpoint.figures["freehold_calls_active"] == 0)
        time.sleep(2 * TELL_S + 0.1)
        found = asyncio.run(read())
        assert all(one.balanced for one in found)
        return {"|".join((*parts_of(one.name)[:2], parts_of(one.name)[3])): one for one in found}

    @contextlib.contextmanager
    def play(self) -> Iterator[Callable[[], Change]]:
        """Give what changed, at the end."""
        before = self.standings()
        self.provider.forget()

        def change() -> Change:
            until(lambda: all(one.stopped_at is not None for one in self.provider.requests))
            after = self.standings()
            bill = sum(
                one.asked.input_tokens() * READ + one.tokens * WROTE
                for one in self.provider.requests
                if one.asked is not None and (one.status is None or one.status < 300)
                if one.tokens or one.fault != "error_event"  # nobody bills an error
            )
            return Change(
                _sum(after, "all|money") - _sum(before, "all|money"),
                _sum(after, "all|requests") - _sum(before, "all|requests"),
                bill,
                {
                    name: one.released - (before[name].released if name in before else 0)
                    for name, one in after.items()
                },
            )

        yield change


def _sum(standings: dict[str, Standing], name: str) -> int:
    found = standings.get(f"{name}|*")
    return 0 if found is None else found.charged


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with SimulatedProvider.in_thread(SCRIPT) as provider:
        toml = TOML.format(url=provider.base_url, models=MODELS)
        with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml, "--new-key") as endpoint:
            yield Scene(endpoint, provider)


def ask(scene: Scene, model: str, *, stream: bool, **fields: Any) -> None:
    with scene.endpoint.connect() as client:
        if stream:
            client.stream(model, max_tokens=400, **fields).raw()
        else:
            assert client.chat(model, max_tokens=400, **fields).status == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("route", ["sim/good", "claude/good", "gem/good", "again", "down", "mad"])
def test_what_was_answered_is_charged_exactly(scene: Scene, route: str, stream: bool) -> None:
    """However many were asked before."""
    scene.provider.play(SCRIPT)
    with scene.play() as change:
        ask(scene, route, stream=stream)
    found = change()
    assert found.requests == 1
    if route == "mad" and not stream:  # an answer that is none: who knows whether that is billed
        assert found.bill <= found.money
    else:
        assert found.money == found.bill > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("route", ["hedged", "hedged-whole"])
def test_who_lost_the_race_is_charged_too(scene: Scene, route: str, stream: bool) -> None:
    with scene.play() as change:
        ask(scene, route, stream=stream)
        assert len(scene.provider.requests) == 2
    found = change()
    assert found.requests == 1
    assert found.bill <= found.money <= found.bill + 1_000 * READ + 400 * WROTE


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("route", "answers"), [("unsure", 2), ("asked-again", 4)])
def test_answers_that_the_client_does_not_see_are_charged_exactly(
    scene: Scene, route: str, answers: int, stream: bool
) -> None:
    with scene.play() as change:
        ask(scene, route, stream=stream)
        assert len(scene.provider.requests) == answers
    found = change()
    assert found.requests == 1
    assert found.money == found.bill > 0


def test_who_goes_on_reads_what_there_was(scene: Scene) -> None:
    with scene.play() as change:
        ask(scene, "going-on", stream=True)
        assert [one.model for one in scene.provider.requests] == ["cut", "goes-on"]
    found = change()
    assert found.requests == 1
    assert found.bill <= found.money
    assert found.free["goes-on|input_tokens|claude/goes-on"] > 0, "more was read than had been set aside"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_is_mended_is_charged_twice(scene: Scene, stream: bool) -> None:
    scene.provider.play(SCRIPT)
    with scene.play() as change:
        ask(scene, "formless", stream=stream, response_format=FORM)
        assert len(scene.provider.requests) == 2
    found = change()
    assert found.requests == 1
    assert found.money == found.bill
    assert found.free["mends|input_tokens|plain/formless"] > 0, "more was read than had been set aside"


def test_a_stream_that_is_cut_or_left_is_charged_for_what_came(scene: Scene) -> None:
    for leave in (False, True):
        with scene.play() as change, scene.endpoint.connect() as client:
            if leave:
                stream = client.stream("sim/quick", max_tokens=2_000)
                for _ in range(10):
                    stream.event()
                stream.leave()
            else:
                client.stream("broken", max_tokens=2_000).raw()
        found = change()
        assert found.requests == 1
        assert found.bill <= found.money < 400 * WROTE


@pytest.mark.parametrize("provider", ["sim", "claude"])
def test_what_may_have_been_thought_before_the_first_word_is_charged(scene: Scene, provider: str) -> None:
    with scene.play() as change, scene.endpoint.connect() as client:
        stream = client.stream(f"{provider}/thinks", max_tokens=2_000)
        for _ in range(3):
            stream.event()
        stream.leave()
    assert change().money >= 200 * WROTE
    with scene.play() as change, scene.endpoint.connect() as client:
        client.begin_chat(f"{provider}/thinks", max_tokens=400, stream=True)
        until(lambda: scene.provider.requests)
        time.sleep(0.5)  # what was read is told by now
        client.leave()
    assert change().money >= 400 * WROTE


def test_an_answer_nobody_waits_for_is_charged_at_its_worst(scene: Scene) -> None:
    with scene.play() as change, scene.endpoint.connect() as client:
        client.begin_chat("sim/late", max_tokens=400)
        until(lambda: scene.provider.requests)
        client.leave()
    found = change()
    assert found.requests == 1
    assert found.bill <= found.money
    assert found.money >= 400 * WROTE


def test_embeddings_are_charged_for_what_they_read(scene: Scene) -> None:
    with scene.play() as change, scene.endpoint.connect() as client:
        answer = client.post(EMBEDDINGS, {"model": "sim/embedding", "input": ["one two three", "four"]})
        assert answer.status == 200
        told = answer.json()["usage"]["prompt_tokens"]
    found = change()
    assert (found.money, found.requests) == (told * READ, 1)


def test_embeddings_in_parts_of_which_some_were_answered_are_not_free(scene: Scene) -> None:
    """Gemini's models take a hundred texts at once."""
    texts = [f"text number {number}" for number in range(150)]
    scene.provider.play(SCRIPT)
    with scene.play() as change, scene.endpoint.connect() as client:
        answer = client.post(EMBEDDINGS, {"model": "gem/few", "input": texts})
        assert len(scene.provider.requests) == 2
        assert answer.status >= 400
    found = change()
    assert found.requests == 1
    assert found.money >= 100 * 3 * READ


@pytest.mark.parametrize("model", ["claude/good", "gem/good", "sim/good"])
def test_counting_tokens_is_counted_and_costs_nothing(scene: Scene, model: str) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "hello " * 50}]}
    before = scene.standings()
    with scene.endpoint.connect() as client:
        answer = client.post("/v1/messages/count_tokens", body, anthropic_version="2023-06-01")
        assert answer.status == 200
    asked = model != "sim/good"  # which can only be estimated: nobody is asked
    until(lambda: _sum(scene.standings(), "all|requests") == _sum(before, "all|requests") + asked)
    assert _sum(scene.standings(), "all|money") == _sum(before, "all|money")


def test_a_conversation_that_is_kept_is_set_aside_for_as_a_whole(scene: Scene) -> None:
    with scene.endpoint.sdk() as sdk:
        first = sdk.responses.create(model="claude/keeps", input="word " * 2_000, max_output_tokens=50)
        with scene.play() as change:
            sdk.responses.create(
                model="claude/keeps", input="and?", previous_response_id=first.id, max_output_tokens=50
            )
        found = change()
    assert found.money == found.bill > 2_000 * READ
    assert found.free["keeps|input_tokens|claude/keeps"] > 0, "more was read than had been set aside"


def test_a_response_in_the_background(scene: Scene) -> None:
    with scene.endpoint.sdk() as sdk:
        with scene.play() as change:
            asked: Any = {"model": "sim/good", "input": "hi", "background": True, "max_output_tokens": 50}
            name = sdk.responses.create(**asked).id
            until(lambda: sdk.responses.retrieve(name).status == "completed")
        found = change()
        assert (found.requests, found.money) == (1, found.bill)
        with scene.play() as change:
            asked = {"model": "sim/quick", "input": "hi", "background": True, "max_output_tokens": 2_000}
            name = sdk.responses.create(**asked).id
            until(lambda: scene.provider.requests)
            sdk.responses.cancel(name)
        found = change()
        assert found.requests == 1
        assert found.bill <= 2_000 * WROTE <= found.money  # nothing had come, and nobody knows what it wrote


def test_the_lines_of_a_batch(scene: Scene) -> None:
    line = (
        b'{"custom_id":"%d","method":"POST","url":"/v1/chat/completions",'
        b'"body":{"model":"sim/good","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}}\n'
    )
    data = b"".join(line % number for number in range(5))
    with scene.endpoint.sdk() as sdk, scene.play() as change:
        file = sdk.files.create(file=("lines.jsonl", data), purpose="batch")
        batch = sdk.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        until(lambda: sdk.batches.retrieve(batch.id).status == "completed")
    found = change()
    assert (found.requests, found.money) == (5, found.bill)


def test_a_picture_is_reckoned_with(scene: Scene) -> None:
    url = "data:image/png;base64," + base64.b64encode(bytes(3_000)).decode()
    content: list[Any] = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    with scene.endpoint.sdk() as sdk, scene.play() as change:
        sdk.chat.completions.create(
            model="sim/sees", messages=[{"role": "user", "content": content}], max_tokens=50
        )
    found = change()
    assert found.money == found.bill
    assert found.free["sees|input_tokens|sim/sees"] > 5_000


def test_who_could_not_be_asked_costs_nothing(scene: Scene) -> None:
    with scene.play() as change, scene.endpoint.sdk() as sdk, pytest.raises(openai.APIStatusError):
        sdk.chat.completions.create(
            model="sim/down", messages=[{"role": "user", "content": "hi"}], max_tokens=50
        )
    found = change()
    assert (found.requests, found.money, found.bill) == (1, 0, 0)
