"""`freehold dataset synthesise`: what a teacher writes is checked, counted and never asked twice."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here
from teaching_provider import Says, TeachingProvider, said

from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Behaviour, Echo, Script
from freehold.providers.simulated.threaded import ThreadedProvider
from freehold.train.data.row import Row
from freehold.train.data.shelf import DatasetShelf

SUMS = """
teacher = "school/teacher"
rows = 12
[seeds]
topics = ["pens", "apples", "ships", "letters"]
difficulties = ["plain", "with a trap"]
[question]
template = "{difficulty} {topic}: {a} and {b}?"
numbers = { a = [1, 900], b = [1, 900] }
target = "a + b"
[answer]
system = "You add."
guidance = "End with the sum."
samples = 3
[check]
scorers = ["numeric"]
"""
WRITTEN = """
teacher = "school/teacher"
rows = 4
[seeds]
topics = ["rivers", "towns", "birds", "tools", "songs", "boats"]
personas = ["a child"]
[question]
prompt = "Write one question of {persona} about {topic}."
[answer]
samples = 1
"""
PRICED = """
[models."school/teacher"]
licence = "MIT"
input = 100
output = 100
"""
FREE = """
[models."school/teacher"]
licence = "MIT"
"""


class School:
    """A folder with a teacher."""

    def __init__(self, folder: Path, teacher: TeachingProvider) -> None:
        self.folder = folder
        self.teacher = teacher
        self.shell = Shell(folder)

    def configure(self, models: str = FREE, rest: str = "") -> None:
        text = f'[local]\nenabled = false\n[providers.school]\nbase_url = "{self.teacher.base_url}"\n{models}\n{rest}'
        (self.folder / "freehold.toml").write_text(text)

    def write(self, outline: str) -> None:
        (self.folder / "outline.toml").write_text(outline)

    def synthesise(self, *words: str, name: str = "made") -> dict[str, Any]:
        done = self.shell("dataset", "synthesise", name, "--outline", "outline.toml", "--json", *words)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def rows(self, name: str = "made") -> list[Row]:
        dataset = DatasetShelf(self.folder / ".freehold").find(name)
        return [*dataset.rows("train"), *dataset.rows("held-out")]


def adds(request: dict[str, Any]) -> str:
    """Right in two of three cases; now and then it is cut off."""
    numbers = [int(one) for one in re.findall(r"\d+", said(request))]
    total = sum(numbers)
    if total % 7 == 0:
        return "It goes on and on…"
    return f"The sum is {total if total % 3 else total + 1}."


def writes(request: dict[str, Any]) -> str:
    """Questions about what it is asked to write about, and answers to them."""
    asked = said(request)
    if asked.startswith("Write one question"):
        return f"What would you want to know of {asked.removesuffix('.').split()[-1]}, and why?"
    return f"A good deal: {asked}"


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with TeachingProvider(adds) as teacher:
        one = School(tmp_path, teacher)
        one.configure()
        one.write(SUMS)
        yield one


def teach(school: School, says: Says) -> None:
    school.teacher.says = says


def test_rows_are_checked_and_know_where_they_come_from(school: School) -> None:
    made = school.synthesise()
    report, rows = made["synthesis"], school.rows()
    assert (report["end"], report["kept"], len(rows)) == ("complete", 12, 12)
    assert report["attempts"] == 12 + sum(report["left_out"].values()) > 12
    for row in rows:
        request, answer = msgspec.json.decode(row.request), msgspec.json.decode(row.answer)
        a, b = map(int, re.findall(r"\d+", request["messages"][1]["content"]))
        assert msgspec.json.decode(row.target) == a + b
        assert answer == {"role": "assistant", "content": f"The sum is {a + b}."}
        assert request["messages"][0] == {"role": "system", "content": "You add."}
        assert (row.maker, row.accepted) == ("school/teacher", "scorer")
        assert row.origin.startswith(f"synthesised {report['id']} attempt ")
        assert row.task_class in ("pens", "apples", "ships", "letters")
    manifest = made["dataset"]
    assert manifest["source"] == "synthesised"
    assert [one["kind"] for one in manifest["scorers"]] == ["numeric"]
    assert "You add.\n\nEnd with the sum." in {one["messages"][0]["content"] for one in school.teacher.asked}


def test_every_call_is_in_the_ledger_under_the_synthesis(school: School) -> None:
    report = school.synthesise()["synthesis"]
    calls = [one for one in school.shell.json("calls", "--limit", "1000") if one["key"] == report["id"]]
    assert len(calls) == report["calls"] == report["asked"] == len(school.teacher.asked)


def test_the_same_command_asks_nothing_again_and_more_rows_ask_for_the_rest(school: School) -> None:
    first = school.synthesise()
    asked = len(school.teacher.asked)
    again = school.synthesise()
    assert len(school.teacher.asked) == asked
    assert again["synthesis"]["asked"] == 0
    assert (again["dataset"]["hash"], again["dataset"]["new"]) == (first["dataset"]["hash"], False)
    more = school.synthesise("--rows", "20")["synthesis"]
    assert (more["kept"], more["id"]) == (20, first["synthesis"]["id"])
    assert len(school.teacher.asked) == more["calls"] == asked + more["asked"]


def test_who_is_faster_changes_nothing(school: School, tmp_path: Path) -> None:
    def unevenly(request: dict[str, Any]) -> str:
        time.sleep(len(said(request)) % 5 / 200)
        return adds(request)

    teach(school, unevenly)
    found = []
    for concurrency in ("1", "3", "16"):
        folder = tmp_path / concurrency
        folder.mkdir()
        one = School(folder, school.teacher)
        one.configure()
        one.write(SUMS)
        made = one.synthesise("--concurrency", concurrency)
        found.append((made["dataset"]["hash"], made["synthesis"]["attempts"], made["synthesis"]["calls"]))
    assert found[0] == found[1] == found[2]


def test_after_a_kill_it_goes_on_to_the_same_dataset(school: School, tmp_path: Path) -> None:
    whole = school.synthesise("--concurrency", "2", name="whole")
    before = Counter(map(msgspec.json.encode, school.teacher.asked))
    other = tmp_path / "other"
    other.mkdir()
    school.teacher.asked.clear()
    slow = School(other, school.teacher)
    slow.configure()
    slow.write(SUMS)

    def slowly(request: dict[str, Any]) -> str:
        time.sleep(0.05)
        return adds(request)

    teach(school, slowly)
    words = ("dataset", "synthesise", "whole", "--outline", "outline.toml", "--concurrency", "2")
    process = slow.shell.start(*words)
    limit = time.monotonic() + 20
    while len(school.teacher.asked) < 6 and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    broken_off = len(school.teacher.asked)
    assert 6 <= broken_off < before.total()
    made = slow.synthesise("--concurrency", "2", name="whole")
    assert made["dataset"]["hash"] == whole["dataset"]["hash"]
    # What was under way when it was killed, and no more than that, is asked again.
    assert len(school.teacher.asked) <= before.total() + 2
    assert made["synthesis"]["asked"] < before.total()


def test_an_interrupt_keeps_what_was_answered(school: School) -> None:
    def slowly(request: dict[str, Any]) -> str:
        time.sleep(0.05)
        return adds(request)

    teach(school, slowly)
    words = ("dataset", "synthesise", "made", "--outline", "outline.toml", "--concurrency", "1")
    process = school.shell.start(*words)
    limit = time.monotonic() + 20
    while len(school.teacher.asked) < 4 and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said_to_people = process.communicate(timeout=20)
    assert process.returncode == 130, said_to_people
    assert b"It was interrupted. The same command goes on" in said_to_people
    kept = len(school.teacher.asked)
    assert school.synthesise("--concurrency", "1")["synthesis"]["calls"] >= kept - 1


def test_two_processes_do_not_do_the_same(school: School) -> None:
    def slowly(request: dict[str, Any]) -> str:
        time.sleep(0.2)
        return adds(request)

    teach(school, slowly)
    process = school.shell.start("dataset", "synthesise", "made", "--outline", "outline.toml")
    limit = time.monotonic() + 20
    while not school.teacher.asked and time.monotonic() < limit:
        time.sleep(0.01)
    done = school.shell("dataset", "synthesise", "made", "--outline", "outline.toml")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert (done.returncode, "another process" in done.stderr) == (1, True)


def test_a_budget_in_calls_holds_over_all_runs(school: School) -> None:
    first = school.synthesise("--calls", "5")["synthesis"]
    assert (first["end"], first["calls"], len(school.teacher.asked)) == ("calls", 5, 5)
    assert (school.folder / ".freehold/synthesis").stat().st_mode & 0o077 == 0, "answers are for nobody else"
    second = school.synthesise("--calls", "9")["synthesis"]
    assert (second["end"], second["calls"], second["asked"]) == ("calls", 9, 4)
    assert "`--calls NUMBER`" in second["why"] or "calls are made" in second["why"]


def test_a_budget_in_money_is_not_overrun(school: School) -> None:
    school.configure(PRICED)
    report = school.synthesise("--budget", "0.08")["synthesis"]
    assert report["end"] == "budget"
    assert 0 < float(report["dollars"]) <= 0.08
    assert float(report["dollars"]) == pytest.approx(0.002 * report["calls"])
    again = school.synthesise("--budget", "0.08")["synthesis"]
    assert again["asked"] <= 1
    assert float(again["dollars"]) <= 0.08


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ("", "is not known"),
        ('[models."school/teacher"]\nlicence = "llama3.1"', "on a condition"),
        ('[models."school/teacher"]\nlicence = "Llama 3 Community License"', "forbid"),
    ],
)
def test_a_teacher_whose_terms_do_not_allow_it_is_refused_before_a_call(
    school: School, models: str, told: str
) -> None:
    school.configure(models)
    done = school.shell("dataset", "synthesise", "made", "--outline", "outline.toml")
    assert done.returncode == 1
    assert told in done.stderr
    assert "--allow school/teacher=" in done.stderr
    assert school.teacher.asked == []


def test_a_decision_lets_a_teacher_in_and_is_kept(school: School) -> None:
    school.configure('[models."school/teacher"]\nlicence = "llama3.1"')
    allow = "school/teacher=it will be called Llama-Sums"
    made = school.synthesise("--allow", allow, "--by", "Ada")
    notes = " ".join(made["dataset"]["notes"])
    assert "by decision of Ada: it will be called Llama-Sums" in notes
    assert "name that begins with `Llama`" in notes
    acts = [one for one in school.shell.json("audit", "list") if one["act"] == "dataset.allow"]
    assert len(acts) == 1


def test_answers_that_agree_are_taken_with_what_they_agree_on(school: School) -> None:
    turns: Counter[str] = Counter()

    def wavers(request: dict[str, Any]) -> str:
        question = said(request)
        turns[question] += 1
        number = len(question)
        if "birds" in question:
            return f"I say {turns[question]}"
        return f"I say {number if turns[question] != 2 else 0}"

    teach(school, lambda request: writes(request) if said(request).startswith("Write") else wavers(request))
    school.write(WRITTEN.replace("samples = 1", "samples = 4\n[check]\nagreement = 0.6"))
    made = school.synthesise()
    for row in school.rows():
        question = msgspec.json.decode(row.request)["messages"][-1]["content"]
        assert "birds" not in question
        assert msgspec.json.decode(row.target) == str(len(question))
        assert msgspec.json.decode(row.answer)["content"] == f"I say {len(question)}"
        assert msgspec.json.decode(row.rejected)["content"] == "I say 0"
        assert row.accepted == "judge"
    assert set(made["synthesis"]["left_out"]) <= {"the answers do not agree"}


def test_a_judge_may_say_what_is_good(school: School) -> None:
    def judged(request: dict[str, Any]) -> str:
        if "response_format" in request:
            good = "rivers" not in json.dumps(request["messages"])
            return json.dumps({"reasoning": "so it is", "score": 5 if good else 2})
        return writes(request)

    teach(school, judged)
    school.write(WRITTEN + '[check]\nscorers = ["rubric-judge:model=school/teacher"]\nat_least = 0.75\n')
    made = school.synthesise("--rows", "5", "--tries", "1", "--seed", "3")
    assert {row.accepted for row in school.rows()} == {"judge"}
    assert "rivers" not in {row.task_class for row in school.rows()}
    assert made["dataset"]["scorers"] == []
    asked = len(school.teacher.asked)
    assert school.synthesise("--rows", "5", "--tries", "1", "--seed", "3")["synthesis"]["asked"] == 0
    assert len(school.teacher.asked) == asked


def test_code_has_to_pass_the_tests_that_the_teacher_wrote(school: School) -> None:
    def programs(request: dict[str, Any]) -> str:
        asked = said(request)
        if "response_format" in request:
            schema = request["response_format"]["json_schema"]["schema"]
            assert schema["required"] == ["question", "target"]
            topic = asked.removesuffix(".").split()[-1]
            told = {"question": f"Write `f(x)` for {topic}.", "target": f"assert f(3) == 3 + {len(topic)}"}
            return json.dumps(told)
        topic = re.findall(r"for (\w+)", asked)[0]
        plus = len(topic) if topic != "towns" else 99
        return f"```python\ndef f(x):\n    return x + {plus}\n```"

    teach(school, programs)
    school.write(
        WRITTEN.replace("[answer]", 'expects = "python-tests"\n[answer]')
        + '[check]\nscorers = ["python-tests"]\n'
    )
    made = school.synthesise("--rows", "3", "--seed", "1")
    assert len(school.rows()) == 3
    assert "towns" not in {row.task_class for row in school.rows()}
    assert all("tests" in msgspec.json.decode(row.target) for row in school.rows())
    assert [one["kind"] for one in made["dataset"]["scorers"]] == ["python-tests"]


def test_questions_that_say_the_same_are_one(school: School) -> None:
    teach(
        school, lambda request: "Why do ships not sink in the sea?" if "Write" in said(request) else "Water."
    )
    school.write(WRITTEN)
    report = school.synthesise("--tries", "3")["synthesis"]
    assert (report["end"], report["kept"]) == ("attempts", 1)
    assert report["left_out"] == {"the question was nearly the same as an earlier one": 11}


def test_diversity_and_coverage_are_measured(school: School) -> None:
    teach(school, writes)
    school.write(WRITTEN.replace("rows = 4", "rows = 6"))
    report = school.synthesise()["synthesis"]
    assert (report["cells"], report["covered"], report["kept"]) == (6, 6, 6)
    questions = report["questions"]
    assert questions["texts"] == 6
    assert questions["distinct_1"] == pytest.approx((9 + 6) / 60, abs=0.02)
    assert 0 < questions["distinct_1"] < questions["distinct_2"] < 1
    assert questions["compression"] > 2
    assert 0 < questions["overlap"] < 1
    kept = msgspec.json.decode(
        (school.folder / ".freehold" / "synthesis" / report["id"] / "report.json").read_bytes()
    )
    assert kept == report


def test_the_simulated_provider_can_teach(tmp_path: Path) -> None:
    script = Script(models={"parrot": Behaviour(text=Echo())})
    with ThreadedProvider(lambda: SimulatedProvider(script)) as provider:
        (tmp_path / "freehold.toml").write_text(
            f'[local]\nenabled = false\n[providers.sim]\nbase_url = "{provider.base_url}"\n'
            '[models."sim/parrot"]\nlicence = "Apache-2.0"\n'
        )
        (tmp_path / "outline.toml").write_text(
            SUMS.replace("school/teacher", "sim/parrot").replace('target = "a + b"', 'target = "b"')
        )
        shell = Shell(tmp_path)
        made = shell.json("dataset", "synthesise", "said", "--outline", "outline.toml")[0]
        assert made["synthesis"]["end"] == "complete"  # type: ignore[index]
        assert len(provider.requests) == made["synthesis"]["calls"]  # type: ignore[index]


def test_nothing_good_enough_makes_no_dataset(school: School) -> None:
    teach(school, lambda request: "I would not know.")
    done = school.shell("dataset", "synthesise", "made", "--outline", "outline.toml", "--tries", "1")
    assert done.returncode == 1
    assert "None of 12 attempts came to a row: 12 times `numeric` found no answer good enough" in done.stderr
    assert school.shell.json("dataset", "list") == []


def test_fewer_calls_than_an_attempt_takes_are_no_fault_of_the_teacher(school: School) -> None:
    teach(school, lambda request: "I would not know.")
    words = (
        "dataset",
        "synthesise",
        "made",
        "--outline",
        "outline.toml",
        "--calls",
        "2",
        "--concurrency",
        "1",
    )
    done = school.shell(*words)
    assert done.returncode == 1
    assert "No attempt was brought to its end. All 2 calls are made." in done.stderr
    assert "an attempt takes up to 3 calls" in done.stderr


def test_a_plan_asks_nothing(school: School) -> None:
    plan = school.synthesise("--plan")
    assert (plan["rows"], plan["cells"], plan["most_calls"], plan["calls_before"]) == (12, 8, 360, 0)
    assert plan["terms"]["verdict"] == "allowed"
    assert len(plan["questions"]) == 3
    done = school.shell("dataset", "synthesise", "made", "--outline", "outline.toml", "--plan")
    assert "school/teacher would write 12 rows from 8 cells." in done.stdout
    assert school.teacher.asked == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("rows = 12", "rows = 0"), "rows"),
        (("[seeds]", "[seed]"), "seed"),
        (('topics = ["pens", "apples", "ships", "letters"]', "topics = []"), "topics"),
        (("{topic}", "{subject}"), "`subject`"),
        (("{topic}", "{topic"), "question.template"),
        (("{topic}", "{topic.upper}"), "is no place"),
        (('target = "a + b"', 'target = "a + c"'), "`c`"),
        (('target = "a + b"', 'target = "a ** b"'), "may have"),
        (('target = "a + b"', 'target = "__import__(1)"'), "may have"),
        (("[1, 900], b", "[900, 1], b"), "begin above their end"),
        (("template =", "prompt ="), "belong to a `template`"),
        (('scorers = ["numeric"]', 'scorers = ["numerical"]'), "There is no scorer `numerical`"),
        (
            ('scorers = ["numeric"]', 'scorers = ["pairwise-judge:model=school/teacher"]'),
            "compares two answers",
        ),
        (('scorers = ["numeric"]', "agreement = 2"), "agreement"),
        (('scorers = ["numeric"]', 'by = "mood"'), "check.by"),
        (("rows = 12", "rows = 12 ="), "no TOML"),
        (('teacher = "school/teacher"', ""), "Nobody is named"),
        (("school/teacher", "nobody"), "nobody"),
    ],
)
def test_mistakes_in_an_outline_are_told_before_a_call(
    school: School, change: tuple[str, str], told: str
) -> None:
    assert change[0] in SUMS
    school.write(SUMS.replace(*change))
    done = school.shell("dataset", "synthesise", "made", "--outline", "outline.toml")
    assert done.returncode == 1, done.stdout
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert school.teacher.asked == []


def test_numbers_that_have_no_target_cost_an_attempt_and_no_call(school: School) -> None:
    school.write(SUMS.replace("b = [1, 900]", "b = [0, 1]").replace('"a + b"', '"(a + b) // b + b - 1"'))
    teach(school, lambda request: f"The sum is {sum(map(int, re.findall('[0-9]+', said(request))))}.")
    report = school.synthesise("--rows", "3")["synthesis"]
    assert report["end"] == "complete"
    assert report["left_out"].get("the target could not be reckoned from the numbers drawn", 0) > 0
    assert report["calls"] == 3


def test_a_scorer_without_a_target_is_a_mistake_of_the_outline(school: School) -> None:
    school.write(SUMS.replace('target = "a + b"\n', ""))
    done = school.shell("dataset", "synthesise", "made", "--outline", "outline.toml")
    assert done.returncode == 1
    assert "`[question]` has to say where targets come from" in done.stderr
