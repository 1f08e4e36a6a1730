"""The fuzzer finds what is wrong with a reader, and nothing with one that is right."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from benchmarks.fuzz import __main__ as command
from benchmarks.fuzz import beside
from benchmarks.fuzz.damage import Frames, damaged
from benchmarks.fuzz.judging import need_json, need_order
from benchmarks.fuzz.reach import Reach
from benchmarks.fuzz.run import Result, fuzz
from benchmarks.fuzz.target import Target, Wrong
from freehold.core.errors import BadRequest
from freehold.core.events import Begin, End, Event, Grow, PartBegin, PartEnd
from freehold.core.parts import Text
from freehold.wire.dialects import NAMES

GOOD = json.dumps({"items": [{"id": "a", "text": "b"}], "n": 1}).encode()


def careful(frames: Frames) -> list[Any]:
    try:
        value = json.loads(b"".join(frames))
        if not isinstance(value["items"], list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadRequest("no") from None
    items: list[Any] = value["items"]
    return items


def careless(frames: Frames) -> None:
    for item in careful(frames):
        item["id"]


def run(read: Any, seconds: float) -> Result:
    return fuzz(Target("t", [[GOOD]], read), seconds, random.Random(1), Reach())


def test_a_reader_that_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(careful, 1.0)
    assert result.inputs > 50
    assert 0 < result.refused < result.inputs
    assert not result.findings
    assert "FOUND" not in capsys.readouterr().out


def test_a_reader_that_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(careless, 0.5)
    assert any(kind.startswith(("KeyError", "TypeError")) for kind in result.findings)
    assert "FOUND t: " in capsys.readouterr().out


def test_what_damage_made_large_is_not_damaged_again() -> None:
    """Each may make two hundred times as much of it: six of them more than any machine has."""
    tree = [["x" * 200] * 4]
    for seed in range(400):
        dice = random.Random(seed)
        frames = [json.dumps(tree).encode()]
        for _ in range(6):
            frames = damaged(frames, [GOOD], dice)
        assert sum(map(len, frames)) < 60_000_000
    large = [b"[" + b"1," * 200_000 + b"1]"]
    assert damaged(large, [GOOD], random.Random(1)) == large


@pytest.mark.parametrize("written", [b"{", b'{"a":NaN}', b"\xff", b""])
def test_what_is_no_json_is_wrong(written: bytes) -> None:
    with pytest.raises(Wrong):
        need_json(written, "x")
    need_json(b'{"a":[1e999,"\\ud800"]}', "x")


@pytest.mark.parametrize(
    "events",
    [
        [PartBegin(0, 0, Text())],
        [Begin(), Begin()],
        [Begin(), Grow(0, 0, "a")],
        [Begin(), PartBegin(0, 1, Text())],
        [Begin(), PartBegin(0, 0, Text()), PartEnd(0, 0), Grow(0, 0, "a")],
        [Begin(), End(), PartBegin(0, 0, Text())],
    ],
)
def test_events_in_another_order_are_wrong(events: list[Event]) -> None:
    with pytest.raises(Wrong):
        need_order(events)
    need_order([Begin(), PartBegin(0, 0, Text()), Grow(0, 0, "a"), PartEnd(0, 0), End()])


@pytest.mark.parametrize("name", [*NAMES, *beside.NAMES])
def test_good_inputs_of_every_target_are_read(name: str, tmp_path: Any) -> None:
    for target in command.targets_of(name, tmp_path):
        for frames in target.seeds:
            try:
                target.read(frames)
            except BadRequest as error:
                assert "numbers of tokens" in str(error)  # those of one model mean nothing to another
