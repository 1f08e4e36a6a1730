"""A stand-in can be put in the place of every provider that Freehold knows, and is told nothing that is secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from freehold.access.key import Key
from freehold.config.load import load
from freehold.core.clock import SystemClock
from freehold.engine.engine import Engine
from freehold.engine.runtime import Runtime
from freehold.providers.client import ProviderClient
from freehold.providers.presets import find_preset, preset_names
from freehold.providers.settings import ProviderSettings
from freehold.providers.simulated import ReceivedRequest, SimulatedProvider
from freehold.rollout.drills.asking import Outcome, ask_again
from freehold.rollout.drills.faults import FAULTS, HEALTHY
from freehold.rollout.drills.sample import Replayable, request_in
from freehold.rollout.drills.stand_ins import stand_in_for
from freehold.routing.routes import Route, RouteTable, Target

KEY = Key(id="drill_1", name="drill", prefix="", created_us=0)
SECRET = "a-secret-that-nobody-is-told"
SAID = [{"role": "user", "content": "What became of it?"}]
BODIES: dict[str, dict[str, object]] = {
    "openai-chat": {"model": "r", "messages": SAID},
    "openai-responses": {"model": "r", "input": SAID},
    "anthropic-messages": {"model": "r", "max_tokens": 100, "messages": SAID},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "What became of it?"}]}]},
}


def _provider(folder: Path, name: str) -> ProviderSettings:
    preset = find_preset(name)
    assert preset is not None
    path = folder / "freehold.toml"
    path.write_text(
        "\n".join([f"[providers.{name}]", *(f'{variable} = "word"' for variable in preset.variables)])
    )
    environ = {preset.api_key.removeprefix("env:"): SECRET} if preset.api_key else {}
    return load(path, environ).providers[name]


def _replayable(dialect: str, *, streamed: bool) -> Replayable:
    fields = dict(BODIES[dialect])
    if dialect != "gemini":
        fields["stream"] = streamed
    body = msgspec.json.encode(fields)
    return Replayable(
        id="call_1",
        route="r",
        dialect=dialect,
        body=body,
        asked=request_in(dialect, body, "r", streamed=streamed).decoded(),
        task="text",
        streamed=streamed,
        cost=None,
        model="any/m",
        reported=None,
        input_tokens=None,
        output_tokens=None,
        first_ms=None,
        duration_ms=1.0,
        holds_state=False,
    )


async def _asked(provider: ProviderSettings) -> tuple[list[Outcome], list[ReceivedRequest]]:
    async with SimulatedProvider(HEALTHY) as stand_in:
        client = ProviderClient(stand_in_for(provider, stand_in.root_url), tls=None)
        table = RouteTable({"r": Route("r", Target(provider.name, "m"))})
        engine = Engine(Runtime(table, {provider.name: client}), clock=SystemClock(), observers=())
        try:
            calls = [
                _replayable(dialect, streamed=streamed) for dialect in BODIES for streamed in (False, True)
            ]
            outcomes = [await ask_again(engine, one, KEY, fault="none", deadline=10) for one in calls]
        finally:
            client.close()
        return outcomes, stand_in.requests


@pytest.mark.parametrize("name", preset_names())
def test_it_answers_every_dialect_in_place_of_every_known_provider(tmp_path: Path, name: str) -> None:
    outcomes, requests = asyncio.run(_asked(_provider(tmp_path, name)))
    assert [(one.verdict, one.why) for one in outcomes] == [("answered", "")] * len(outcomes)
    assert len(requests) == len(outcomes)
    for request in requests:
        assert SECRET not in str(request.headers)
        assert SECRET not in request.target


def test_only_faults_that_come_before_any_word_are_for_live_calls() -> None:
    assert {fault.name for fault in FAULTS if not fault.wordless} == {
        "cut", "malformed", "drip", "swapped", "dearer",
    }  # fmt: skip
