"""`freehold compare` over a suite with a judge that leans to the candidate, and what a check of it does to the verdict.

The incumbent is right in six of ten cases and the candidate in none, but it says "certainly", and gets eight of ten
points for that: the judge finds it better, and people do not.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compared import Folder, case
from shell import Shell, forks  # noqa: F401 - a fixture of every test here
from told_provider import ToldProvider

from freehold.compare.case import ScorerSettings

CASES = 100
WORDS = ("compare", "old/model", "--with", "new/other", "--suite", "words")
TOML = """
[local]
enabled = false
[providers.old]
base_url = "{url}/v1"
[providers.new]
base_url = "{url}/v1"
[providers.house]
base_url = "{url}/v1"
"""


def old_says(number: int) -> str:
    return f"{'right' if number * 7 % 10 < 6 else 'wrong'} {number}"


def new_says(number: int) -> str:
    """Elsewhere, from 1000 on, it is right in half of the cases."""
    return f"{'right' if number >= 1000 and number % 10 < 5 else 'wrong'} {number}, certainly"


def points(answer: str) -> int:
    if answer.startswith("right"):
        return 10
    return 8 if "certainly" in answer else 0


class JudgingProvider(ToldProvider):
    """Speaks for both models and for the judge, who reads what stands between its tags."""

    def __init__(self, judge: Callable[[dict[str, str]], str]) -> None:
        super().__init__()
        self._judge = judge
        self.judged = 0

    def answer_to(self, body: bytes) -> bytes:
        request = msgspec.json.decode(body)
        said = request["messages"][-1 if len(request["messages"]) == 1 else 1]["content"]
        found = re.findall(r"<(answer[\w-]*)-(\w{16})>\n(.*?)\n</\1-\2>", said, re.DOTALL)
        if found:
            self.judged += 1
            text = self._judge({name: answer for name, _, answer in found})
        else:
            number = int(said.removeprefix("word"))
            text = old_says(number) if request["model"] == "model" else new_says(number)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        return msgspec.json.encode(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": request["model"],
                "choices": [choice],
                "usage": usage,
            }
        )


def scores(answers: dict[str, str]) -> str:
    return json.dumps({"reasoning": "r", "score": points(answers["answer"])})


def prefers(answers: dict[str, str]) -> str:
    """The longer answer, which is the candidate's, in three of four cases."""
    number = int(re.findall(r"\d+", answers["answer-A"])[0])
    longer = "A" if len(answers["answer-A"]) > len(answers["answer-B"]) else "B"
    return json.dumps({"reasoning": "r", "better": longer if number % 4 else "AB".replace(longer, "")})


def judging(kind: str, model: str = "house/judge", **settings: object) -> tuple[ScorerSettings, ...]:
    body = msgspec.json.encode({"model": model, **settings})
    return (ScorerSettings(kind=kind, settings=msgspec.Raw(body)),)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[JudgingProvider]:
    with JudgingProvider(lambda answers: (scores if "answer" in answers else prefers)(answers)) as running:
        toml = TOML.format(url=running.url)
        (tmp_path / "freehold.toml").write_text(toml)
        yield running


def compare(shell: Shell, *more: str, margin: float = 0.2) -> dict[str, Any]:
    return verdict_in(shell.json(*WORDS, "--margin", str(margin), *more))


def verdict_in(told: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts = told[0]["verdicts"]
    assert isinstance(verdicts, list)
    (verdict,) = verdicts
    assert isinstance(verdict, dict)
    return verdict


def labels(folder: Path, cases: list[int], *, of_suite: bool) -> str:
    rows = []
    for number in cases:
        for model, says in (("old/model", old_says), ("new/other", new_says)):
            row: dict[str, object] = {"model": model, "answer": says(number)}
            row["label"] = says(number).startswith("right")
            row |= {"case": f"case-{number}"} if of_suite else {"question": f"word{number}"}
            rows.append(row)
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_without_a_check_the_verdict_is_about_the_judge_and_says_so(
    shell: Shell, provider: JudgingProvider
) -> None:
    Folder(shell.folder).add(map(case, range(CASES)), scorers=judging("rubric-judge", low=0, high=10))
    verdict = compare(shell)
    assert verdict["decision"] == "replaces"
    assert verdict["evidence"]["n"] < CASES
    assert verdict["notes"] == [
        "This is about the verdicts of `house/judge`, and promises nothing about people."
    ]
    assert "correction" not in verdict["evidence"] or not verdict["evidence"]["correction"]
    assert "promises nothing about people" in shell("compare", "show", str(verdict["comparison"])).stdout


def test_labels_of_a_random_sample_decide_at_the_end(shell: Shell, provider: JudgingProvider) -> None:
    suite = Folder(shell.folder).add(map(case, range(CASES)), scorers=judging("rubric-judge", low=0, high=10))
    sample = sorted(random.Random(1).sample(range(CASES), 50))
    file = labels(shell.folder, sample, of_suite=True)
    (check,) = shell.json("judge", "check", "--suite", "words", "--sample-of", "words", "--labels", file)
    assert check["sample_of"] == suite.hash
    asked = provider.judged
    verdict = compare(shell, margin=0.05)
    assert verdict["decision"] == "does not replace"
    assert verdict["evidence"]["n"] == CASES  # nothing stopped early
    assert provider.judged - asked == 2 * CASES
    evidence = verdict["evidence"]
    assert evidence["people"]["weight"] >= 0.5
    assert evidence["low"] < -0.6 < evidence["high"] < -0.4
    assert "50 labels of a random sample of the suite" in evidence["correction"]
    assert "notes" not in verdict or not verdict["notes"]


def test_labels_from_elsewhere_withdraw_a_verdict(shell: Shell, provider: JudgingProvider) -> None:
    Folder(shell.folder).add(map(case, range(CASES)), scorers=judging("rubric-judge", low=0, high=10))
    file = labels(shell.folder, list(range(1000, 1080)), of_suite=False)
    shell.json("judge", "check", "--suite", "words", "--labels", file)
    verdict = compare(shell)
    assert verdict["decision"] == "undecided"
    assert "speaks against that" in verdict["reason"]
    people = verdict["evidence"]["people"]
    assert people["method"] == "error rates"
    assert people["difference"] == pytest.approx(-0.6, abs=0.2)
    assert people["judge_alone"] > 0
    assert any("labels of other cases" in note for note in verdict["notes"])


def test_classes_are_decided_by_their_own_labels_or_not_at_all(
    shell: Shell, provider: JudgingProvider
) -> None:
    cases = [case(number, task_class="rare" if number % 10 == 1 else "usual") for number in range(CASES)]
    Folder(shell.folder).add(cases, scorers=judging("rubric-judge", low=0, high=10))
    sample = sorted(random.Random(1).sample(range(CASES), 50))
    few = sum(1 for number in sample if number % 10 == 1)
    assert 0 < few < 10
    file = labels(shell.folder, sample, of_suite=True)
    shell.json("judge", "check", "--suite", "words", "--sample-of", "words", "--labels", file)
    verdicts = by_class(shell.json(*WORDS, "--margin", "0.05"))
    assert {name: (one["decision"], one.get("adjusted", "")) for name, one in verdicts.items()} == {
        "": ("does not replace", ""),
        "rare": ("undecided", "holm"),
        "usual": ("does not replace", "holm"),
    }
    usual = verdicts["usual"]["evidence"]
    assert usual["people"]["labels"] == 50 - few
    assert usual["low"] < -2 / 3 < usual["high"] < -0.4
    assert f"{50 - few} labels of a random sample of the class" in usual["correction"]
    assert "fewer than 10 of the cases that they labelled are of this class" in verdicts["rare"]["reason"]
    # The judge alone would have let it replace there.
    assert verdicts["rare"]["evidence"]["difference"] > 0


def test_labels_from_elsewhere_withdraw_verdicts_of_classes_too(
    shell: Shell, provider: JudgingProvider
) -> None:
    cases = [case(number, task_class="ab"[number % 2]) for number in range(CASES)]
    Folder(shell.folder).add(cases, scorers=judging("rubric-judge", low=0, high=10))
    words = (*WORDS, "--margin", "0.3", "--to-the-end")
    unchecked = by_class(shell.json(*words))
    assert {one["decision"] for one in unchecked.values()} == {"replaces"}
    assert all("promises nothing about people" in one["notes"][0] for one in unchecked.values())
    file = labels(shell.folder, list(range(1000, 1080)), of_suite=False)
    shell.json("judge", "check", "--suite", "words", "--labels", file)
    verdicts = by_class(shell.json(*words, "--seed", "1"))
    assert set(verdicts) == {"", "a", "b"}
    for one in verdicts.values():
        assert one["decision"] == "undecided"
        assert "speaks against that" in one["reason"]
        assert one["evidence"]["people"]["method"] == "error rates"


def by_class(told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one.get("task_class", ""): one for one in told[0]["verdicts"]}


def test_a_check_of_another_model_corrects_nothing(shell: Shell, provider: JudgingProvider) -> None:
    Folder(shell.folder).add(map(case, range(CASES)), scorers=judging("rubric-judge", low=0, high=10))
    file = Path(labels(shell.folder, list(range(1000, 1040)), of_suite=False))
    file.write_text(file.read_text().replace("new/other", "some/body"))
    shell.json("judge", "check", "--suite", "words", "--labels", str(file))
    verdict = compare(shell)
    assert verdict["decision"] == "replaces"
    assert any("no answer of `new/other` was labelled" in note for note in verdict["notes"])


def test_a_judge_of_pairs_is_asked_in_both_orders(shell: Shell, provider: JudgingProvider) -> None:
    Folder(shell.folder).add(map(case, range(CASES)), scorers=judging("pairwise-judge"))
    verdict = compare(shell, "--to-the-end")
    assert provider.judged == 2 * CASES
    assert verdict["decision"] == "replaces"
    controlled = verdict["evidence"]["length_controlled"]
    assert controlled["raw"] > 0.5
    assert controlled["low"] < controlled["controlled"] < controlled["high"]
    assert verdict["evidence"]["incumbent_mean"] is None if "incumbent_mean" in verdict["evidence"] else True


def test_a_judge_of_the_house_is_refused_until_it_is_allowed(shell: Shell, provider: JudgingProvider) -> None:
    Folder(shell.folder).add(
        map(case, range(40)), scorers=judging("rubric-judge", model="new/judge", low=0, high=10)
    )
    done = shell(*WORDS)
    assert done.returncode == 1
    assert "served by the provider of `new/other`" in done.stderr
    assert "--allow-judge new/judge" in done.stderr
    assert provider.asked == []
    verdict = compare(shell, "--allow-judge", "new/judge")
    assert any("it was allowed by name" in note for note in verdict["notes"])


def test_a_judge_that_answers_prose_leaves_it_undecided(shell: Shell, tmp_path: Path) -> None:
    with JudgingProvider(lambda _: "Both are lovely.") as provider:
        (tmp_path / "freehold.toml").write_text(TOML.format(url=provider.url))
        Folder(tmp_path).add(map(case, range(40)), scorers=judging("rubric-judge"))
        verdict = compare(shell)
    assert verdict["decision"] == "undecided"
    assert "a judge gave no verdict" in verdict["reason"]


def test_labels_that_come_after_an_early_stop_do_not_decide_it(
    shell: Shell, provider: JudgingProvider
) -> None:
    Folder(shell.folder).add(map(case, range(CASES)), scorers=judging("rubric-judge", low=0, high=10))
    before = compare(shell)
    assert before["decision"] == "replaces"
    file = labels(shell.folder, list(range(0, CASES, 4)), of_suite=True)
    shell.json("judge", "check", "--suite", "words", "--sample-of", "words", "--labels", file)
    rescored = verdict_in(shell.json("compare", "show", str(before["comparison"]), "--rescore"))
    assert rescored["evidence"]["n"] == before["evidence"]["n"]
    assert any("It had stopped before these labels were known" in note for note in rescored["notes"])
    assert rescored["decision"] != "does not replace"
    after = compare(shell)
    assert after["comparison"] != before["comparison"]
    assert (after["evidence"]["n"], after["decision"]) == (CASES, "does not replace")


@pytest.mark.parametrize(("kind", "word"), [("rubric-judge", "label"), ("pairwise-judge", "better")])
def test_people_label_what_was_drawn_from_a_comparison(
    shell: Shell, provider: JudgingProvider, kind: str, word: str
) -> None:
    scorers = judging(kind, low=0, high=10) if kind == "rubric-judge" else judging(kind)
    Folder(shell.folder).add(map(case, range(CASES)), scorers=scorers)
    early = str(compare(shell)["comparison"])
    assert "no random sample" in shell("judge", "sample", early, "-n", "3").stderr
    verdict = compare(shell, "--to-the-end")
    assert verdict["evidence"]["n"] == CASES
    comparison = str(verdict["comparison"])
    drawn = shell("judge", "sample", comparison, "-n", "15", "--seed", "3")
    assert drawn.returncode == 0, drawn.stderr
    assert "no random sample" not in drawn.stderr
    assert shell("judge", "sample", comparison, "-n", "15", "--seed", "3").stdout == drawn.stdout
    lines = [json.loads(line) for line in drawn.stdout.splitlines()]
    assert len({line["case"] for line in lines}) == 15
    assert all(line[word] is None for line in lines)
    file = shell.folder / "drawn.jsonl"
    file.write_text(drawn.stdout)
    words = ("judge", "check", "--suite", "words", "--sample-of", "words", "--labels", "drawn.jsonl")
    done = shell(*words)
    assert done.returncode == 1
    assert "`drawn.jsonl:1`: it is not labelled yet." in done.stderr
    for line in lines:
        right = [str(line[name]).startswith("right") for name in ("answer_a", "answer_b") if name in line]
        if kind == "pairwise-judge":
            line["better"] = "tie" if right[0] == right[1] else "a" if right[0] else "b"
        else:
            line["label"] = line["answer"].startswith("right")
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (check,) = shell.json(*words)
    assert check["complete"] is True
    assert check["judged"] == len(lines) == (15 if kind == "pairwise-judge" else 30)
