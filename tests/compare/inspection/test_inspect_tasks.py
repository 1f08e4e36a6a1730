"""Suites of Inspect AI's tasks: what is asked, what is answered, and what is said of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.compare.answer import Answer, ToolCall
from freehold.compare.archive import Archive
from freehold.compare.case import Case, Suite
from freehold.compare.database import Database
from freehold.compare.halting import ScorerFailed
from freehold.compare.running.comparing import Comparing, Ended, new_comparison
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Means, Terms
from freehold.core.errors import BadRequest, FreeholdError, NotFound
from freehold.core.ids import new_id

pytest.importorskip("inspect_ai")
# Inspect AI and what it stands on warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")

from freehold.compare.inspection.adding import add_task  # noqa: E402 - needs the package

TASKS = Path(__file__).parents[2] / "support" / "inspect_tasks.py"
TERMS = Terms(incumbent="old/model", candidates=("new/model",), margin=0.3)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[SuiteShelf]:
    with closing(Database(tmp_path / "compare.db")) as database:
        yield SuiteShelf(database)


class Asked:
    """Models that answer by what stands in the messages, and what they were asked."""

    def __init__(self, text: str | None = None, wrong: str | None = None, fails: str | None = None) -> None:
        """`text`: all that they say; None: what they were told. `wrong`: who answers nonsense."""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._text = text
        self._wrong = wrong
        self._fails = fails

    async def __call__(self, model: str, request: msgspec.Raw) -> Answer:
        await asyncio.sleep(0)
        body = msgspec.json.decode(request)
        self.requests.append((model, body))
        last = body["messages"][-1]
        kept: dict[str, Any] = {"id": new_id("answer"), "model": model, "call_id": new_id("call")}
        if model == self._wrong:
            return Answer(**kept, text="nonsense")
        if last["role"] == "tool":
            if model == self._fails:
                return Answer(**kept, failure="provider_timeout")
            return Answer(**kept, text=f"It is {last['content']}.")
        if "tools" in body:
            x, y = last["content"].split(" + ")
            return Answer(**kept, tool_calls=(ToolCall("add", json.dumps({"x": int(x), "y": int(y)})),))
        return Answer(**kept, text=self._text or last["content"])


def suite_of(shelf: SuiteShelf, task: str, grader: str | None = None, **args: Any) -> Suite:
    return add_task(shelf, f"{TASKS}@{task}", args, grader=grader).suite


def compared(shelf: SuiteShelf, suite: Suite, ask: Asked) -> Ended:
    async def work() -> Ended:
        archive = Archive(shelf.database)
        comparison = new_comparison(suite, TERMS)
        archive.begin(comparison)
        return await Comparing(comparison, suite, Means(), shelf, archive, goes_on=False).run(ask)

    return asyncio.run(work())


def cases(shelf: SuiteShelf, suite: Suite) -> list[Case]:
    return list(shelf.cases(suite.id))


def test_samples_become_cases_that_ask_what_the_task_asks(shelf: SuiteShelf) -> None:
    suite = suite_of(shelf, "echo", many=3)
    assert (suite.name, suite.cases, suite.source.kind) == ("echo", 3, "inspect")
    first = cases(shelf, suite)[0]
    assert first.id == "case-word0"
    assert msgspec.json.decode(first.target) == "word0"
    assert msgspec.json.decode(first.request) == {
        "messages": [{"role": "user", "content": "word0"}],
        "max_tokens": 12,
        "temperature": 0,
    }


def test_the_same_task_is_there_once_and_its_arguments_are_part_of_it(shelf: SuiteShelf) -> None:
    reference = f"{TASKS}@echo"
    first = add_task(shelf, reference, {"many": 3})
    assert not add_task(shelf, reference, {"many": 3}).is_new
    assert add_task(shelf, reference, {"many": 4}).suite.hash != first.suite.hash


def test_a_candidate_that_is_wrong_is_found_out_by_the_tasks_own_scorer(shelf: SuiteShelf) -> None:
    ended = compared(shelf, suite_of(shelf, "echo"), Asked(wrong="new/model"))
    assert ended.verdicts[0].decision == "does not replace"
    assert (ended.verdicts[0].evidence.incumbent_mean, ended.verdicts[0].evidence.candidate_mean) == (
        1.0,
        0.0,
    )


def test_a_candidate_that_is_right_replaces_the_incumbent(shelf: SuiteShelf) -> None:
    same = compared(shelf, suite_of(shelf, "echo"), Asked())
    assert same.verdicts[0].decision == "replaces"


def test_choices_are_asked_for_and_read_as_the_task_does(shelf: SuiteShelf) -> None:
    suite = suite_of(shelf, "letters")
    system, asked = msgspec.json.decode(cases(shelf, suite)[0].request)["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert "A) none" in asked["content"] and "ANSWER: $LETTER" in asked["content"]
    ended = compared(shelf, suite, Asked("I think so.\nANSWER: B", wrong="new/model"))
    evidence = ended.verdicts[0].evidence
    assert (evidence.incumbent_mean, evidence.candidate_mean, evidence.losses) == (1.0, 0.0, 6)


def test_what_a_solver_asks_after_its_tools_is_asked_of_the_same_model_and_is_on_record(
    shelf: SuiteShelf,
) -> None:
    suite, asked = suite_of(shelf, "sums"), Asked()
    ended = compared(shelf, suite, asked)
    evidence = ended.verdicts[0].evidence
    assert (evidence.incumbent_mean, evidence.candidate_mean, evidence.n) == (1.0, 1.0, 10)
    for model in TERMS.parties:
        later = [
            body for name, body in asked.requests if name == model and body["messages"][-1]["role"] == "tool"
        ]
        assert len(later) == 10
    assert later[0]["messages"][-2]["tool_calls"][0]["function"]["name"] == "add"
    assert later[0]["tools"][0]["function"]["parameters"]["required"] == ["x", "y"]
    archive = Archive(shelf.database)
    pairs = next(archive.pairs(ended.comparison.id, "new/model"))
    answers = [pair.candidate_answer for pair in pairs]
    scores = archive.known_scores(answers)
    assert len(scores) == 10 and all(len(one.call_ids) == 1 for one in scores.values())


def test_who_fails_at_a_later_question_gets_no_verdict(shelf: SuiteShelf) -> None:
    ended = compared(shelf, suite_of(shelf, "sums"), Asked(fails="new/model"))
    assert ended.verdicts[0].decision == "undecided"
    assert ended.verdicts[0].evidence.uncounted.keys() == {"no verdict"}


def test_scores_of_several_scorers_are_their_mean(shelf: SuiteShelf) -> None:
    ended = compared(shelf, suite_of(shelf, "twice"), Asked(wrong="new/model"))
    evidence = ended.verdicts[0].evidence
    assert (evidence.incumbent_mean, evidence.candidate_mean) == (0.75, 0.25)


def test_a_model_does_not_judge_itself_and_a_grader_is_asked_through_us(shelf: SuiteShelf) -> None:
    with pytest.raises(ScorerFailed, match="a model does not judge itself"):
        compared(shelf, suite_of(shelf, "graded"), Asked())
    asked = Asked("GRADE: C")
    ended = compared(shelf, suite_of(shelf, "graded", grader="judge/wise"), asked)
    assert ended.verdicts[0].evidence.candidate_mean == 1.0
    assert sum(1 for model, _ in asked.requests if model == "judge/wise") == 2  # once of each answer


def test_another_model_is_asked_through_us_by_its_name(shelf: SuiteShelf) -> None:
    asked = Asked()
    compared(shelf, suite_of(shelf, "friend"), asked)
    assert sum(1 for model, _ in asked.requests if model == "other/friend") == 2


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("past_freehold", "asked `stranger/model` past Freehold"),
        ("too_much", "says 7, which is not from 0 to 1"),
    ],
)
def test_a_task_that_cannot_be_relied_on_ends_the_comparison_in_words(
    shelf: SuiteShelf, task: str, said: str
) -> None:
    with pytest.raises(ScorerFailed, match=said):
        compared(shelf, suite_of(shelf, task), Asked())


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("drawn", "does not ask the same each time"),
        ("contained", "needs a sandbox"),
        ("silent", "asks no model anything"),
    ],
)
def test_a_task_that_cannot_be_compared_on_is_turned_down(shelf: SuiteShelf, task: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        suite_of(shelf, task)
    assert not shelf.list()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (f"{TASKS}@ecko", "has no task `ecko`"),
        (str(TASKS), "has several tasks"),
        ("inspect:nowhere_at_all@task", "There is no module `nowhere_at_all`"),
        ("inspect:json@task", "has no task"),
        ("absent.py@task", "There is no file `absent.py`"),
        (f"{TASKS}@echo", "cannot be made: TypeError"),
    ],
)
def test_what_is_not_there_is_named(shelf: SuiteShelf, reference: str, said: str) -> None:
    with pytest.raises((NotFound, BadRequest)) as raised:
        add_task(shelf, reference, {"colour": "red"})
    assert isinstance(raised.value, FreeholdError)
    assert said in raised.value.message


def test_a_task_that_was_changed_since_is_not_scored_with(shelf: SuiteShelf, tmp_path: Path) -> None:
    copied = tmp_path / "copied.py"
    copied.write_text(TASKS.read_text())
    suite = add_task(shelf, f"{copied}@echo", {"many": 2}).suite
    copied.write_text(TASKS.read_text() + "\n# changed\n")
    with pytest.raises(BadRequest, match="was changed since"):
        compared(shelf, suite, Asked())
