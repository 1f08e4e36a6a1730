"""`freehold suite`: made of files and of recorded answers, listed, shown, exported and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from shell import Done, Shell, forks  # noqa: F401 - a fixture of every test here

CASES: list[dict[str, Any]] = [
    {"input": "How much is 2 + 2?", "target": "4", "class": "sums"},
    {
        "input": "환불은 며칠 걸리나요?",
        "target": ["3일", "사흘"],
        "class": "refunds",
        "id": "ko",
        "group": "user 7",
    },
    {"input": [{"role": "user", "content": "Say yes."}], "target": "yes"},
]
MODELS = {"old/one": (1.0, 0.5), "new/two": (0.0, 1.0)}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def _write(shell: Shell, name: str, rows: list[dict[str, Any]]) -> None:
    (shell.folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _recorded(**more: Any) -> list[dict[str, Any]]:
    return [
        {"case": f"q{place}", "model": model, "score": score, "input": f"Question {place}?", **more}
        for model, scores in MODELS.items()
        for place, score in enumerate(scores)
    ]


def _good(done: Done) -> str:
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_file_cannot_steer_the_terminal_of_whoever_adds_it(shell: Shell) -> None:
    steering = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202eevil"
    _write(shell, "evil.jsonl", [{"input": "a", "target": "b", steering: 1}])
    done = shell("suite", "add", "evil.jsonl", "--scorer", "exact")
    assert done.returncode == 1
    assert "field `\\x1b]0;owned\\x07\\x1b[2J\\x9b2J\\u202eevil`" in done.stderr
    _write(shell, "odd.jsonl", [{"scorers": [{"kind": "ex\x1b[2Jact"}]}, {"input": "a", "target": "b"}])
    assert "\x1b" not in shell("suite", "add", "odd.jsonl").stderr


def test_a_suite_is_made_of_a_file_once_and_gone_when_it_is_removed(shell: Shell) -> None:
    _write(shell, "support.jsonl", CASES)
    [made] = shell.json("suite", "add", "support.jsonl", "--scorer", "exact")
    assert (made["name"], made["cases"], made["new"]) == ("support", 3, True)
    again = shell("suite", "add", "support.jsonl", "--scorer", "exact")
    assert "has this content already" in _good(again)
    [other] = shell.json("suite", "add", "support.jsonl", "--scorer", "normalised:articles=true")
    assert other["hash"] != made["hash"]
    assert [one["id"] for one in shell.json("suite", "list")] == [other["id"], made["id"]]
    assert shell.json("suite", "show", "support")[0]["id"] == other["id"]
    shown = shell("suite", "show", str(made["id"]))
    assert "normalised" not in shown.stdout
    assert "환불은 며칠 걸리나요?" in shown.stdout
    assert "refunds" in shown.stdout
    assert f"Removed `support` ({other['id']})" in _good(shell("suite", "remove", "support"))
    assert [one["id"] for one in shell.json("suite", "list")] == [made["id"]]
    _good(shell("suite", "remove", "support"))
    gone = shell("suite", "show", "support")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "There is no suite `support`." in gone.stderr


def test_looking_for_suites_makes_no_database(shell: Shell) -> None:
    assert "There are no suites" in _good(shell("suite", "list"))
    assert shell("suite", "show", "none").returncode == 1
    assert not (shell.folder / ".freehold" / "compare.db").exists()


def test_what_is_exported_makes_the_same_suite(shell: Shell) -> None:
    _write(shell, "support.jsonl", CASES)
    scorers = ["--scorer", "normalised:where=anywhere", "--scorer", "rubric-judge:model=openai/gpt-4o"]
    [made] = shell.json("suite", "add", "support.jsonl", *scorers)
    exported = shell("suite", "export", "support")
    assert "3 cases exported." in _good(exported)
    (shell.folder / "again.jsonl").write_text(exported.stdout)
    [again] = shell.json("suite", "add", "again.jsonl")
    assert (again["hash"], again["scorers"]) == (made["hash"], made["scorers"])
    assert again["id"] != made["id"]


def test_a_suite_may_be_described_in_a_file_of_its_own(shell: Shell) -> None:
    _write(shell, "q.jsonl", [{"question": "2 + 2?", "target": "4", "ticket": 17}])
    (shell.folder / "sums.toml").write_text(
        'name = "arithmetic"\ncases = "q.jsonl"\nignore = ["ticket"]\nfields = { input = "question" }\n'
        '[[scorer]]\nkind = "normalised"\npunctuation = false\n'
    )
    [made] = shell.json("suite", "add", "sums.toml")
    assert made["name"] == "arithmetic"
    assert made["scorers"] == [{"kind": "normalised", "settings": {"punctuation": False}}]
    options = ("--field", "input=question", "--ignore", "ticket", "--scorer", "normalised:punctuation=false")
    [same] = shell.json("suite", "add", "q.jsonl", "--name", "arithmetic", *options)
    assert (same["id"], same["new"]) == (made["id"], False)
    (shell.folder / "wrong.toml").write_text('[[scorers]]\nkind = "exact"\n')
    assert "Did you mean `scorer`?" in shell("suite", "add", "wrong.toml").stderr


def test_nothing_is_kept_of_a_file_with_a_mistake(shell: Shell) -> None:
    _write(shell, "support.jsonl", [*CASES, {"input": "5?", "target": 5}])
    refused = shell("suite", "add", "support.jsonl", "--scorer", "exact")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "support.jsonl, line 4, field `target`" in refused.stderr
    assert shell.json("suite", "list") == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Nothing says how answers to `support` are judged."),
        (("--scorer", "exat"), "Did you mean `exact`?"),
        (("--scorer", "exact:trimm=true"), "Did you mean `trim`?"),
        (("--scorer", "rubric-judge"), "The settings of `rubric-judge` are not understood"),
        (("--scorer", "pairwise-judg:model=a/b"), "Did you mean `pairwise-judge`?"),
        (("--scorer", "exact", "--scorer", "exact"), "is there twice"),
        (("--field", "input"), "names no two fields"),
        (("--field", "inputs=q"), "Did you mean `input`?"),
        (("--name", " "), "is no name for a suite"),
        (("--score-range", "1:10"), "Say `--recorded`, too."),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_made(
    shell: Shell, words: tuple[str, ...], told: str
) -> None:
    _write(shell, "support.jsonl", CASES)
    refused = shell("suite", "add", "support.jsonl", *words)
    assert refused.returncode == 1
    assert told in refused.stderr


def test_recorded_scores_make_a_suite_that_needs_no_model(shell: Shell) -> None:
    rows = _recorded()
    _write(shell, "judged.jsonl", rows)
    [made] = shell.json("suite", "add", "judged.jsonl", "--recorded")
    assert (made["cases"], made["answers"], made["new"]) == (2, 4, True)
    assert made["scorers"] == [{"kind": "recorded", "settings": {}}]
    [shown] = shell.json("suite", "show", "judged")
    assert shown["recorded"] == {"new/two": 2, "old/one": 2}
    # A third model comes later: the same suite, and only what is new.
    more = [{"case": f"q{place}", "model": "third/x", "score": 1, "answer": "Yes."} for place in range(2)]
    _write(shell, "judged.jsonl", [*rows, *more])
    [again] = shell.json("suite", "add", "judged.jsonl", "--recorded")
    assert (again["id"], again["new"], again["answers"]) == (made["id"], False, 2)
    # And nothing is replaced in silence.
    _write(shell, "judged.jsonl", [{**rows[0], "score": 0.25}, *rows[1:]])
    refused = shell("suite", "add", "judged.jsonl", "--recorded")
    assert "Another answer of `old/one` to the case `q0` was recorded before." in refused.stderr
    assert shell.json("suite", "show", "judged")[0]["recorded"] == {"new/two": 2, "old/one": 2, "third/x": 2}


def test_recorded_scores_may_be_of_another_range_and_without_a_question(shell: Shell) -> None:
    rows = [
        {"case": 1, "model": model, "score": score} for model, score in (("a", 1), ("b", 5.5), ("c", "10"))
    ]
    _write(shell, "tens.jsonl", rows)
    refused = shell("suite", "add", "tens.jsonl", "--recorded")
    assert "tens.jsonl, line 2, field `score`: `5.5` is not between 0 and 1." in refused.stderr
    assert "--score-range 1:10" in refused.stderr
    done = shell("suite", "add", "tens.jsonl", "--recorded", "--score-range", "1:10")
    assert "no further model can be asked" in _good(done)
    exported = shell("suite", "export", "tens").stdout
    (shell.folder / "again.jsonl").write_text(exported)
    assert (
        shell.json("suite", "add", "again.jsonl")[0]["hash"] == shell.json("suite", "show", "tens")[0]["hash"]
    )
    for wrong in ("10", "10:1", "a:b", "1:1", "0:inf"):
        assert shell("suite", "add", "tens.jsonl", "--recorded", "--score-range", wrong).returncode == 1


def test_mistakes_in_recorded_answers_are_told(shell: Shell) -> None:
    good = {"case": "a", "model": "x/y", "answer": "4", "input": "2+2?", "target": "4"}
    rows: list[dict[str, Any]] = [
        good,
        good,
        {**good, "model": "x/z", "input": "2+3?"},
        {"case": "a", "model": "x/v"},
        {"model": "x/v", "answer": "4"},
        {"case": "a", "model": "x/w", "answer": "4", "failure": "timeout"},
        {"case": "a", "model": "x/u", "answer": "4", "cost": -1},
        {"case": "a", "model": "x/t", "tool_calls": [{"nam": "look"}]},
    ]
    _write(shell, "bad.jsonl", rows)
    told = shell("suite", "add", "bad.jsonl", "--recorded", "--scorer", "exact").stderr
    for message in (
        "line 2, field `case`: Line 1 has this model's answer to this case.",
        "line 3, field `input`: For this case, line 1 has another one.",
        "line 4, field `answer`: There is neither an `answer` nor a `score`.",
        "line 5, field `case`: It is missing.",
        "line 6, field `failure`: A failure has neither answer nor score.",
        "line 7, field `cost`: It cannot be negative: `-1`.",
        "line 8, field `tool_calls`: It has to be a list of calls",
    ):
        assert f"bad.jsonl, {message}" in told, told


def test_suites_are_listed_by_short_digests_and_found_by_any_beginning_that_is_one_s_own(
    shell: Shell,
) -> None:
    made = []
    for number in range(3):
        _write(shell, "sums.jsonl", [{"input": f"{number} + 1?", "target": str(number + 1)}])
        made += shell.json("suite", "add", "sums.jsonl", "--scorer", "exact", "--name", f"sums{number}")
    ids, hashes = [str(one["id"]) for one in made], [str(one["hash"]) for one in made]
    [header, *rows] = shell("suite", "list").stdout.splitlines()
    assert header.split()[-2:] == ["HASH", "ID"]
    for row, id_, hash_ in zip(rows, reversed(ids), reversed(hashes), strict=True):
        short_hash, short_id = row.split()[-2:]
        assert hash_.startswith(short_hash)
        assert id_.startswith(short_id)
        assert len(short_hash) < 12
        assert len(short_id) < 24
        for which in (short_hash, short_id, short_id.removeprefix("suite_"), id_):
            assert shell.json("suite", "show", which)[0]["id"] == id_
    assert [(one["id"], one["hash"]) for one in shell.json("suite", "list")] == [
        *zip(ids, hashes, strict=True)
    ][::-1]
    # Made in one month, the ids have their beginning in common.
    several = shell("suite", "remove", ids[0][:10])
    assert several.returncode == 1
    assert f"Several suites begin with `{ids[0][:10]}`." in several.stderr
    # Too short for a beginning: a typing error in a name is none.
    assert "There is no suite" in shell("suite", "show", hashes[0][:3]).stderr
    # A name is what it is, whatever else begins like it.
    _write(shell, "named.jsonl", [{"input": "?", "target": "x"}])
    [named] = shell.json("suite", "add", "named.jsonl", "--scorer", "exact", "--name", hashes[0][:7])
    assert shell.json("suite", "show", hashes[0][:7])[0]["id"] == named["id"]
    assert f"Removed `sums0` ({ids[0]})" in _good(shell("suite", "remove", hashes[0][:12]))
    assert shell("suite", "show", hashes[0][:12]).returncode == 1
