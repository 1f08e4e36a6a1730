"""`freehold route explain`, and what the other commands tell of decisions and of copies of calls."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from planted import call_number, plant
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.core.decision import Decision
from freehold.ledger.record import Attempt
from freehold.routing.decisions import Lock, Situation
from freehold.routing.locks import decide_by_lock
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Target

BIG, SMALL = Target("big", "one"), Target("small", "two")
WEIGHTED = Weighted({"big/one": 1, "small/two": 99}, salt="default")
SITUATION = Situation("default", (BIG, SMALL), "somebody")
DRAWN = WEIGHTED.decide(SITUATION)
LOCKED = decide_by_lock(WEIGHTED, SITUATION, Lock(BIG, "tool_loop"), found_by="tool calls", name="weighted")
ELSEWISE = msgspec.structs.replace(DRAWN, chosen="big/one", rejected=())
FOREIGN = Decision("somebody's own", "big/one", "a whim", facts={"moon": "full\x1b[2J", "tide": None})
MOVED = Decision("rollout", "big/one", "drawn", facts={}, rollout="rollout_9", arm="candidate")
BARE = Decision("cheapest", "big/one", "cheapest")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("route")
    decided = [None, DRAWN, LOCKED, ELSEWISE, FOREIGN, BARE]
    calls = [call_number(number, decision=decision) for number, decision in enumerate(decided)]
    calls[1].provider, calls[1].model = "small", "two"
    calls[1].attempts = [
        Attempt("small", "two", 0.1, 9.0, None, 503, "failed", "provider_refused", "policy"),
        Attempt("big", "one", 9.1, 20.0, 12.0, 200, "answered", None, "fallback"),
    ]
    calls += [
        call_number(6, operation="mirror", mirrors=calls[1].id, key_id="rollout_1"),
        call_number(
            7, operation="mirror", mirrors=calls[2].id, key_id="rollout_1", provider="far", model="off"
        ),
        call_number(8, operation="embeddings"),
        call_number(9, decision=MOVED),
    ]
    plant(folder, calls)
    return Shell(folder)


def call(number: int) -> str:
    return f"call_{number:032x}"


def test_a_decision_is_told_with_everything_that_it_depended_on(shell: Shell) -> None:
    done = shell("route", "explain", call(1))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        f"call         {call(1)}",
        "route        default",
        "policy       weighted",
        "chosen       small/two: drawn, that is, the conversation's draw fell on it",
        "passed over  big/one: not drawn, that is, the conversation's draw fell on another",
    ]
    facts = dict(line.split(maxsplit=1) for line in lines if line.startswith("  draw"))
    assert float(facts["draw"]) == DRAWN.facts["draw"]
    assert "  1. small/two (a policy chose it): failed, HTTP 503, provider_refused; 0.1 ms to 9.0 ms" in lines
    assert lines[-1] == "made again   the same decision comes out of these facts"


def test_programs_get_the_same(shell: Shell) -> None:
    (told,) = shell.json("route", "explain", call(1))
    assert msgspec.convert(told["decision"], Decision) == DRAWN
    assert (told["again"], told["replayed"], told["call"], told["route"]) == (
        "same",
        None,
        call(1),
        "default",
    )
    attempts = told["attempts"]
    assert isinstance(attempts, list)
    assert [one["reason"] for one in attempts] == ["policy", "fallback"]


def test_what_a_lock_decided_is_made_again_too(shell: Shell) -> None:
    done = shell("route", "explain", call(2))
    assert "lock.tool_loop, that is, the request answers tool calls" in done.stdout
    assert "passed over  small/two: locked" in done.stdout
    assert done.stdout.endswith("made again   the same decision comes out of these facts\n")


def test_a_decision_that_does_not_follow_from_its_facts_is_found_out(shell: Shell) -> None:
    done = shell("route", "explain", call(3))
    assert done.returncode == 0
    assert done.stdout.endswith("another decision comes out of these facts: small/two (drawn)\n")
    (told,) = shell.json("route", "explain", call(3))
    assert told["again"] == "different"
    assert msgspec.convert(told["replayed"], Decision) == DRAWN


@pytest.mark.parametrize("number", [4, 5])
def test_what_cannot_be_made_again_is_told_as_it_is(shell: Shell, number: int) -> None:
    done = shell("route", "explain", call(number))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("made again   it cannot be")
    assert "\x1b" not in done.stdout, "nothing stored steers a terminal"
    assert ("  moon  full\\x1b[2J\n  tide  unknown\n" in done.stdout) == (number == 4)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (0, "Its route had none then"),
        (6, f"It is a copy of `{call(1)}`"),
        (8, "this was `embeddings`"),
    ],
)
def test_calls_without_a_decision_say_why_there_is_none(shell: Shell, number: int, hint: str) -> None:
    done = shell("route", "explain", call(number))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"No policy was asked for `{call(number)}`." in done.stderr
    assert hint in done.stderr


def test_calls_that_are_not_there_are_said_not_to_be(shell: Shell, tmp_path: Path) -> None:
    done = shell("route", "explain", "call_ffff")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No call is called `call_ffff`." in done.stderr
    empty = Shell(tmp_path)
    done = empty("route", "explain", "call_ffff")
    assert (done.returncode, done.stdout) == (1, "")
    assert "none is on record yet" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_call_is_shown_with_its_decision_and_with_what_it_copies(shell: Shell) -> None:
    shown = shell("calls", "show", call(1)).stdout
    assert "decision     weighted chose small/two (drawn)" in shown
    assert f"copied to    big/one: answered, {call(6)}" in shown
    shown = shell("calls", "show", call(6)).stdout
    assert f"copy of      {call(1)}" in shown
    assert "what         mirror, openai-chat" in shown


def test_copies_are_listed_and_marked(shell: Shell) -> None:
    lines = shell("calls").stdout.splitlines()
    marked = [line for line in lines if "mirror: answered" in line]
    assert len(marked) == 2
    assert len(lines) == 11
    only = shell.json("calls", "--operation", "mirror")
    assert {one["mirrors"] for one in only} == {call(1), call(2)}
    assert len(shell.json("calls", "--operation", "chat")) == 7


def test_money_of_copies_is_told_beside_and_is_in_no_sum(shell: Shell) -> None:
    done = shell("spend")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["default", "8"], ["total", "8"]]
    assert "Beside these: 2 mirrors, sent to models on trial, for $" in done.stderr
    assert ", 1 call at unknown cost (`--operation mirror`)" in done.stderr
    (row,) = shell.json("spend", "--by", "key", "--operation", "mirror")
    assert (row["key"], row["calls"], row["calls_of_unknown_cost"]) == ("rollout_1", 2, 1)
    done = shell("spend", "--operation", "mirror")
    assert "Beside" not in done.stderr
    assert sum(int(str(one["calls"])) for one in shell.json("spend")) == 8


def test_exports_have_both(shell: Shell) -> None:
    lines = shell("calls", "export").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert len(found) == 10
    assert msgspec.convert(found[1]["decision"], Decision) == DRAWN
    assert found[6]["mirrors"] == call(1)
    table = shell("calls", "export", "--format", "csv").stdout.splitlines()
    names = table[0].split(",")
    assert {"decision", "mirrors"} <= set(names)
    assert call(1) in table[7].split(",")


def test_calls_are_chosen_by_what_was_decided_for_them(shell: Shell) -> None:
    assert len(shell.json("calls", "--policy", "weighted")) == 3
    assert [one["id"] for one in shell.json("calls", "--policy", "cheapest", "--route", "default")] == [
        call(5)
    ]
    assert [one["id"] for one in shell.json("calls", "--rollout", "rollout_9", "--arm", "candidate")] == [
        call(9)
    ]
    assert shell.json("calls", "--rollout", "rollout_9", "--arm", "incumbent") == []
    assert [one["calls"] for one in shell.json("spend", "--rollout", "rollout_9")] == [1]
    assert len(shell.json("calls", "--key", "rollout_1")) == 2
    assert [one["id"] for one in shell.json("calls", "--mirrors-of", call(2))] == [call(7)]
    assert shell.json("calls", "--mirrors-of", call(6)) == []
    done = shell("calls", "export", "--policy", "weighted")
    assert len(done.stdout.splitlines()) == 3
