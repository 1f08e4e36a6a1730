"""`freehold judge` with a simulated provider in the judge's place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated import Behaviour, Hang, Refused, Script, SimulatedProvider, ThreadedProvider

TOML = """
[providers.bench]
base_url = "{url}"

[providers.bench.timeouts]
first_token = 0.5
"""


@pytest.fixture
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script()) as started:
        yield started


@pytest.fixture
def shell(tmp_path: Path, provider: ThreadedProvider) -> Shell:
    (tmp_path / "freehold.toml").write_text(TOML.format(url=provider.base_url))
    return Shell(tmp_path)


def verdict(score: int) -> str:
    return json.dumps({"reasoning": "So it is.", "score": score})


def says(*replies: str | Behaviour) -> Script:
    """One reply for each question, in turn; the last one stays."""
    behaviours = [one if isinstance(one, Behaviour) else Behaviour(text=one) for one in replies]
    return Script(models={"judge": tuple(behaviours)})


def answers(folder: Path, good: int, bad: int, model: str = "acme/one", **more: object) -> str:
    """A file of labels of one model's answers: first the good ones."""
    rows: list[dict[str, object]] = []
    for number in range(good + bad):
        label = number < good
        text = f"{'right' if label else 'wrong'} {number}"
        rows.append(
            {"question": f"Question {number}?", "model": model, "answer": text, "label": label, **more}
        )
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def pairs(folder: Path, better: str, count: int = 12) -> str:
    rows = [
        {
            "question": f"Question {number}?",
            "model_a": "acme/one",
            "answer_a": f"first {number}",
            "model_b": "beta/two",
            "answer_b": f"second {number}",
            "better": better,
        }
        for number in range(count)
    ]
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def check(shell: Shell, labels: str, *words: str) -> dict[str, object]:
    (found,) = shell.json(
        "judge", "check", "--judge", "bench/judge", "--labels", labels, "--concurrency", "1", *words
    )
    return found


def figure(found: dict[str, object], name: str) -> dict[str, float] | None:
    findings = found["findings"]
    assert isinstance(findings, dict)
    value = findings[name]
    assert value is None or isinstance(value, dict)
    return value


def test_a_judge_is_measured_against_people(shell: Shell, provider: ThreadedProvider) -> None:
    # It finds five of six good answers good, and one of four bad ones.
    provider.play(says(*[verdict(5)] * 5, verdict(1), verdict(4), *[verdict(1)] * 3))
    found = check(shell, answers(shell.folder, 6, 4))
    assert (found["complete"], found["judged"], found["kind"]) == (True, 10, "rubric-judge")
    agreement = figure(found, "agreement")
    assert agreement is not None
    assert agreement["value"] == pytest.approx(0.8)
    assert agreement["low"] < 0.8 < agreement["high"]
    kappa = figure(found, "kappa")
    assert kappa is not None
    assert kappa["value"] == pytest.approx((0.8 - 0.52) / (1 - 0.52))
    findings = found["findings"]
    assert isinstance(findings, dict)
    (model,) = findings["models"]
    assert model["model"] == "acme/one"
    assert model["sensitivity"]["value"] == pytest.approx(5 / 6)
    assert model["specificity"]["value"] == pytest.approx(3 / 4)
    assert figure(found, "consistency") is None  # nothing was asked in two orders


def test_what_was_found_is_kept_and_shown_again(shell: Shell, provider: ThreadedProvider) -> None:
    provider.play(says(verdict(5)))
    found = check(shell, answers(shell.folder, 5, 5))
    (listed,) = shell.json("judge", "list")
    assert listed["check"] == found["check"]
    (shown,) = shell.json("judge", "show", str(found["check"])[:12])
    assert shown == found
    told = shell("judge", "show", str(found["check"]))
    assert told.returncode == 0
    assert "SENSITIVITY" in told.stdout
    assert "They are from elsewhere" in told.stderr


def test_every_question_is_a_call_on_record(shell: Shell, provider: ThreadedProvider) -> None:
    provider.play(says("I like it.", verdict(4)))
    found = check(shell, answers(shell.folder, 1, 1))
    calls = shell.json("calls")
    assert len(calls) == 3  # the first one was asked for once more
    assert {call["key"] for call in calls} == {found["check"]}


def test_prose_is_no_verdict_and_counted(shell: Shell, provider: ThreadedProvider) -> None:
    provider.play(says("I would say that it is rather good."))
    found = check(shell, answers(shell.folder, 2, 2))
    none = figure(found, "no_verdict")
    assert none is not None
    assert none["value"] == 1.0
    assert figure(found, "agreement") is None
    assert len(provider.requests) == 8


def test_a_judge_that_declines_has_no_verdict(shell: Shell, provider: ThreadedProvider) -> None:
    provider.play(says(verdict(5), Behaviour(refusal="I do not judge.")))
    none = figure(check(shell, answers(shell.folder, 2, 2)), "no_verdict")
    assert none is not None
    assert none["value"] == pytest.approx(3 / 4)


def test_a_judge_that_goes_by_the_order_is_found_out(shell: Shell, provider: ThreadedProvider) -> None:
    provider.play(says('{"reasoning": "The first one.", "better": "A"}'))
    found = check(shell, pairs(shell.folder, "b"))
    consistency, first = figure(found, "consistency"), figure(found, "first_preferred")
    assert consistency is not None
    assert consistency["value"] == 0.0
    assert first is not None
    assert first["value"] == 1.0
    agreement = figure(found, "agreement")
    assert agreement is not None
    assert agreement["value"] == 0.0


def test_a_judge_that_times_out_has_no_verdict_and_the_rest_counts(
    shell: Shell, provider: ThreadedProvider
) -> None:
    slow = Behaviour(text=verdict(5), faults=(Hang(),))
    provider.play(says(slow, slow, slow, verdict(5)))
    found = check(shell, answers(shell.folder, 3, 1))
    none = figure(found, "no_verdict")
    assert none is not None
    assert 0 < none["value"] < 1
    assert figure(found, "agreement") is not None


def test_a_check_that_was_broken_off_is_gone_on_with(shell: Shell, provider: ThreadedProvider) -> None:
    quick = Behaviour(text=verdict(5))
    slow = Behaviour(text=verdict(5), headers_s=0.4)
    provider.play(says(*[quick] * 4, slow))
    labels = answers(shell.folder, 12, 12)
    words = ("judge", "check", "--judge", "bench/judge", "--labels", labels, "--concurrency", "1", "--json")
    running = shell.start(*words)
    while len(provider.requests) < 9:
        time.sleep(0.02)
    running.kill()
    running.communicate()
    (listed,) = shell.json("judge", "list")
    assert listed["complete"] is False
    kept = listed["judged"]
    assert isinstance(kept, int)
    assert 4 <= kept <= 9
    asked = len(provider.requests)
    provider.play(says(quick))
    found = check(shell, labels)
    assert found["check"] == listed["check"]
    assert (found["complete"], found["judged"]) == (True, 24)
    assert len(provider.requests) - asked == 24 - kept


def test_a_budget_of_zero_asks_nothing(shell: Shell, provider: ThreadedProvider) -> None:
    labels = answers(shell.folder, 2, 2)
    words = ("judge", "check", "--judge", "bench/judge", "--labels", labels, "--budget", "0")
    unpriced = shell(*words)
    assert unpriced.returncode == 1
    assert "price" in unpriced.stderr
    toml = (shell.folder / "freehold.toml").read_text()
    (shell.folder / "freehold.toml").write_text(
        f'{toml}\n[models."bench/judge"]\ninput = 1.0\noutput = 2.0\n'
    )
    spent = shell(*words)
    assert spent.returncode != 0
    assert "budget" in spent.stderr
    assert provider.requests == []


def test_self_preference_is_told_where_a_house_judges_itself(
    shell: Shell, provider: ThreadedProvider
) -> None:
    labels = Path(answers(shell.folder, 3, 3, model="bench/own"))
    others = labels.read_text()
    labels.write_text(others + others.replace("bench/own", "acme/other"))
    provider.play(says(*[verdict(5)] * 6, *[verdict(5)] * 3, verdict(1)))
    found = check(shell, str(labels))
    leaning = figure(found, "self_preference")
    assert leaning is not None
    assert leaning["value"] == pytest.approx(0.5)  # it finds half of its own answers good that are bad


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "labels.jsonl:2"),
        ('{"question": "?", "model": "a/b", "answer": "x"}', "label"),
        ('{"question": "?", "model": "a/b", "answer": "x", "label": 2}', "label"),
        ('{"question": "?", "model": "a/b", "answer": "x", "lable": 1}', "lable"),
        ('{"model": "a/b", "answer": "x", "label": 1}', "question"),
        ('{"question": "?", "request": {}, "model": "a/b", "answer": "x", "label": 1}', "too much"),
        ('{"case": "unheard-of", "model": "a/b", "answer": "x", "label": 1}', "unheard-of"),
    ],
)
def test_a_wrong_label_is_named(shell: Shell, line: str, said: str, provider: ThreadedProvider) -> None:
    path = Path(answers(shell.folder, 1, 0))
    path.write_text(path.read_text() + line + "\n")
    done = shell("judge", "check", "--judge", "bench/judge", "--labels", str(path))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert provider.requests == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Which model judges is not said"),
        (("--judge", "nobody/there"), "nobody"),
        (("--judge", "bench/judge", "--suite", "none"), "There is no suite `none`"),
        (("--judge", "bench/judge", "--sample-of", "none"), "There is no suite `none`"),
        (("--judge", "bench/judge", "--scorer", '{"kind": "exact"}'), "`exact` is no judge"),
        (("--judge", "bench/judge", "--scorer", '{"kind": "pairwise-judge"}'), "single answers"),
        (("--scorer", '{"kind": "rubric-judge", "settings": {"modle": "x"}}'), "Which model judges"),
        (("--judge", "bench/judge", "--scorer", "{"), "not understood"),
    ],
)
def test_what_cannot_be_meant_is_said(shell: Shell, words: tuple[str, ...], said: str) -> None:
    done = shell("judge", "check", "--labels", answers(shell.folder, 1, 1), *words)
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_file_has_no_labels(shell: Shell) -> None:
    (shell.folder / "none.jsonl").write_text("\n")
    done = shell("judge", "check", "--judge", "bench/judge", "--labels", "none.jsonl")
    assert done.returncode == 1
    assert "has no labels" in done.stderr


def test_a_provider_that_refuses_the_form_is_no_guess(shell: Shell, provider: ThreadedProvider) -> None:
    refused = Behaviour(faults=(Refused(status=400, message="response_format is not supported"),))
    provider.play(says(refused))
    none = figure(check(shell, answers(shell.folder, 2, 1)), "no_verdict")
    assert none is not None
    assert none["value"] == 1.0


def test_settings_of_ones_own_reach_the_judge(shell: Shell, provider: ThreadedProvider) -> None:
    provider.play(says('{"reasoning": "r", "score": 1}'))
    scorer = '{"kind": "rubric-judge", "settings": {"rubric": "Rhymes.", "low": 0, "high": 1, "repeats": 2}}'
    found = check(shell, answers(shell.folder, 2, 1), "--scorer", scorer)
    assert len(provider.requests) == 6
    sent = msgspec.json.decode(provider.requests[0].body)
    assert "Rhymes." in sent["messages"][0]["content"]
    assert sent["response_format"]["json_schema"]["schema"]["properties"]["score"]["enum"] == [0, 1]
    findings = found["findings"]
    assert isinstance(findings, dict)
    assert findings["repeat_variance"] == 0.0
