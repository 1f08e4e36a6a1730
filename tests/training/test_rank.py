"""A head that tells classes of questions apart: what it is worth, what uses it, and what it leaves out."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import msgspec
import pytest
from reasoning import message, raw, shelve

from freehold.catalog.prices import PriceList
from freehold.cli.main import run
from freehold.compare.suites.head import FILE, read_head
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.train.data.row import PEOPLE, Row
from freehold.train.run import RunFolder, Runs

FORMS = {
    "refund": (
        "Refund the {item} of order {number}.",
        "My {item} came broken, I want {number} euros back.",
        "{item} 환불해 주세요 {number}",
    ),
    "invoice": (
        "Which account is invoice {number} for the {item} on?",
        "The bill {number} of the {item} is wrong.",
        "{item} 청구서 {number} 어디 있어요",
    ),
    "delivery": (
        "Where is my {item}, parcel {number}?",
        "The courier left {number} without the {item}.",
        "{item} 배송 언제 와요 {number}",
    ),
}
ITEMS = ("lamp", "chair", "kettle", "phone", "tent", "coat", "desk", "printer")


def _asked(seed: int, many: int) -> list[tuple[str, str]]:
    dice = random.Random(seed)
    return [
        (
            dice.choice(FORMS[name]).format(item=dice.choice(ITEMS), number=dice.randrange(10_000, 99_999)),
            name,
        )
        for name in FORMS
        for _ in range(many)
    ]


def _row(name: str, text: str, task_class: str) -> Row:
    return Row(
        id=name,
        request=raw({"messages": [message("system", "Sort it."), message("user", text)]}),
        answer=raw(message("assistant", task_class)),
        maker=PEOPLE,
        origin="file tickets",
        group=name,
        task_class=task_class,
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dataset of tickets, in which commands run."""
    monkeypatch.chdir(tmp_path)
    rows = [_row(f"t{number}", text, name) for number, (text, name) in enumerate(_asked(1, 30))]
    rows += [_row("few", "Sing me a song.", "song"), _row("none", "Hello", "")]
    aside = [_row(f"h{number}", text, name) for number, (text, name) in enumerate(_asked(2, 20))]
    shelve(tmp_path / ".freehold", "tickets", {"train": rows, "held-out": aside})
    return tmp_path


def _call(home: Path, texts: list[str]) -> None:
    """Put answered calls of the route `default` on record, that asked this."""
    ledger = Ledger(home / ".freehold/ledger.db", LedgerSettings(), PriceList(own={}, lists={}))
    ledger.start()
    for number, text in enumerate(texts):
        ledger.record(
            Call(
                id=f"call_{number:032x}",
                started_us=time.time_ns() // 1000,
                operation="chat",
                dialect="openai-chat",
                key_id="key_0123",
                route="default",
                provider="big",
                model="one",
                stop_reason="stop",
                outcome="answered",
                status=200,
                request_body=json.dumps({"model": "default", "messages": [message("user", text)]}).encode(),
            )
        )
    assert ledger.close(10)


def _newest(home: Path) -> RunFolder:
    return Runs(home / ".freehold").list()[0]


def test_it_tells_classes_apart_and_says_what_that_is_worth(home: Path) -> None:
    assert run(["train", "rank", "--data", "tickets", "--name", "sorter"]) == 0
    read = _newest(home).read()
    assert read.results["held_out_right"] > 0.9
    assert read.results["held_out_right_by_the_most_frequent"] == pytest.approx(1 / 3)
    assert read.results["classes"] == 3
    assert [point.values["right_when_set_aside"] for point in _newest(home).curve()]
    assert read.notes == (
        "1 of 92 rows were left out: they name no class.",
        "The class `song` was left out: it has 1 row.",
    )
    head = read_head(_newest(home).model / FILE)
    assert head.class_of("Refund the coat, please, order 12345.") == "refund"
    assert head.class_of("전화 환불해 주세요") == "refund"
    assert head.class_of("Quantum chromodynamics binds quarks.") == ""


def test_its_end_says_what_came_of_it_and_what_uses_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "rank", "--data", "tickets", "--name", "sorter"]) == 0
    said = capsys.readouterr()
    assert "held_out_right: " in said.out
    assert "--classes run_" in said.err
    assert "freehold export" not in said.err


def test_a_sample_of_a_routes_calls_goes_by_its_classes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "rank", "--data", "tickets", "--name", "sorter"]) == 0
    asked = _asked(3, 15)
    _call(home, [text for text, _ in asked])
    words = ["suite", "sample", "default", "--unmasked", "--scorer", "exact", "--n", "30", "--json"]
    assert run([*words, "--classes", "sorter"]) == 0
    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "by a head that was trained on them" in json.dumps(made)
    assert run(["suite", "show", made["name"], "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(FORMS) <= set(shown["classes"]) <= {*FORMS, ""}

    assert run([*words, "--classes", "nobody"]) == 1
    assert "There is no run `nobody`" in capsys.readouterr().err


def test_a_file_that_is_no_head_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "rank", "--data", "tickets", "--name", "sorter"]) == 0
    path = _newest(home).model / FILE
    _call(home, ["Refund it.", "Where is it?"])
    words = ["suite", "sample", "default", "--unmasked", "--scorer", "exact", "--classes", "sorter"]
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"nothing of that kind" * 10):
        path.write_bytes(content)
        assert run(words) == 2
        assert "cannot be read as a head" in capsys.readouterr().err
    path.unlink()
    assert run(words) == 1
    assert "has no classes" in capsys.readouterr().err


def test_one_class_is_nothing_to_tell_apart(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [_row(f"t{number}", text, "all") for number, (text, _) in enumerate(_asked(1, 5))]
    shelve(home / ".freehold", "alike", {"train": rows, "held-out": []})
    assert run(["train", "rank", "--data", "alike"]) == 1
    assert "no two classes to tell apart" in capsys.readouterr().err
    assert msgspec.json.decode((_newest(home).folder / "run.json").read_bytes())["state"] == "failed"
