"""A route that goes by a router: who answers what, what is on record of it, and what happens when it disappoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plain_client import Answer
from routers import about, trained
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated.provider import SimulatedProvider
from freehold.rollout.replaying import replay
from freehold.rollout.routers.shelf import RouterShelf

TOML = """
[local]
enabled = false
[providers.one]
base_url = "{one}"
[providers.two]
base_url = "{two}"
[routes.chat]
incumbent = "one/m"
[routes.chat.policy]
kind = "learned"
"""


@contextmanager
def running(folder: Path) -> Iterator[RunningEndpoint]:
    with (
        SimulatedProvider.in_thread() as one,
        SimulatedProvider.in_thread() as two,
        RunningEndpoint(folder, TOML.format(one=one.base_url, two=two.base_url)) as endpoint,
    ):
        yield endpoint


def make_router(folder: Path) -> str:
    made = about(incumbent="one/m", model="two/m")
    return RouterShelf(folder / ".freehold").keep(made, trained().model).hash


def model_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return answer.headers["x-freehold-model"]


def test_questions_go_where_the_router_sends_them_and_an_alarm_ends_that(tmp_path: Path) -> None:
    digest = make_router(tmp_path)
    with running(tmp_path) as endpoint:
        with endpoint.connect() as client:
            easy = client.chat("chat", "What is the capital of France? (1)")
            hard = client.chat("chat", "What is the proof of Fermat? (1)")
            assert (model_of(easy), model_of(hard)) == ("two/m", "one/m")
            for answer, reason in ((easy, "good enough"), (hard, "none good enough")):
                decision = endpoint.recorded(answer.call).call.decision
                assert decision is not None and decision.reason == reason
                assert decision.facts["router"] == digest
                assert replay(decision).verdict == "same"
            texts = (("What is the capital of France?", False), ("Proof of Fermat?", True))
            said = [
                (client.chat("chat", f"{text} ({number})").call, good)
                for number in range(2, 42)
                for text, good in texts
            ]
            endpoint.recorded(said[-1][0])
            for call, good in said:
                assert client.post(f"/v1/calls/{call}/feedback", {"value": good}).status == 200

        def answer_again() -> bool:
            """Every question is another conversation's."""
            with endpoint.connect() as client:
                numbers.append(len(numbers))
                answer = client.chat("chat", f"Again: the capital of France? ({len(numbers)})")
            decision = endpoint.recorded(answer.call).call.decision
            assert decision is not None
            return model_of(answer) == "one/m" and decision.reason == "alarm"

        numbers: list[int] = []
        endpoint.stop()
        endpoint.start()
        until(answer_again)


def test_a_route_without_a_router_has_its_incumbent(tmp_path: Path) -> None:
    with running(tmp_path) as endpoint, endpoint.connect() as client:
        answer = client.chat("chat", "What is the capital of France?")
        assert model_of(answer) == "one/m"
        assert endpoint.recorded(answer.call).call.decision is None


def test_a_router_that_was_changed_is_not_gone_by(tmp_path: Path) -> None:
    make_router(tmp_path)
    (file,) = (tmp_path / ".freehold/routers").glob("*.router")
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with running(tmp_path) as endpoint, endpoint.connect() as client:
        assert model_of(client.chat("chat", "What is the capital of France?")) == "one/m"
        assert "was changed since it was certified" in endpoint.log
