"""`freehold compare` from the words of the command to the verdict, against simulated providers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from compared import RIGHT, WRONG, Folder, case, simulated
from running import RunningEndpoint
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated.dice import Uniform
from freehold.providers.simulated.faults import Hang, Refused
from freehold.providers.simulated.script import Behaviour, Echo, Script
from freehold.providers.simulated.threaded import ThreadedProvider

WORDS = ("compare", "copilot", "--with", "new/model", "--suite", "words")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def old() -> Iterator[ThreadedProvider]:
    with simulated(RIGHT) as running:
        yield running


@pytest.fixture
def good() -> Iterator[ThreadedProvider]:
    with simulated(RIGHT) as running:
        yield running


@pytest.fixture
def bad() -> Iterator[ThreadedProvider]:
    with simulated(WRONG) as running:
        yield running


def result(shell: Shell, *words: str) -> dict[str, Any]:
    (found,) = shell.json(*words)
    return found


def verdict(found: dict[str, Any]) -> dict[str, Any]:
    (one,) = [one for one in found["verdicts"] if not one.get("task_class")]
    assert isinstance(one, dict)
    return one


def test_a_model_that_answers_as_well_replaces(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    suite = folder.add(case(number) for number in range(300))
    found = result(shell, *WORDS, "--margin", "0.05")
    one = verdict(found)
    assert one["decision"] == "replaces"
    assert one["reason"] == "It is not worse by 0.05 or more."
    assert (one["incumbent"], one["candidate"]) == ("old/model", "new/model")
    assert (one["margin"], one["alpha"], one["seed"]) == (0.05, 0.05, 0)
    assert (one["suite"], one["suite_hash"]) == (suite.id, suite.hash)
    assert one["reported_models"] == {"old/model": ["model"], "new/model": ["model"]}
    evidence = one["evidence"]
    assert evidence["n"] == evidence["ties"] == evidence["units"] < 300  # it stopped when it was sure
    assert evidence["difference"] == 0.0
    assert -0.05 <= evidence["low"] < 0 < evidence["high"]
    assert found["state"] == "done"
    assert found["asked"] == len(old.requests) + len(good.requests)

    # Every call is on record, under the comparison's id, and none of them is the route's own traffic.
    calls = shell.json("calls", "--key", found["comparison"], "--limit", "1000")
    assert len(calls) == found["asked"]
    assert {call["route"] for call in calls} == {"old/model", "new/model"}
    (spend,) = shell.json("spend", "--by", "key")
    assert (spend["key"], Decimal(str(spend["cost"]))) == (found["comparison"], Decimal(found["spent"]))
    with folder.archive() as archive:
        pairs = [pair for portion in archive.pairs(found["comparison"], "new/model") for pair in portion]
        answers = archive.answers([pair.candidate_answer for pair in pairs])
    assert {one.call_id for one in answers.values()} <= {call["id"] for call in calls}


def test_a_worse_model_does_not_replace_and_is_asked_little(
    folder: Folder, shell: Shell, old: ThreadedProvider, bad: ThreadedProvider
) -> None:
    folder.configure(old, bad)
    folder.add(case(number) for number in range(500))
    found = result(shell, *WORDS, "--concurrency", "2")
    one = verdict(found)
    assert one["decision"] == "does not replace"
    assert one["evidence"]["losses"] == one["evidence"]["n"] < 30
    assert len(bad.requests) < one["evidence"]["n"] + 8


def test_several_candidates_share_the_answers_of_the_incumbent_and_the_error_rate(
    folder: Folder, shell: Shell, old: ThreadedProvider
) -> None:
    with simulated(RIGHT, WRONG) as new:
        folder.configure(old, new)
        folder.add(case(number, task_class="ab"[number % 2]) for number in range(300))
        done = shell(*WORDS, "--with", "new/model2", "--margin", "0.1")
        assert done.returncode == 0, done.stderr
        found = result(shell, "compare", "show", done.stdout.split("comparison_")[1][:32])
    decided = {one["candidate"]: one for one in found["verdicts"] if not one.get("task_class")}
    assert decided["new/model"]["decision"] == "replaces"
    assert decided["new/model2"]["decision"] == "does not replace"
    assert {one["adjusted"] for one in decided.values()} == {"e-holm"}
    longest = max(one["evidence"]["n"] for one in decided.values())
    assert longest <= len(old.requests) <= longest + 16
    of_classes = [one for one in found["verdicts"] if one.get("task_class")]
    assert {(one["task_class"], one["adjusted"]) for one in of_classes} == {("a", "e-bh"), ("b", "e-bh")}
    for model, whole in decided.items():
        parts = [one["evidence"]["n"] for one in of_classes if one["candidate"] == model]
        assert sum(parts) == whole["evidence"]["n"]


def test_what_is_answered_is_not_asked_again_unless_it_is_to_be_fresh(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add(case(number) for number in range(20))
    first = result(shell, *WORDS)
    assert first["asked"] == 40
    again = result(shell, *WORDS, "--margin", "0.5")
    assert (again["asked"], again["spent"]) == (0, "0")
    assert again["comparison"] != first["comparison"]
    assert len(old.requests) == len(good.requests) == 20
    fresh = result(shell, *WORDS, "--fresh")
    assert fresh["asked"] == 40
    assert len(old.requests) == len(good.requests) == 40


def test_the_verdict_does_not_depend_on_who_is_fast(folder: Folder, shell: Shell) -> None:
    found = []
    for wait in (0.0, Uniform(low=0.0, high=0.05)):
        model = Behaviour(text=Echo(), headers_s=wait)
        with simulated(model) as old, simulated(model) as new:
            folder.configure(old, new)
            folder.add(case(number) for number in range(120))
            one = result(shell, *WORDS, "--fresh", "--margin", "0.1", "--concurrency", "16")
            with folder.archive() as archive:
                pairs = [pair for some in archive.pairs(one["comparison"], "new/model") for pair in some]
        evidence = verdict(one)["evidence"]
        assert evidence["n"] < 120
        found.append(([(pair.position, pair.case_id, pair.difference) for pair in pairs], evidence))
    assert found[0] == found[1]


def test_the_incumbent_is_compared_with_itself_under_another_prompt(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    own = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "word1"}]
    folder.add([case(1, messages=own), case(2)])
    (folder.path / "terse.txt").write_text("Be terse.\n")
    words = ("compare", "copilot", "--with", "old/model", "--suite", "words", "--system", "terse.txt")
    found = result(shell, *words)
    assert verdict(found)["candidate"] == "old/model [terse]"
    assert verdict(found)["evidence"]["n"] == 2
    asked = [json.loads(request.body)["messages"] for request in old.requests]
    told = sorted([one["content"] for one in messages] for messages in asked)
    assert told == [["Be kind.", "word1"], ["Be terse.", "word1"], ["Be terse.", "word2"], ["word2"]]
    # By its answers, which are kept under what was really asked.
    assert result(shell, *words, "--margin", "0.5")["asked"] == 0
    assert not good.requests


# What goes wrong


def test_a_killed_run_is_gone_on_with_and_nothing_is_paid_twice(folder: Folder, shell: Shell) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.02)
    with simulated(slow) as old, simulated(slow) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(60))
        words = (*WORDS, "--concurrency", "2", "--json")
        running = shell.start(*words)
        old.until(lambda one: len(one.requests) > 20, limit=20)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate(timeout=10)
        under_way = 4  # two places at each of two providers
        before = len(old.requests) + len(new.requests)
        (listed,) = shell.json("compare", "list")
        assert listed["state"] == "running"

        done = shell(*words)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["comparison"] == listed["id"]
        assert "Going on with" in done.stderr
        total = len(old.requests) + len(new.requests)
    assert 120 <= total <= 120 + under_way
    assert found["asked"] == total - before
    assert verdict(found)["evidence"]["n"] == 60
    assert found["state"] == "done"


def test_ctrl_c_ends_it_in_order(folder: Folder, shell: Shell) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.02)
    with simulated(slow) as old, simulated(slow) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))
        running = shell.start(*WORDS, "--concurrency", "2", "--json")
        old.until(lambda one: len(one.requests) > 10, limit=20)
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=10)
        found = json.loads(said)
        assert (found["state"], found["reason"]) == ("stopped", "It was interrupted.")
        one = verdict(found)
        assert one["decision"] == "undecided"
        assert one["reason"].startswith("It was interrupted.")
        # Whatever was asked is kept, and counted where it was its turn.
        assert found["asked"] == len(old.requests) + len(new.requests)
        assert 5 <= one["evidence"]["n"] < 200
        again = result(shell, "compare", "--resume", found["comparison"])
        assert again["state"] == "done"
        assert len(old.requests) + len(new.requests) == found["asked"] + again["asked"]


def test_a_second_ctrl_c_waits_for_nothing(folder: Folder, shell: Shell) -> None:
    with simulated(Behaviour(text=Echo(), faults=(Hang(),))) as old, simulated(RIGHT) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(20))
        running = shell.start(*WORDS, "--concurrency", "2")
        old.until(lambda one: len(one.requests) == 2, limit=20)
        running.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.5)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=10)
        assert running.returncode == 130
        assert b"Traceback" not in said
        (listed,) = shell.json("compare", "list")
        assert (listed["state"], listed["reason"]) == ("stopped", "It was cut off.")
        # What had been answered is kept.
        old.play(Script(models={"model": RIGHT}))
        before = len(new.requests)
        again = result(shell, *WORDS)
        assert again["comparison"] == listed["id"]
        assert len(new.requests) - before < 20


def test_it_runs_beside_an_endpoint(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add(case(number) for number in range(10))
    with RunningEndpoint(shell) as endpoint:
        found = result(shell, *WORDS)
        assert verdict(found)["evidence"]["n"] == 10
        ask = shell("ask", "Hello", "--model", "copilot", FREEHOLD_URL=endpoint.url)
        assert (ask.returncode, ask.stdout) == (0, "Hello\n")
    spent = {one["key"]: one["calls"] for one in shell.json("spend", "--by", "key")}
    assert spent.pop(found["comparison"]) == 20
    assert list(spent.values()) == [1]


def test_two_at_once_do_not_run_the_same(folder: Folder, shell: Shell) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.05)
    with simulated(slow) as old, simulated(slow) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))
        running = shell.start(*WORDS, "--concurrency", "2")
        try:
            old.until(lambda one: len(one.requests) > 2, limit=20)
            done = shell(*WORDS)
            assert done.returncode == 1
            assert "is being run by another process" in done.stderr
        finally:
            running.kill()
            running.communicate(timeout=10)


def test_a_budget_is_never_overrun_and_can_be_raised(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add(case(number) for number in range(50))
    # At the most: 10 tokens written at 10 dollars a million, and some 200 read at 1 dollar.
    found = result(shell, *WORDS, "--budget", "0.0008", "--concurrency", "16")
    one = verdict(found)
    assert one["decision"] == "undecided"
    assert "The budget of $0.0008 is used up" in one["reason"]
    assert found["state"] == "stopped"
    assert 0 < Decimal(found["spent"]) <= Decimal("0.0008")
    assert found["asked"] == len(old.requests) + len(good.requests) < 100
    (spend,) = shell.json("spend", "--by", "key")
    assert Decimal(str(spend["cost"])) == Decimal(found["spent"])

    again = result(shell, *WORDS, "--budget", "1")
    assert (again["comparison"], again["state"]) == (found["comparison"], "done")
    assert again["asked"] == 100 - found["asked"]
    assert verdict(again)["evidence"]["n"] == 50


def test_a_budget_of_zero_asks_nothing_and_says_so(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add(case(number) for number in range(5))
    found = result(shell, *WORDS, "--budget", "0")
    assert verdict(found)["decision"] == "undecided"
    assert "The budget of $0.00 is used up" in verdict(found)["reason"]
    assert "No pair counted." in verdict(found)["reason"]
    assert not old.requests
    assert not good.requests


def test_a_budget_needs_prices(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    with simulated(RIGHT, RIGHT) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(5))
        words = ("compare", "copilot", "--with", "new/model2", "--suite", "words", "--budget", "1")
        done = shell(*words)
        assert done.returncode == 1
        assert "What `new/model2` costs is not known" in done.stderr
        assert not old.requests
        found = result(shell, *words, "--unpriced")
        assert found["unpriced"] == 5
        assert verdict(found)["evidence"]["n"] == 5
        assert verdict(found)["cost"] is None


def test_a_model_that_times_out_on_a_third_of_the_cases_is_undecided(folder: Folder, shell: Shell) -> None:
    third = Behaviour(text=Echo(), faults=(Hang(chance=0.33),))
    with simulated(RIGHT) as old, simulated(third, seed=3) as new:
        folder.configure(old, new, more="timeouts.first_token = 0.6")
        folder.add(case(number) for number in range(200))
        found = result(shell, *WORDS, "--concurrency", "20")
        one = verdict(found)
        assert one["decision"] == "undecided"
        failures = one["evidence"]["failures"]["candidate"]
        # It gave up as soon as a faultless rest would not have helped any more: at the eleventh of 200.
        assert failures == 11
        assert one["evidence"]["n"] < 80
        said = f"`new/model` failed to answer 11 of {one['evidence']['n']} cases"
        assert one["reason"] == f"{said} (provider_timeout), and at most 5% may fail."


def test_what_is_refused_for_want_of_room_is_asked_again(folder: Folder, shell: Shell) -> None:
    busy = Behaviour(faults=(Refused(status=429, retry_after="0"),))
    with simulated(RIGHT) as old, simulated((busy, busy, RIGHT)) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(4))
        found = result(shell, *WORDS, "--concurrency", "1")
        assert verdict(found)["evidence"]["failures"] == {"incumbent": 0, "candidate": 0}
        assert len(new.requests) == 6
        calls = shell.json("calls", "--key", found["comparison"])
        assert len(calls) == 10


def test_a_limit_of_the_owner_ends_it_until_it_lets_go(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    rest = '[limits.house]\non = "organisation"\nper = "month"\nrequests = 15\n'
    folder.configure(old, good, rest=rest)
    folder.add(case(number) for number in range(20))
    found = result(shell, *WORDS)
    assert found["state"] == "stopped"
    assert "`house`" in verdict(found)["reason"]
    assert len(old.requests) + len(good.requests) == 15


def test_a_limit_of_the_owner_slows_it_down(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    rest = '[limits.house]\non = "provider"\nconcurrency = 2\n'
    folder.configure(old, good, rest=rest)
    folder.add(case(number) for number in range(6))
    found = result(shell, *WORDS, "--concurrency", "3")
    assert found["state"] == "done"
    assert verdict(found)["evidence"]["n"] == 6
    assert verdict(found)["evidence"]["failures"] == {"incumbent": 0, "candidate": 0}


def test_all_ties_are_declared_and_not_taken_for_proof(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add(case(number) for number in range(40))
    one = verdict(result(shell, *WORDS))
    assert one["decision"] == "undecided"
    assert one["evidence"]["ties"] == 40
    assert one["reason"].startswith(
        "There are no more cases. 40 pairs do not tell yet whether it is worse by 0.03 or more. About "
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "copilot", "--with", "new/model", "--suite", "wrods"), "There is no suite `wrods`"),
        (("compare", "copliot", "--with", "new/model", "--suite", "words"), "Did you mean `copilot`?"),
        (("compare", "copilot", "--with", "old/model", "--suite", "words"), "is the incumbent itself"),
        (("compare", "copilot", "--with", "other/model", "--suite", "words"), "`other/model`"),
        (("compare", "copilot", "--suite", "words"), "nothing to compare with"),
        (("compare", "copilot", "--with", "new/model"), "It takes a route, a candidate and a suite"),
        (("compare", "--resume", "comparison_1"), "There is no comparison `comparison_1`"),
        (("compare", "show", "x"), "There is no comparison `x`"),
        ((*WORDS, "--budget", "much"), "`--budget` is an amount of US dollars"),
        ((*WORDS, "--resume", "x"), "is known of a comparison that is gone on with"),
        (("compare", "--resume", "x", "--seed", "0"), "is known of a comparison that is gone on with"),
        (
            ("compare", "--resume", "x", "--allow-judge", "a/b"),
            "is known of a comparison that is gone on with",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(
    *,
    folder: Folder,
    shell: Shell,
    old: ThreadedProvider,
    good: ThreadedProvider,
    words: tuple[str, ...],
    said: str,
) -> None:
    folder.configure(old, good)
    folder.add([case(1)])
    done = shell(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert not old.requests


def test_without_the_extra_it_says_what_to_install(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add([case(1)])
    hidden = folder.path / "hidden"
    hidden.mkdir()
    (hidden / "numpy.py").write_text("raise ImportError")
    path = f"{hidden}{os.pathsep}{shell.environment['PYTHONPATH']}"
    running = shell.start(*WORDS, PYTHONPATH=path)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 1
    assert b"Comparisons need NumPy, which is not installed." in said
    assert b"EXTRAS=compare" in said
    assert not old.requests


def test_a_plan_asks_nothing(
    folder: Folder, shell: Shell, old: ThreadedProvider, good: ThreadedProvider
) -> None:
    folder.configure(old, good)
    folder.add(case(number) for number in range(30))
    plan = result(shell, *WORDS, "--max-cases", "12", "--plan-only")
    assert plan["cases"] == 12
    assert [(one["model"], one["calls"]) for one in plan["models"]] == [("old/model", 12), ("new/model", 12)]
    assert not old.requests
    assert not shell.json("compare", "list")
    # It is a bound: what it costs is less.
    found = result(shell, *WORDS, "--max-cases", "12")
    assert 0 < Decimal(found["spent"]) < Decimal(plan["worst"])
    assert verdict(found)["reason"].startswith("It was to ask 12 cases at the most.")
    after = result(shell, *WORDS, "--max-cases", "13", "--plan-only")
    assert [one["calls"] for one in after["models"]] == [1, 1]


def test_kept_answers_are_scored_anew_without_a_call(
    folder: Folder, shell: Shell, old: ThreadedProvider, bad: ThreadedProvider
) -> None:
    folder.configure(old, bad)
    folder.add(case(number) for number in range(100))
    found = result(shell, *WORDS)
    asked = len(old.requests) + len(bad.requests)

    with contextlib.closing(sqlite3.connect(folder.path / ".freehold" / "compare.db")) as database:
        database.execute("UPDATE pairs SET difference = 1.0")
        database.execute("DELETE FROM scores")
        database.execute("DELETE FROM verdicts")
        database.commit()
    again = result(shell, "compare", "show", found["comparison"], "--rescore")
    for one in (*found["verdicts"], *again["verdicts"]):
        del one["made_us"]
    assert again["verdicts"] == found["verdicts"]
    assert len(old.requests) + len(bad.requests) == asked


def test_people_get_a_table(
    folder: Folder, shell: Shell, old: ThreadedProvider, bad: ThreadedProvider
) -> None:
    folder.configure(old, bad)
    folder.add(case(number) for number in range(100))
    done = shell(*WORDS)
    assert done.returncode == 0, done.stderr
    assert "new/model: does not replace. It is worse by 0.03 or more." in done.stdout
    listed = shell("compare", "list")
    assert "does not replace" in listed.stdout
    helped = shell("compare", "--help")
    assert helped.stdout.startswith("Usage: freehold compare [OPTIONS] [ROUTE]\n")
    assert "--with MODEL" in helped.stdout
    assert "list" in helped.stdout
