"""`freehold dataset`: of files and suites, under terms, masked, decontaminated, and split by conversation."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.compare.case import Case, ScorerSettings, Source
from freehold.compare.database import Database
from freehold.compare.suites.shelf import SuiteShelf

pytest.importorskip("datasketch")
pytest.importorskip("presidio_analyzer")

ADJECTIVES = ["red", "blue", "green", "wooden", "broken", "tiny", "heavy", "silver", "round", "yellow"]
THINGS = [
    "lamp",
    "chair",
    "table",
    "kettle",
    "phone",
    "laptop",
    "bicycle",
    "tent",
    "coat",
    "desk",
    "printer",
    "mirror",
]
MAKE = ("dataset", "make", "--unmasked")
"""Where it is not about masking, which takes seconds to load."""
WISHES = ("a refund for", "the manual of", "spare parts for", "the delivery date of", "another colour of")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "freehold.toml").write_text("[local]\nenabled = false\n")
    return Shell(tmp_path)


def _questions(many: int, seed: int = 0) -> list[str]:
    dice = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < many:
        words = (dice.choice(WISHES), dice.choice(ADJECTIVES), dice.choice(THINGS), dice.choice(THINGS))
        found[
            f"Could somebody of {dice.choice(THINGS)} {dice.choice(ADJECTIVES)} street send me {words[0]} my "
            f"{words[1]} {words[2]}, which I bought together with the {dice.choice(ADJECTIVES)} {words[3]}?"
        ] = None
    return list(found)


def _write(shell: Shell, name: str, rows: Iterable[dict[str, Any]]) -> None:
    (shell.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def _add_suite(shell: Shell, name: str, cases: Iterable[tuple[str, Any]], kind: str = "exact") -> str:
    with closing(Database(shell.folder / ".freehold" / "compare.db")) as database:
        made = SuiteShelf(database).add(
            name,
            Source(kind="file", name=f"{name}.jsonl"),
            (ScorerSettings(kind=kind),),
            [
                Case(
                    id=f"case-{number}",
                    request=msgspec.Raw(
                        json.dumps({"messages": [{"role": "user", "content": said}]}).encode()
                    ),
                    target=msgspec.Raw(json.dumps(target).encode()),
                )
                for number, (said, target) in enumerate(cases)
            ],
        )
        return made.hash


def _rows(shell: Shell, name: str) -> list[dict[str, Any]]:
    found = []
    for split in ("train", "held-out"):
        done = shell("dataset", "export", name, "--split", split)
        assert done.returncode == 0, done.stderr
        found += [{**json.loads(line), "split": split} for line in done.stdout.splitlines()]
    return found


def _datasets(shell: Shell) -> list[Path]:
    """All that is there, whatever it is."""
    return sorted((shell.folder / ".freehold" / "datasets").glob("**/*"))


def test_a_file_becomes_a_dataset_that_is_masked_and_split_by_group(shell: Shell) -> None:
    _write(
        shell,
        "tickets.jsonl",
        (
            {
                "system": "You work in a shop.",
                "input": f"{said} I am anna{number}@example.com.",
                "answer": f"Certainly. I write to anna{number}@example.com.",
                "maker": "people",
                "group": f"customer {number % 40}",
                "class": "wish",
            }
            for number, said in enumerate(_questions(200))
        ),
    )
    [made] = shell.json("dataset", "make", "tickets", "--from", "file:tickets.jsonl", "--held-out", "20%")
    assert made["new"] is True
    rows = _rows(shell, "tickets")
    assert len(rows) == sum(made["rows"].values()) > 150  # type: ignore[attr-defined]
    assert 0.05 < sum(row["split"] == "held-out" for row in rows) / len(rows) < 0.4
    groups = {
        split: {row["group"] for row in rows if row["split"] == split} for split in ("train", "held-out")
    }
    assert groups["train"].isdisjoint(groups["held-out"])
    for row in rows:
        messages = row["request"]["messages"]
        assert [one["role"] for one in messages] == ["system", "user"]
        assert messages[1]["content"].endswith("I am <EMAIL_1>.")
        assert row["answer"] == {"role": "assistant", "content": "Certainly. I write to <EMAIL_1>."}
        assert (row["maker"], row["accepted"], row["task_class"]) == ("people", "people", "wish")
        assert re.fullmatch(r"file tickets\.jsonl line \d+", row["origin"])
    report: Any = made["report"]
    assert report["masked"] == {"EMAIL": 400}
    assert report["languages"] == {"en": len(rows)}
    assert report["classes"] == {"wish": len(rows)}
    assert report["looked_at"] == report["taken"] == 200
    assert sum(one["rows"] for one in report["left_out"]) == 200 - len(rows)


def test_the_same_content_makes_no_other_version(shell: Shell) -> None:
    rows = [
        {"input": said, "answer": {"role": "assistant", "content": "Yes."}, "maker": "people", "group": "a"}
        for said in _questions(10)
    ]
    _write(shell, "a.jsonl", rows)
    [first] = shell.json(*MAKE, "a", "--from", "file:a.jsonl")
    _write(shell, "a.jsonl", (dict(reversed(row.items())) for row in rows))
    [second] = shell.json(*MAKE, "a", "--from", "file:a.jsonl")
    assert (first["hash"], first["new"], second["new"]) == (second["hash"], True, False)
    assert len(shell.json("dataset", "list")) == 1
    _write(shell, "a.jsonl", [*rows, {"input": "And another one?", "answer": "No.", "maker": "people"}])
    [third] = shell.json(*MAKE, "a", "--from", "file:a.jsonl")
    assert third["hash"] != first["hash"]
    listed = shell.json("dataset", "list")
    assert [one["dataset"] for one in listed] == [third["dataset"], first["dataset"]]
    assert _rows(shell, str(first["dataset"])) != _rows(shell, "a")


def test_conversations_of_other_trainers_are_read_and_written(shell: Shell) -> None:
    turns = [
        {"role": "user", "content": "What is the capital of Portugal?"},
        {"role": "assistant", "content": "Lisbon."},
        {"role": "user", "content": "And how many people live there?"},
        {"role": "assistant", "content": "About half a million.", "reasoning_content": "Let me see."},
    ]
    _write(shell, "chats.jsonl", [{"messages": turns}, {"messages": turns[:2]}])
    (shell.folder / "table.csv").write_text("question,completion\nWho are you?,A table.\n")
    done = shell(
        *(*MAKE, "chats", "--from", "file:chats.jsonl", "--from", "file:table.csv"),
        *(
            "--maker",
            "people",
            "--held-out",
            "0",
            "--field",
            "input=question",
            "--field",
            "answer=completion",
        ),
    )
    assert done.returncode == 0, done.stderr
    [long, short, cell] = _rows(shell, "chats")
    assert long["request"]["messages"] == turns[:3]
    assert long["answer"] == turns[3]
    assert long["group"] == short["group"] != cell["group"]
    assert cell["answer"]["content"] == "A table."
    exported = shell("dataset", "export", "chats", "--form", "messages").stdout.splitlines()
    assert json.loads(exported[0])["messages"] == turns


def test_documents_are_rows_that_answer_nothing(shell: Shell) -> None:
    texts = [f"Document {number}: {said}" for number, said in enumerate(_questions(40))]
    _write(shell, "texts.jsonl", ({"text": text, "maker": "people"} for text in texts))
    shell.json(*MAKE, "texts", "--from", "file:texts.jsonl", "--alike", "100%")
    rows = _rows(shell, "texts")
    assert {row["answer"]["content"] for row in rows} <= set(texts)
    assert all(row["request"] == {"messages": []} for row in rows)
    assert len({row["group"] for row in rows}) == len(rows) > 30
    _write(shell, "texts.jsonl", [{"text": texts[0], "answer": "No."}])
    done = shell(*MAKE, "texts", "--from", "file:texts.jsonl")
    assert done.returncode == 1
    assert "line 1, field `text`: A document answers nothing" in done.stderr


def test_mistakes_are_told_with_line_and_field_and_nothing_is_kept(shell: Shell) -> None:
    good = {"input": "Is this a question?", "answer": "Yes.", "maker": "people"}
    _write(
        shell,
        "bad.jsonl",
        [
            good,
            {"input": "No answer?", "maker": "people"},
            {"input": "Who?", "answer": "", "maker": "people"},
            {"input": "Who?", "answer": "I.", "maker": "gpt"},
            {"input": "Who?", "answer": "I.", "makr": "people"},
            {"messages": [{"role": "user", "content": "Who?"}]},
            {"input": "Who?", "answer": {"role": "user", "content": "I."}},
            {**good, "id": "x"},
            {**good, "id": "x"},
        ],
    )
    done = shell(*MAKE, "bad", "--from", "file:bad.jsonl")
    assert done.returncode == 1
    for told in (
        "`bad.jsonl` has 7 mistakes",
        "line 2, field `answer`: There is no `answer`, and no `target` that is one.",
        "line 3, field `answer`: It is empty.",
        "line 4, field `maker`: `gpt` is neither a model",
        "line 5, field `makr`: There is no such field. Did you mean `maker`?",
        "line 6, field `messages`: The last of them has to be the answer",
        "line 7, field `answer`: An answer is a message of the role `assistant`.",
        "line 9, field `id`: The id `bad.jsonl:x` is that of line 8, too.",
    ):
        assert told in done.stderr, done.stderr
    assert _datasets(shell) == []


def test_what_nobody_may_learn_from_stays_out_unless_somebody_decides_so(shell: Shell) -> None:
    makers = ["people", "anthropic/claude-sonnet-4", "openai/gpt-4o", "nobody/heard-of-it", None]
    _write(
        shell,
        "mixed.jsonl",
        (
            {"input": said, "answer": "Yes.", **({"maker": maker} if maker else {})}
            for number, said in enumerate(_questions(50))
            for maker in [makers[number % 5]]
        ),
    )
    words = (*MAKE, "mixed", "--from", "file:mixed.jsonl", "--alike", "100%")
    [made] = shell.json(*words)
    assert made["makers"] == {"people": 10}
    report: Any = made["report"]
    kept_out = {one["why"]: one["rows"] for one in report["left_out"] if one["stage"] == "terms"}
    assert sum(kept_out.values()) == 40
    assert kept_out["do not say who wrote them"] == 10
    assert kept_out["were written by `nobody/heard-of-it`, whose terms are not known"] == 10
    judged = {one["maker"]: one for one in report["makers"]}
    assert judged["openai/gpt-4o"]["let_in"] is False
    assert judged["openai/gpt-4o"]["terms"]["source"].startswith("https://")
    nameless = shell(*words, "--allow", "openai/gpt-4o=we have a contract")
    assert nameless.returncode == 1
    assert "Say who decides: `--by NAME`." in nameless.stderr
    [other] = shell.json(
        *(*words, "--allow", "openai/gpt-4o=we have a contract", "--allow", "openai/gpt-4=the same"),
        *("--by", "Ann Lee"),
    )
    assert other["makers"] == {"openai/gpt-4o": 10, "people": 10}
    decided = f"{other['notes']}"
    assert "Answers of `openai/gpt-4o` are in it by decision of Ann Lee: we have a contract" in decided
    assert "Nothing in the sources was written by `openai/gpt-4`" in decided
    _, entry = [one for one in shell.json("audit", "list") if one["act"] == "dataset.allow"]
    assert entry["subject"] == "mixed"
    assert "Ann Lee" in str(entry["detail"])
    assert "we have a contract" in str(entry["detail"])
    shown = shell("dataset", "show", "mixed").stdout
    assert "let in by Ann Lee: we have a contract" in shown


def test_a_decision_whose_making_fails_is_on_record_with_that(shell: Shell) -> None:
    words = ("--allow", "a/b=it is ours", "--by", "Ann")
    done = shell(*MAKE, "x", "--from", "file:missing.jsonl", *words)
    assert done.returncode == 1
    assert "missing.jsonl" in done.stderr
    assert [one["act"] for one in shell.json("audit", "list")] == ["dataset.allow.failed", "dataset.allow"]


def test_cases_of_every_suite_are_left_out(shell: Shell) -> None:
    asked = _questions(120)
    first = _add_suite(shell, "first", [(said, "refund") for said in asked[:10]])
    _add_suite(shell, "second", [(f"Classify this: {said}", "refund") for said in asked[10:20]])
    lines = [
        said.upper() if number % 2 else f"My neighbour asks: {said} Thanks."
        for number, said in enumerate(asked)
    ]
    _write(shell, "all.jsonl", ({"input": said, "answer": "refund", "maker": "people"} for said in lines))
    [made] = shell.json(*MAKE, "all", "--from", "file:all.jsonl", "--alike", "100%")
    found: Any = made["report"]["contamination"]  # type: ignore[index]
    assert 20 <= found["rows"] <= 28
    assert (found["suites"], found["texts"], found["cases"]) == (2, 20, 20)
    assert found["by_suite"][f"first {first[:12]}"] >= 10
    assert [one["row"] for one in found["sample"]] == [f"all.jsonl:{number + 1}" for number in range(20)]
    assert not any(said.lower() in str(_rows(shell, "all")).lower() for said in asked[:20])
    [spared] = shell.json(*MAKE, "all", "--from", "file:all.jsonl", "--alike", "100%", "--except", "first")
    assert spared["report"]["contamination"]["by_suite"].keys() == {  # type: ignore[index]
        name for name in found["by_suite"] if name.startswith("second")
    }
    assert "which cannot measure a model that was trained on it" in str(spared["notes"])


def test_a_suite_becomes_a_dataset_that_says_what_it_spoils(shell: Shell) -> None:
    asked = _questions(40)
    hash_ = _add_suite(shell, "sums", [(said, number) for number, said in enumerate(asked)], kind="numeric")
    [made] = shell.json(*MAKE, "sums", "--from", "suite:sums", "--maker", "people", "--alike", "100%")
    assert made["scorers"] == [{"kind": "numeric"}]
    assert f"It is made of cases of the suite `sums` ({hash_[:12]}), which cannot measure" in str(
        made["notes"]
    )
    rows = _rows(shell, "sums")
    assert sorted(row["target"] for row in rows) == list(range(40))
    assert all(row["answer"]["content"] == str(row["target"]) for row in rows)
    assert all(row["origin"].startswith(f"suite {hash_[:12]} case case-") for row in rows)
    _write(shell, "more.jsonl", [{"input": asked[3], "answer": "3", "maker": "people"}])
    done = shell(*MAKE, "more", "--from", "file:more.jsonl")
    assert done.returncode == 1
    assert "as they hold what the suite `sums` asks or answers" in done.stderr
    assert "`--except SUITE`" in done.stderr


def test_reasons_are_for_the_sources_that_know_them(shell: Shell) -> None:
    _add_suite(shell, "sums", [(said, "four") for said in _questions(4)])
    _write(shell, "a.jsonl", ({"input": said, "answer": "Yes."} for said in _questions(9)[4:]))
    sources = ("--from", "suite:sums", "--from", "file:a.jsonl", "--maker", "people", "--alike", "100%")
    [made] = shell.json(*MAKE, "both", *sources, "--accept", "target")
    assert sum(made["rows"].values()) == 9  # type: ignore[attr-defined]
    assert made["source"] == "suite:sums + file:a.jsonl"
    assert {row["origin"].split()[0] for row in _rows(shell, "both")} == {"suite", "file"}


def test_a_dataset_is_checked_against_what_came_later(shell: Shell) -> None:
    asked = _questions(40)
    _write(shell, "a.jsonl", ({"input": said, "answer": "Yes.", "maker": "people"} for said in asked))
    shell.json(*MAKE, "a", "--from", "file:a.jsonl", "--alike", "100%")
    [good] = shell.json("dataset", "check", "a")
    assert (good["good"], good["faults"]) == (True, [])
    later = _add_suite(shell, "later", [(said, "Yes.") for said in asked[:5]])
    _add_suite(shell, "other", [("Is there life on Mars, and who would be asked to look for it?", "No.")])
    assert shell("dataset", "check", "a", "--suite", "other").returncode == 0
    bad = shell("dataset", "check", "a")
    assert bad.returncode == 1
    assert (
        f"cannot be measured with the suite `later {later[:12]}`: 5 of its rows are like cases of it."
        in bad.stderr
    )
    [path] = [one for one in _datasets(shell) if one.name == "train.jsonl"]
    path.write_text(path.read_text().replace("Yes.", "No."))
    assert "Its rows are not those that it was made of." in shell("dataset", "check", "a").stderr


def test_lines_that_say_nearly_the_same_are_one(shell: Shell) -> None:
    said = _questions(1)[0]
    rows = [said, said.replace("?", "!"), f"{said} Please.", said, "Something else altogether, if you like."]
    _write(shell, "same.jsonl", ({"input": one, "answer": "Yes.", "maker": "people"} for one in rows))
    [made] = shell.json(*MAKE, "same", "--from", "file:same.jsonl", "--held-out", "0")
    assert made["rows"] == {"train": 2, "held-out": 0}
    report: Any = made["report"]
    assert report["duplicates"][0] == ["same.jsonl:2", "same.jsonl:1"]


def test_a_worse_answer_stays_only_where_its_maker_may_be_learned_from(shell: Shell) -> None:
    _write(
        shell,
        "pairs.jsonl",
        (
            {
                "input": said,
                "answer": "Yes.",
                "rejected": "No.",
                "maker": "people",
                "rejected_maker": maker,
            }
            for said, maker in zip(_questions(2), ("people", "openai/gpt-4o"), strict=True)
        ),
    )
    [made] = shell.json(*MAKE, "pairs", "--from", "file:pairs.jsonl", "--held-out", "0")
    report: Any = made["report"]
    assert (report["with_rejected"], report["rejected_left_out"]) == (1, 1)
    assert [row.get("rejected", {}).get("content") for row in _rows(shell, "pairs")] == ["No.", None]
    allow = ("--allow", "openai/gpt-4o=we have a contract", "--by", "Ann")
    [made] = shell.json(*MAKE, "pairs", "--from", "file:pairs.jsonl", "--held-out", "0", *allow)
    told: Any = made["report"]
    assert (told["with_rejected"], told["rejected_left_out"]) == (2, 0)
    assert any("by decision of Ann: we have a contract" in note for note in told["notes"])
    assert not any("Nothing in the sources" in note for note in told["notes"])
    [manifest] = [
        json.loads(path.read_text())
        for path in _datasets(shell)
        if path.name == "manifest.json" and "Ann" in path.read_text()
    ]
    assert manifest["makers"] == {"people": 2, "openai/gpt-4o": 1}


def test_what_a_group_is_called_does_not_give_a_person_away(shell: Shell) -> None:
    _write(
        shell,
        "people.jsonl",
        (
            {
                "input": said,
                "answer": "Yes.",
                "maker": "people",
                "group": f"anna{number % 3}@example.com",
                "id": f"010-1234-{5000 + number}",
                "class": "of bob@example.com",
            }
            for number, said in enumerate(_questions(9))
        ),
    )
    [made] = shell.json("dataset", "make", "people", "--from", "file:people.jsonl", "--alike", "100%")
    rows = _rows(shell, "people")
    assert len({row["group"] for row in rows}) == 3
    said = "".join(path.read_text() for path in _datasets(shell) if path.is_file())
    assert "@example.com" not in said
    assert "010-1234" not in said
    assert made["rows"]["train"] + made["rows"]["held-out"] == 9  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Tickets", "--from", "file:a.jsonl"), "`Tickets` is no name for a dataset."),
        (("../x", "--from", "file:a.jsonl"), "is no name for a dataset."),
        (("a", "--from", "tickets"), "`--from tickets` is no source."),
        (("a", "--from", "route:shop"), "There is no route `shop`"),
        (("a", "--from", "suite:shop"), "There is no suite `shop`."),
        (("a", "--from", "file:a.jsonl"), "`a.jsonl` cannot be read"),
        (("a", "--from", "file:a.jsonl", "--accept", "scorer"), "has nothing to do with `file` as a source"),
        (("a", "--from", "route:shop", "--accept", "feedbak"), "Did you mean `feedback`?"),
        (("a", "--from", "file:a.jsonl", "--maker", "gpt"), "is neither a model nor `people`"),
        (("a", "--from", "file:a.jsonl", "--allow", "gpt=yes", "--by", "me"), "names no maker with a reason"),
        (("a", "--from", "file:a.jsonl", "--by", "me"), "`--by` says who decides what `--allow` lets in"),
        (("a", "--from", "a.jsonl"), "Write `--from file:a.jsonl`."),
    ],
)
def test_what_cannot_be_made_is_told(shell: Shell, words: tuple[str, ...], told: str) -> None:
    done = shell(*MAKE, *words)
    assert done.returncode == 1
    assert told in done.stderr, done.stderr
    assert _datasets(shell) == []


def test_nothing_there_is_said(shell: Shell) -> None:
    assert "There are no datasets." in shell("dataset", "list").stderr
    missing = shell("dataset", "show", "tickets")
    assert missing.returncode == 1
    assert "There is no dataset `tickets`." in missing.stderr
