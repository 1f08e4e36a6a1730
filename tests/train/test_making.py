"""What holds of every dataset, whatever it is made of."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import few_examples

pytest.importorskip("datasketch")

from freehold.catalog.terms.finding import terms_of
from freehold.compare.database import Database
from freehold.compare.suites.masking import Masking
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.errors import BadRequest
from freehold.store.lock import ProcessLock
from freehold.train.data.draft import Draft
from freehold.train.data.gate import Gate
from freehold.train.data.making import Made, make
from freehold.train.data.shelf import SPLITS, DatasetShelf
from freehold.train.data.splitting import split_of
from freehold.train.data.tally import Tally
from freehold.train.data.wish import Wish

TODAY = date(2026, 11, 23)
SECRETS = ("anna@example.com", "bob@example.org", "010-1234-5678", "sk-proj-a1B2c3D4e5F6g7H8i9J0")


class Given:
    """Drafts that are there already."""

    name = "file:given.jsonl"

    def __init__(self, drafts: list[Draft]) -> None:
        self._drafts = drafts

    def drafts(self, tally: Tally) -> Iterator[Draft]:
        for one in self._drafts:
            tally.look()
            yield one


def _make(folder: Path, drafts: list[Draft], **wish: Any) -> Made:
    with closing(Database(folder / "compare.db")) as database:
        return make(
            Wish(**{"name": "a", "alike": 1.0, **wish}),
            [Given(drafts)],
            DatasetShelf(folder),
            gate=Gate(terms_of, TODAY),
            masking=Masking(),
            suites=SuiteShelf(database),
        )


def _draft(number: int, question: str, *, group: str | None = None, **more: Any) -> Draft:
    return Draft(
        **{
            "id": f"line {number}",
            "request": {"messages": [{"role": "user", "content": question}]},
            "answer": {"role": "assistant", "content": f"Answer {number}."},
            "maker": "people",
            "origin": f"file given.jsonl line {number}",
            "group": group,
            **more,
        }
    )


_texts = st.text("abcdefg 가나다", min_size=1, max_size=30)
_groups = st.one_of(
    st.none(), st.sampled_from(["one", "two", *SECRETS]), st.text("xyz", min_size=1, max_size=3)
)


@few_examples
@given(
    lines=st.lists(st.tuples(_texts, _groups), min_size=1, max_size=40), held_out=st.sampled_from([0.1, 0.5])
)
def test_no_conversation_is_on_both_sides(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str | None]], held_out: float
) -> None:
    drafts = [_draft(number, text, group=group) for number, (text, group) in enumerate(lines)]
    made = _make(tmp_path_factory.mktemp("data"), drafts, held_out=held_out)
    groups = {split: {row.group for row in made.dataset.rows(split)} for split in SPLITS}
    assert groups["train"].isdisjoint(groups["held-out"])
    where = {row.id: (split, row.group) for split in SPLITS for row in made.dataset.rows(split)}
    of_given: dict[str, set[tuple[str, str]]] = {}
    for draft in drafts:
        if draft.group is not None and draft.id in where:
            of_given.setdefault(draft.group, set()).add(where[draft.id])
    for group, places in of_given.items():
        assert len(places) == 1, places
        assert {split for split, _ in places} == {split_of(group, held_out)}


@few_examples
@given(
    hidden=st.lists(st.sampled_from(SECRETS), min_size=1, max_size=4),
    where=st.lists(
        st.sampled_from(["question", "answer", "rejected", "target", "id", "group", "class", "tool"])
    ),
    words=_texts,
)
def test_nothing_that_was_masked_comes_back(
    tmp_path_factory: pytest.TempPathFactory, hidden: list[str], where: list[str], words: str
) -> None:
    said = f"{words} {' and '.join(hidden)}"
    arguments = json.dumps({"to": hidden[0]})
    call = {"id": "call_1", "type": "function", "function": {"name": "write", "arguments": arguments}}
    draft = _draft(
        1,
        said if "question" in where else words,
        group=hidden[0] if "group" in where else None,
        id=hidden[-1] if "id" in where else "1",
        origin=f"suite 3f9a case {hidden[-1]}" if "id" in where else "suite 3f9a case 1",
        task_class=said if "class" in where else "",
        target=[said] if "target" in where else msgspec.UNSET,
        answer={
            "role": "assistant",
            "content": said if "answer" in where else "Yes.",
            "reasoning_content": f"Somebody wrote {said}",
            **({"tool_calls": [call]} if "tool" in where else {}),
        },
        rejected={"role": "assistant", "content": said} if "rejected" in where else None,
        rejected_maker="people",
    )
    made = _make(tmp_path_factory.mktemp("data"), [draft])
    for path in made.dataset.folder.iterdir():
        written = path.read_text()
        assert not any(one in written for one in hidden)
    # The same address has the same placeholder in all of the row.
    [row] = [row for split in SPLITS for row in made.dataset.rows(split)]
    told = msgspec.json.decode(row.answer)["reasoning_content"].removeprefix("Somebody wrote ")
    for field, kept in (("question", row.request), ("answer", row.answer), ("target", row.target)):
        if field in where:
            assert told in bytes(kept).decode()


def _shuffled(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        dice.shuffle(names)
        return {name: _shuffled(value[name], dice) for name in names}
    return [_shuffled(one, dice) for one in value] if isinstance(value, list) else value


@few_examples
@given(seed=st.integers(0, 1000), texts=st.lists(_texts, min_size=1, max_size=8))
def test_the_order_of_names_in_json_does_not_change_the_hash(
    tmp_path_factory: pytest.TempPathFactory, seed: int, texts: list[str]
) -> None:
    dice = random.Random(seed)
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    ]
    drafts = [
        msgspec.structs.replace(
            _draft(number, text, target={"b": 1, "a": [1.5, None]}),
            request={"messages": [{"role": "user", "content": text}], "tools": tools},
        )
        for number, text in enumerate(texts)
    ]
    others = [
        msgspec.structs.replace(
            one,
            request=_shuffled(one.request, dice),
            answer=_shuffled(one.answer, dice),
            target=_shuffled(one.target, dice),
        )
        for one in drafts
    ]
    folder = tmp_path_factory.mktemp("data")
    first, second = _make(folder, drafts), _make(folder, others)
    assert first.dataset.reference == second.dataset.reference
    assert (first.is_new, second.is_new) == (True, False)


def test_what_is_held_out_stays_so_in_the_next_version(tmp_path: Path) -> None:
    drafts = [
        _draft(number, f"Question {number} of a person?", group=f"person {number % 50}")
        for number in range(400)
    ]
    early, late = _make(tmp_path, drafts[:200]), _make(tmp_path, drafts)
    sides = {row.group: split for split in SPLITS for row in early.dataset.rows(split)}
    assert len(sides) == 50
    for split in SPLITS:
        assert all(sides[row.group] == split for row in late.dataset.rows(split))


def test_a_turn_belongs_to_its_conversation_however_much_was_masked(tmp_path: Path) -> None:
    first = {"role": "user", "content": "I am anna@example.com, and my lamp is broken."}
    turns = [
        [first],
        [first, {"role": "assistant", "content": "I see."}, {"role": "user", "content": "So?"}],
        [{"role": "user", "content": "I am bob@example.org, and my lamp is broken."}],
        [{"role": "user", "content": "I am bob@example.org, and my tent is broken."}],
    ]
    function = {
        "name": "write",
        "description": "Writes to carol@example.net.",
        "parameters": {"type": "object"},
    }
    requests: list[dict[str, Any]] = [{"messages": one} for one in turns]
    # The first address of this turn is another one.
    requests[1] = {"tools": [{"type": "function", "function": function}], **requests[1]}
    made = _make(tmp_path, [_draft(number, "", request=one) for number, one in enumerate(requests)])
    groups = {row.id: row.group for split in SPLITS for row in made.dataset.rows(split)}
    assert groups["line 0"] == groups["line 1"]
    # Whose lamp it is was masked: that they are one group costs nothing.
    assert groups["line 0"] == groups["line 2"] != groups["line 3"]


def test_examples_before_each_question_do_not_make_all_of_it_one_conversation(tmp_path: Path) -> None:
    shots = [{"role": "user", "content": "An example?"}, {"role": "assistant", "content": "Yes."}]
    drafts = [
        _draft(number, "", request={"messages": [*shots, {"role": "user", "content": f"Is {number} even?"}]})
        for number in range(60)
    ]
    together = _make(tmp_path, drafts, held_out=0.5)
    assert sum(together.report.groups.values()) == 1
    assert "--split-by question" in " ".join(together.report.notes) or not together.report.rows["train"]
    apart = _make(tmp_path, drafts, held_out=0.5, split_by="question")
    assert sum(apart.report.groups.values()) == 60
    assert min(apart.report.rows.values()) > 10


def test_nothing_is_kept_of_a_making_that_fails(tmp_path: Path) -> None:
    class Failing(Given):
        def drafts(self, tally: Tally) -> Iterator[Draft]:
            yield from super().drafts(tally)
            raise BadRequest("The file ends in the middle.")

    with closing(Database(tmp_path / "compare.db")) as database, pytest.raises(BadRequest):
        make(
            Wish(name="a"),
            [Failing([_draft(1, "Is it?")])],
            DatasetShelf(tmp_path),
            gate=Gate(terms_of, TODAY),
            masking=None,
            suites=SuiteShelf(database),
        )
    assert list((tmp_path / "datasets").iterdir()) == []


def test_what_a_killed_making_left_behind_is_taken_away(tmp_path: Path) -> None:
    left, working = (tmp_path / "datasets" / f".making-{name}" for name in ("left", "working"))
    for folder in (left, working):
        folder.mkdir(parents=True)
        (folder / "spool.jsonl").write_text("what somebody said")
        (folder / "lock").touch()
    lock = ProcessLock(working / "lock")
    assert lock.take()
    _make(tmp_path, [_draft(1, "Is it?")])
    assert (left.exists(), working.exists()) == (False, True)
    lock.release()


def test_memory_does_not_grow_with_what_is_left_out(tmp_path: Path) -> None:
    class Endless(Given):
        def __init__(self, many: int) -> None:
            self._many = many

        def drafts(self, tally: Tally) -> Iterator[Draft]:
            yield _draft(0, "The only question of a person?")
            for number in range(1, self._many):
                yield _draft(number, "x" * 2000, maker="nobody/known")

    def most(many: int) -> int:
        tracemalloc.start()
        with closing(Database(tmp_path / "compare.db")) as database:
            make(
                Wish(name="a"),
                [Endless(many)],
                DatasetShelf(tmp_path),
                gate=Gate(terms_of, TODAY),
                masking=None,
                suites=SuiteShelf(database),
            )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(10)
    assert most(20_000) < most(200) + 500_000
