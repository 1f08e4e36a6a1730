"""The client of `make bench-drills` sees what is wrong with an answer: it asks a sick provider directly."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from benchmarks.drills.asking import Question, ask
from benchmarks.drills.dialects import DIALECTS, Dialect
from benchmarks.drills.policies import FAULTS, POLICIES, configuration, route_of
from benchmarks.faults.sicknesses import MODEL, WORDS
from freehold.config.load import load
from freehold.providers.simulated import Behaviour, Cut, ErrorEvent, Refused, Script, SimulatedProvider
from freehold.providers.simulated.faults import AnyFault
from freehold.providers.simulated.script import Recite


async def _asked(dialect: Dialect, behaviour: Behaviour, *, streamed: bool) -> str:
    async with SimulatedProvider(Script(models={MODEL: behaviour})) as provider:
        said = [{"role": "user", "content": "What became of it?"}]
        question = Question("plain", "5xx", MODEL, dialect, said, streamed)
        return (await ask(provider.port, "any", question, time.monotonic())).verdict


def _reciting(*faults: AnyFault, words: int = WORDS) -> Behaviour:
    return Behaviour(text=Recite(words), chunk_tokens=8, faults=faults)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("behaviour", "whole", "streamed"),
    [
        (_reciting(), "right", "right"),
        (_reciting(words=WORDS - 1), "truncated", "truncated"),
        (_reciting(words=WORDS + 1), "wrong", "wrong"),
        (Behaviour(text="once once"), "duplicated", "duplicated"),
        (_reciting(Refused(status=503)), "refused", "refused"),
        (_reciting(Refused(status=503, body="<html>")), "silent", "silent"),
        (_reciting(ErrorEvent(after=3)), "silent", "broken"),
        (_reciting(Cut(after=3, how="end")), "silent", "silent"),
        (_reciting(Cut(after=3, how="reset")), "silent", "silent"),
    ],
    ids=["well", "short", "long", "twice", "503", "page", "error event", "no end", "reset"],
)
def test_what_is_wrong_with_an_answer_is_seen(
    dialect: Dialect, behaviour: Behaviour, whole: str, streamed: str
) -> None:
    assert asyncio.run(_asked(dialect, behaviour, streamed=False)) == whole
    assert asyncio.run(_asked(dialect, behaviour, streamed=True)) == streamed


def test_every_fault_has_a_route_under_every_policy_that_is_there(tmp_path: Path) -> None:
    there = [policy for policy in POLICIES if policy.is_there and policy.rollout is None]
    assert {"plain", "weighted", "cheapest", "fastest"} <= {policy.name for policy in there}
    file = tmp_path / "freehold.toml"
    file.write_text(configuration(there, sick=9, healthy=10))
    settings = load(file, {})
    assert {route_of(policy, fault) for policy in there for fault in FAULTS} <= set(settings.routes)
    assert {settings.policies[route_of(policy, FAULTS[0])].kind for policy in there if policy.lines} == {
        policy.name for policy in there if policy.lines
    }
