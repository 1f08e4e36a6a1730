"""The shelf of suites: in a file and on a server, and the same on both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.compare.answer import Answer
from freehold.compare.case import Case, ScorerSettings, request_hash_of
from freehold.compare.database import Database, unpack
from freehold.compare.suites.adding import add_file
from freehold.compare.suites.description import Description
from freehold.compare.suites.recorded import ScoreRange
from freehold.compare.suites.recording import add_recorded, recorded_models
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.tables import answers, cases
from freehold.core.errors import BadRequest, NotFound
from freehold.store.places import Place

EXACT = (ScorerSettings(kind="exact"),)


@pytest.fixture
def shelf(place: Place) -> Iterator[SuiteShelf]:
    where = place / "compare.db" if isinstance(place, Path) else place
    with closing(Database(where)) as database:
        yield SuiteShelf(database)


def _described(
    folder: Path, rows: list[dict[str, object]], scorers: tuple[ScorerSettings, ...] = ()
) -> Description:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Description(name="rows", cases=path, scorers=scorers)


def test_cases_come_back_as_they_went_in_and_in_their_order(shelf: SuiteShelf, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "input": f"질문 {number} \u0000?",
            "target": str(number),
            "id": f"n{number}",
            "group": str(number // 3),
        }
        for number in range(1_234)
    ]
    added = add_file(shelf, _described(tmp_path, rows, EXACT))
    assert added.is_new
    assert shelf.find("rows") == shelf.find(added.suite.id) == added.suite
    back: list[Case] = list(shelf.cases(added.suite.id))
    assert [case.id for case in back] == [row["id"] for row in rows]
    assert [case.group for case in back] == [row["group"] for row in rows]
    assert json.loads(bytes(back[7].request))["messages"][0]["content"] == "질문 7 \u0000?"
    assert shelf.units(added.suite.id) == 412
    assert not add_file(shelf, _described(tmp_path, rows, EXACT)).is_new
    assert shelf.list() == [added.suite]
    shelf.remove("rows")
    with pytest.raises(NotFound):
        shelf.find("rows")
    with shelf.database.reading() as connection:
        assert connection.execute(cases.select()).first() is None


def test_recorded_answers_are_found_by_what_was_asked(shelf: SuiteShelf, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "case": case,
            "model": model,
            "answer": f"{model} {case}",
            "score": 5,
            "cost": "0.0001",
            "latency_s": 1.5,
        }
        for case in range(600)
        for model in ("a/b", "c/d")
    ]
    rows += [
        {"case": case, "model": "a/b", "failure": "timeout", "input": f"{case}?"} for case in range(600, 602)
    ]
    added = add_recorded(shelf, _described(tmp_path, rows), ScoreRange(0, 10))
    assert (added.suite.cases, added.answers) == (602, 1_202)
    assert recorded_models(shelf, added.suite) == {"a/b": 602, "c/d": 600}
    [case] = shelf.by_id(added.suite.id, ["42"]).values()
    with shelf.database.reading() as connection:
        found = connection.execute(
            answers.select().where(answers.c.request_hash == request_hash_of(case.request))
        ).all()
    kept = {row.model: unpack(row.body, Answer) for row in found}
    assert {model: (one.text, one.score, str(one.cost)) for model, one in kept.items()} == {
        "a/b": ("a/b 42", 0.5, "0.0001"),
        "c/d": ("c/d 42", 0.5, "0.0001"),
    }
    assert {row.cost_pico for row in found} == {100_000_000}
    assert add_recorded(shelf, _described(tmp_path, rows), ScoreRange(0, 10)).answers == 0
    rows[5]["answer"] = "something else"
    with pytest.raises(BadRequest, match="was recorded before"):
        add_recorded(shelf, _described(tmp_path, rows), ScoreRange(0, 10))
    shelf.remove("rows")
    with shelf.database.reading() as connection:
        assert connection.execute(answers.select()).first() is None


def test_what_is_asked_twice_is_told(shelf: SuiteShelf, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"case": case, "model": model, "score": score, "input": f"Question {case % 3}?"}
        for case in range(5)
        for model, score in (("a/b", case % 2), ("c/d", 1))
    ]
    recorded = add_recorded(shelf, _described(tmp_path, rows), ScoreRange())
    assert (recorded.suite.cases, recorded.answers) == (3, 6)
    assert [case.id for case in shelf.cases(recorded.suite.id)] == ["0", "1", "2"]
    assert "ask the very same as a case before: 2 cases." in str(recorded.suite.source.notes)
    plain: list[dict[str, object]] = [{"input": "a", "target": "b"}, {"input": "a", "target": "c"}]
    added = add_file(shelf, _described(tmp_path, plain, EXACT))
    assert added.suite.cases == 2
    assert "Asking the very same as another case: 1 case." in str(added.suite.source.notes)


def test_a_file_that_changes_while_it_is_read_makes_no_suite(shelf: SuiteShelf, tmp_path: Path) -> None:
    described = _described(tmp_path, [{"input": "a", "target": "b"}], EXACT)

    class Changing(SuiteShelf):
        def same_as(self, name: str, hash: str) -> None:
            _described(tmp_path, [{"input": "a", "target": "c"}])

    with pytest.raises(BadRequest, match="was changed while it was read"):
        add_file(Changing(shelf.database), described)
    assert shelf.list() == []
