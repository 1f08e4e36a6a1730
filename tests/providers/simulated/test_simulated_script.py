"""Scripts: what they say, when it happens, and that it repeats."""

from __future__ import annotations

import asyncio
import statistics
import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_exchange import ask, chat

from freehold.core.errors import SettingsError
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Drip,
    Echo,
    Hang,
    Lognormal,
    Lorem,
    Outage,
    Refused,
    Script,
    SimulatedProvider,
    ToolCall,
    Uniform,
    UsageNumbers,
    decode_script,
    read_script,
)
from freehold.providers.simulated.dice import Dice, draw
from freehold.providers.simulated.turns import Turns
from freehold.providers.simulated.words import count_tokens, lorem, tokens_of, vector_of

TOML = """
seed = 7
key = "sk-simulated"
prefix = "/api"
keep_alive_s = 5
outage = { how = "hang", after_s = 60, for_s = 2.5 }

[models.chatty]
text = { kind = "lorem", tokens = 300 }
first_token_s = { kind = "lognormal", median = 0.4, sigma = 0.6 }
tokens_per_s = { kind = "uniform", low = 20, high = 60 }
headers = { x-ratelimit-remaining-requests = "41" }
faults = [
  { kind = "error", status = 429, retry_after = "2", chance = 0.1 },
  { kind = "cut", after = 12, how = "reset", chance = 0.02 },
]

[[models.flaky]]
times = 2
faults = [{ kind = "hang" }]

[[models.flaky]]
text = { kind = "echo" }

[models."*"]
text = "I am somebody else."
usage = { output_tokens = 9 }
tool_calls = [{ name = "look_up", arguments = '{"a": 1}' }]
"""

SCRIPT = Script(
    seed=7,
    key="sk-simulated",
    prefix="/api",
    keep_alive_s=5,
    outage=Outage(how="hang", after_s=60, for_s=2.5),
    models={
        "chatty": Behaviour(
            text=Lorem(tokens=300),
            first_token_s=Lognormal(median=0.4, sigma=0.6),
            tokens_per_s=Uniform(low=20, high=60),
            headers={"x-ratelimit-remaining-requests": "41"},
            faults=(
                Refused(status=429, retry_after="2", chance=0.1),
                Cut(after=12, how="reset", chance=0.02),
            ),
        ),
        "flaky": (Behaviour(times=2, faults=(Hang(),)), Behaviour(text=Echo())),
        "*": Behaviour(
            text="I am somebody else.",
            usage=UsageNumbers(output_tokens=9),
            tool_calls=(ToolCall("look_up", '{"a": 1}'),),
        ),
    },
)


def test_a_script_reads_the_same_from_toml_and_json(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text(TOML)
    (tmp_path / "script.json").write_bytes(msgspec.json.encode(SCRIPT))
    assert read_script(tmp_path / "script.toml") == SCRIPT
    assert read_script(tmp_path / "script.json") == SCRIPT


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sed = 1", "sed"),
        ("[models.m]\nfirst_token = 1", "first_token"),
        ('[models.m]\nfaults = [{ kind = "hangs" }]', "hangs"),
        ('[models.m]\nfaults = [{ kind = "hang", chance = 1.5 }]', "<= 1.0"),
        ("[models.m]\nfirst_token_s = -1", ">= 0"),
        ("models = { m = [] }", "length >= 1"),
        ('[models.m]\nfaults = [{ kind = "error", status = 200 }]', ">= 400"),
        ("= 1", "line 1"),
    ],
)
def test_a_mistake_in_a_script_is_named(tmp_path: Path, text: str, names: str) -> None:
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_script(path)
    assert names in caught.value.message
    assert caught.value.where == str(path)
    assert caught.value.hint is not None


def test_a_missing_script_is_the_user_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_script(tmp_path / "nowhere.toml")


def test_a_sequence_goes_forward_and_its_last_behaviour_stays() -> None:
    first, second, last = Behaviour(times=2, text="a"), Behaviour(text="b"), Behaviour(text="c")
    turns = Turns(Script(models={"m": (first, second, last), "n": first}))
    taken = [turns.take("m") for _ in range(6)]
    assert [turn and turn.behaviour.text for turn in taken] == ["a", "a", "b", "c", "c", "c"]
    other = turns.take("n")
    assert other is not None
    assert other.number == 0, "each model counts its own calls"


def run_of(script: Script, calls: int = 40) -> list[bytes]:
    """The bytes of so many calls, streamed and whole by turns."""

    async def run() -> list[bytes]:
        async with SimulatedProvider(script) as provider:
            return [
                (await ask(provider.port, chat("m", stream=number % 2 == 0))).data for number in range(calls)
            ]

    return asyncio.run(run())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def script(seed: int) -> Script:
        faults = (Refused(status=500, chance=0.3), Cut(after=2, how="end", chance=0.2))
        behaviour = Behaviour(faults=faults, first_token_s=Uniform(0, 0.002), tool_calls=(ToolCall("f"),))
        return Script(seed=seed, models={"m": behaviour})

    once = run_of(script(1))
    assert once == run_of(script(1))
    assert once != run_of(script(2))
    failed = sum(data.startswith(b"HTTP/1.1 500") for data in once)
    assert 5 <= failed <= 20


@given(chance=st.floats(0, 1), seed=st.integers())
@settings(max_examples=25, deadline=None)
def test_a_fault_strikes_about_as_often_as_its_chance(chance: float, seed: int) -> None:
    turns = Turns(Script(seed=seed, models={"m": Behaviour(faults=(Hang(chance=chance),))}))
    struck = 0
    for _ in range(1000):
        turn = turns.take("m")
        struck += turn is not None and turn.fault is not None
    # Five standard deviations: wrong once in a few million examples.
    assert abs(struck - 1000 * chance) <= 5 * (1000 * chance * (1 - chance)) ** 0.5 + 1e-6


@given(st.text())
def test_the_tokens_of_a_text_are_the_text(text: str) -> None:
    tokens = tokens_of(text)
    assert "".join(tokens) == text
    assert len(tokens) == count_tokens(text) or not text.split()


@given(st.text(), st.integers(1, 64))
def test_vectors_depend_on_the_text_alone(text: str, dimensions: int) -> None:
    vector = vector_of(text, dimensions)
    assert vector == vector_of(text, dimensions)
    assert len(vector) == dimensions
    assert abs(sum(x * x for x in vector) - 1) < 1e-4 or not any(vector)


def test_dice_throw_the_same_on_every_machine() -> None:
    # Fixed for ever: recorded expectations of users hang on these.
    dice = Dice(7, "m", 0)
    assert [dice.below(1000) for _ in range(5)] == [637, 437, 942, 503, 549]
    assert "".join(islice(lorem(Dice(7, "m", 0)), 6)) == "Duis laborum incididunt do amet amet"


def test_distributions_have_their_shape() -> None:
    dice = Dice("shape")
    uniform = [draw(Uniform(2, 4), dice) for _ in range(4000)]
    assert 2 <= min(uniform) < 2.01
    assert 3.99 < max(uniform) < 4
    assert abs(statistics.mean(uniform) - 3) < 0.05
    tail = [draw(Lognormal(0.4, 0.5), dice) for _ in range(4000)]
    assert abs(statistics.median(tail) - 0.4) < 0.02
    assert 1.0 < sorted(tail)[-40] < 1.6
    assert draw(3, dice) == 3.0


async def _timed(script: Script, body: dict[str, Any]) -> tuple[float, list[float]]:
    """Seconds to the headers, and of each further piece."""
    async with SimulatedProvider(script) as provider:
        got = await ask(provider.port, body)
        return got.pieces[0][0], [at for at, _ in got.pieces[1:]]


def test_a_stream_keeps_its_pace() -> None:
    behaviour = Behaviour(text=Lorem(tokens=41), headers_s=0.05, first_token_s=0.1, tokens_per_s=100)
    head, events = asyncio.run(_timed(Script(models={"m": behaviour}), chat(stream=True)))
    assert 0.049 < head < 0.1
    assert 0.149 < events[0] < 0.2
    # 41 tokens at 100 a second: lateness must not add up.
    assert 0.54 < events[-1] < 0.62
    gaps = [later - earlier for earlier, later in pairwise(events)]
    assert 0.007 < statistics.median(gaps) < 0.013


def test_a_whole_answer_takes_as_long_as_its_stream_would() -> None:
    behaviour = Behaviour(text=Lorem(tokens=21), headers_s=0.05, first_token_s=0.05, tokens_per_s=200)
    head, _ = asyncio.run(_timed(Script(models={"m": behaviour}), chat()))
    assert 0.199 < head < 0.26


def test_a_new_script_begins_from_its_beginning() -> None:
    async def run() -> list[str]:
        said = []
        script = Script(models={"m": (Behaviour(text="first"), Behaviour(text="then"))})
        async with SimulatedProvider(script) as provider:
            for _ in range(2):
                for _ in range(2):
                    got = await ask(provider.port, chat())
                    said.append(got.json["choices"][0]["message"]["content"])
                provider.play(script)
        return said

    assert asyncio.run(run()) == ["first", "then", "first", "then"]


def test_idle_connections_are_closed_when_the_script_says_so() -> None:
    async def run() -> None:
        async with SimulatedProvider(Script(keep_alive_s=0.1)) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            began = time.perf_counter()
            assert await reader.read() == b""
            assert 0.09 < time.perf_counter() - began < 0.3
            writer.close()
            assert provider.connections.closed_by_us == 1
        async with SimulatedProvider(Script(keep_alive_s=0)) as provider:
            got = await ask(provider.port, chat(), headers=["connection: keep-alive"])
            assert got.headers["connection"] == "close"
            assert got.end == "fin"

    asyncio.run(run())


def test_drip_needs_at_least_a_byte() -> None:
    with pytest.raises(SettingsError):
        decode_script('{"models": {"m": {"faults": [{"kind": "drip", "bytes": 0}]}}}', "json")
    assert Drip().bytes == 1
