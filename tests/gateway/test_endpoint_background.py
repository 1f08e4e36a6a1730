"""Responses in the background, and what ends them: the process, its limits, their clients."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Echo, Lorem, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    models={
        "brief": Behaviour(text="word " * 20, tokens_per_s=20.0),
        "endless": Behaviour(text=Lorem(tokens=100_000), tokens_per_s=50.0),
        "torrent": Behaviour(text=Lorem(tokens=30_000)),
        "asleep": Behaviour(headers_s=300.0),
        "*": Behaviour(text=Echo()),
    }
)
HURRY = "shutdown_timeout = 0.2"


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


def toml_for(provider: ThreadedProvider, more: str = "", *, server: str = "", ledger: str = "") -> str:
    return f"""
[server]
{server}
[local]
enabled = false
[ledger]
flush_ms = 10
{ledger}
{more}
[providers.sim]
base_url = "{provider.base_url}"
"""


def begin(sdk: openai.OpenAI, model: str = "endless", **more: Any) -> str:
    """The id of a new response, once a model is being asked."""
    asked: Any = {"model": f"sim/{model}", "input": "Say something.", "background": True, **more}
    name = str(sdk.responses.create(**asked).id)
    until(lambda: sdk.responses.retrieve(name).status != "queued")
    return name


def until_it_is(sdk: openai.OpenAI, name: str, status: str) -> None:
    """Wait until the response has this status."""
    until(lambda: sdk.responses.retrieve(name).status == status)


def left_behind(endpoint: RunningEndpoint) -> list[Path]:
    folder = endpoint.data / "background"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_killed_while_it_ran(tmp_path: Path, provider: ThreadedProvider) -> None:
    endpoint = RunningEndpoint(tmp_path, toml_for(provider))
    with endpoint, endpoint.sdk() as sdk:
        done = begin(sdk, "brief", instructions="Briefly.")
        until(lambda: sdk.responses.retrieve(done).status == "completed")
        until(lambda: not left_behind(endpoint))
        cut = begin(sdk, instructions="At length.", metadata={"who": "me"})
        hushed = begin(sdk, store=False, instructions="Quietly.")
        unkept = sdk.with_options(default_headers={"x-freehold-bodies": "off"})
        hidden = begin(unkept, instructions="In private.")
        assert len(left_behind(endpoint)) == 3
        stranger = endpoint.make_key("stranger")
        endpoint.kill()
        for path in left_behind(endpoint):
            assert path.stat().st_mode & 0o077 == 0
        assert not any(b"Quietly" in path.read_bytes() for path in left_behind(endpoint))
        assert not any(b"In private" in path.read_bytes() for path in left_behind(endpoint))
    with endpoint, endpoint.sdk() as sdk:
        assert sum(gap.calls or 0 for gap in endpoint.gaps) == 3, "their calls are stated to be missing"
        for name in (cut, hushed, hidden):
            answer = sdk.responses.retrieve(name)
            assert (answer.id, answer.status, answer.background) == (name, "failed", True)
            assert answer.error is not None
            assert (answer.error.code, answer.output) == ("server_error", [])
            assert "was ended while" in answer.error.message
            assert sdk.responses.cancel(name).status == "failed"
        told = sdk.responses.retrieve(cut)
        assert (told.instructions, told.metadata) == ("At length.", {"who": "me"})
        (item,) = sdk.responses.input_items.list(cut)
        assert item.content[0].text == "Say something."  # type: ignore[union-attr,index]
        assert sdk.responses.retrieve(done).output_text.split() == ["word"] * 20
        with endpoint.sdk(stranger) as other, pytest.raises(openai.NotFoundError):
            other.responses.retrieve(cut)
        again = sdk.responses.create(model="sim/parrot", input="Again.", previous_response_id=cut)
        assert again.output_text == "Again."
        sdk.responses.delete(cut)
        with pytest.raises(openai.NotFoundError):
            sdk.responses.retrieve(cut)
        assert len(left_behind(endpoint)) == 2


def test_stopped_while_it_ran(tmp_path: Path, provider: ThreadedProvider) -> None:
    endpoint = RunningEndpoint(tmp_path, toml_for(provider, server=HURRY))
    with endpoint, endpoint.sdk() as sdk:
        whole, asleep, silent = begin(sdk), begin(sdk, "asleep"), begin(sdk, store=False)
        stream = sdk.responses.create(model="sim/endless", input="x", background=True, stream=True)
        events = iter(stream)
        followed = next(events).response.id  # type: ignore[union-attr]
        next(event for event in events if event.type == "response.output_text.delta")
        endpoint.send(signal.SIGTERM)
        rest = list(events)
        assert rest[-1].type == "response.failed"
        assert rest[-1].response.error is not None
        assert "was stopped while" in rest[-1].response.error.message
        assert endpoint.wait() == 0
        assert left_behind(endpoint) == []
    with endpoint, endpoint.sdk() as sdk:
        for name in (whole, asleep, followed):
            assert sdk.responses.retrieve(name).status == "failed"
            record = endpoint.recorded("call_" + name.removeprefix("resp_")).call
            assert (record.outcome, record.error) == ("cut" if name == followed else "failed", "stopping")
        partial = sdk.responses.retrieve(followed)
        assert partial.output_text, "what there was of it is kept"
        with pytest.raises(openai.NotFoundError):
            sdk.responses.retrieve(silent)  # which was not to be kept


def test_what_can_finish_in_time_does(tmp_path: Path, provider: ThreadedProvider) -> None:
    endpoint = RunningEndpoint(tmp_path, toml_for(provider))
    with endpoint, endpoint.sdk() as sdk:
        name = begin(sdk, "brief")
        endpoint.send(signal.SIGTERM)
        assert endpoint.wait() == 0
    with endpoint, endpoint.sdk() as sdk:
        assert sdk.responses.retrieve(name).status == "completed"


def test_the_most_at_once(tmp_path: Path, provider: ThreadedProvider) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider, "[background]\nmax_responses = 2")) as endpoint,
        endpoint.sdk() as sdk,
    ):
        names = [begin(sdk), begin(sdk)]
        with pytest.raises(openai.InternalServerError, match="Too many responses") as caught:
            begin(sdk, "one too many")
        assert caught.value.status_code == 503
        assert "one too many" not in [request.model for request in provider.requests], "nobody was asked"
        assert sdk.responses.create(model="sim/parrot", input="x").output_text == "x"
        sdk.responses.cancel(names[0])
        sdk.responses.cancel(begin(sdk))
        sdk.responses.cancel(names[1])


def test_one_key_does_not_take_all_there_may_be(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(
        tmp_path, toml_for(provider, "[background]\nmax_responses = 6", server=HURRY)
    ) as endpoint:
        crowd = 20
        asked = {"model": "sim/asleep", "input": "x", "background": True}

        def status(_: int) -> int:
            with endpoint.connect() as client:
                return client.post("/v1/responses", asked).status

        with ThreadPoolExecutor(crowd) as threads:
            statuses = sorted(threads.map(status, range(crowd)))
        assert statuses == [200] * 4 + [503] * (crowd - 4), "half of them, and one more"
        with endpoint.connect(endpoint.make_key("other")) as client:
            assert client.post("/v1/responses", asked).status == 200


def test_the_time_of_one(tmp_path: Path, provider: ThreadedProvider) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider, "[background]\nmax_seconds = 0.5")) as endpoint,
        endpoint.sdk() as sdk,
    ):
        for model, stream in (("asleep", False), ("endless", True)):
            if stream:
                *_, last = sdk.responses.create(model=f"sim/{model}", input="x", background=True, stream=True)
                name = last.response.id  # type: ignore[union-attr]
            else:
                name = begin(sdk, model)
                until_it_is(sdk, name, "failed")
            answer = sdk.responses.retrieve(name)
            assert answer.error is not None
            assert "within 0.5 s" in answer.error.message
            record = endpoint.recorded("call_" + name.removeprefix("resp_")).call
            assert (record.outcome, record.error) == ("cut" if stream else "failed", "provider_timeout")
            until(lambda: provider.requests[-1].ending == "abandoned")


def test_events_that_are_too_many(tmp_path: Path, provider: ThreadedProvider) -> None:
    """The oldest go first. Whoever comes late is told so; the answer itself is kept."""
    with (
        RunningEndpoint(tmp_path, toml_for(provider, "[background]\nmax_bytes = 400_000")) as endpoint,
        endpoint.sdk() as sdk,
    ):
        with sdk.responses.create(model="sim/torrent", input="x", background=True, stream=True) as stream:
            name = next(iter(stream)).response.id  # type: ignore[union-attr]
        until(lambda: sdk.responses.retrieve(name).status == "completed")
        with pytest.raises(openai.BadRequestError, match="not kept any more") as caught:
            sdk.responses.retrieve(name, stream=True, starting_after=0)
        assert caught.value.param == "starting_after"
        assert len(sdk.responses.retrieve(name).output_text.split()) == 30_000


def test_what_has_ended_is_let_go_of(tmp_path: Path, provider: ThreadedProvider) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider, "[background]\nkeep_seconds = 0.3")) as endpoint,
        endpoint.sdk() as sdk,
    ):
        kept, hushed = begin(sdk, "parrot", stream=False), begin(sdk, "parrot", store=False)
        told = list(sdk.responses.create(model="sim/parrot", input="x y z", background=True, stream=True))
        streamed = told[0].response.id  # type: ignore[union-attr]

        def is_gone() -> bool:
            try:
                sdk.responses.retrieve(hushed)
            except openai.NotFoundError:
                return True
            return False

        until(is_gone)
        assert sdk.responses.retrieve(kept).output_text == "Say something."
        assert sdk.responses.cancel(kept).status == "completed"
        again = list(sdk.responses.retrieve(streamed, stream=True))
        assert [event.to_dict() for event in again] == [event.to_dict() for event in told]


def test_without_bodies_it_is_remembered_for_a_while(tmp_path: Path, provider: ThreadedProvider) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider, ledger="bodies = false")) as endpoint,
        endpoint.sdk() as sdk,
    ):
        name = begin(sdk, "parrot")
        until(lambda: sdk.responses.retrieve(name).status == "completed")
        assert sdk.responses.retrieve(name).output_text == "Say something."
        assert endpoint.recorded("call_" + name.removeprefix("resp_")).call.answer_body is None


def test_begun_by_many_who_hang_up(tmp_path: Path, provider: ThreadedProvider) -> None:
    """Every one of them runs to its end and is on record exactly once."""
    with RunningEndpoint(tmp_path, toml_for(provider)) as endpoint, endpoint.sdk() as sdk:
        names = []
        for _ in range(20):
            with sdk.responses.create(model="sim/brief", input="x", background=True, stream=True) as stream:
                names.append(next(iter(stream)).response.id)  # type: ignore[union-attr]
        for name in names:
            until_it_is(sdk, name, "completed")
            record = endpoint.recorded("call_" + name.removeprefix("resp_")).call
            assert (record.outcome, record.usage.output_tokens) == ("answered", 20)
        assert endpoint.figures["freehold_calls_active"] == 0
        assert endpoint.health["parts"]["ledger"] == "ok"
