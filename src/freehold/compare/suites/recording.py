"""Putting recorded answers on the shelf: a suite of the cases they are for, and the answers with it.

What a case is may be told in any line that names it. Where no line tells what was asked, its answers can be compared,
and no further model can be asked it. All cases of a file are in memory while it is read; its answers are not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import msgspec
import sqlalchemy as sql

from freehold.compare import tables
from freehold.compare.answer import Answer
from freehold.compare.case import (
    Case,
    ScorerSettings,
    Source,
    Suite,
    hash_of,
    is_askable,
    plain_json,
    request_hash_of,
    unaskable,
)
from freehold.compare.database import pack, unpack
from freehold.compare.suites.adding import Added, need_scorers
from freehold.compare.suites.casefile import Columns, rows_of
from freehold.compare.suites.checking import Checks
from freehold.compare.suites.description import Description
from freehold.compare.suites.problems import Enough, LineProblem, Problems
from freehold.compare.suites.reading import case_of
from freehold.compare.suites.recorded import Recorded, ScoreRange, recorded_of
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.figures import counted
from freehold.core.ids import new_id
from freehold.ledger.rows import pico_of

RECORDED = ScorerSettings(kind="recorded")
"""Answers are worth what they were handed in with."""
_CHUNK = 500
_answers = tables.answers.c


def add_recorded(shelf: SuiteShelf, description: Description, scores: ScoreRange) -> Added:
    """Looks a file of recorded answers through, and puts its cases and answers on the shelf.

    Of the same cases again, only answers are added that are not there yet. Raises BadRequest: there is a mistake in
    the file, or an answer is another one than was recorded before.
    """
    file = RecordedFile(description, scores)
    cases, scorers, notes = file.look_through()
    hash_ = hash_of(scorers, cases)
    there = shelf.same_as(description.name, hash_)
    source = Source(kind="recorded", name=description.cases.name, notes=notes)
    suite = there or shelf.add(description.name, source, scorers, cases)
    hashes = {case.id: request_hash_of(case.request) for case in cases}
    # Of cases that ask the same, the first alone is there.
    recorded = (one for one in file.read() if one.case_id in hashes)
    answers = _add_answers(shelf, suite, recorded, hashes)
    return Added(suite, is_new=there is None, answers=answers)


def recorded_models(shelf: SuiteShelf, suite: Suite) -> dict[str, int]:
    """The models whose answers were handed in with a suite, and how many."""
    counting = (
        sql.select(_answers.model, sql.func.count())
        .where(_answers.suite == suite.id)
        .group_by(_answers.model)
        .order_by(_answers.model)
    )
    with shelf.database.reading() as connection:
        return {model: int(many) for model, many in connection.execute(counting)}


class _Told:
    """What was told of a case so far."""

    def __init__(self, line: int, suite: str) -> None:
        self.line = line
        self._suite = suite
        self.fields: Fields = {}
        self.lines: dict[str, int] = {}

    def tell(self, fields: Fields, line: int) -> None:
        """Raises LineProblem: something else was told before."""
        for name, value in fields.items():
            if name not in self.fields:
                self.fields[name], self.lines[name] = msgspec.Raw(bytes(value)), line
            elif plain_json(self.fields[name]) != plain_json(value):
                raise LineProblem(f"For this case, line {self.lines[name]} has another one.", field=name)

    def case(self, case_id: str, place: int) -> Case:
        """Raises LineProblem."""
        if "input" in self.fields or "request" in self.fields:
            return msgspec.structs.replace(case_of(self.fields, place), id=case_id)
        unasked = {**self.fields, "input": msgspec.Raw(b'"?"')}
        return msgspec.structs.replace(
            case_of(unasked, place), id=case_id, request=unaskable(self._suite, case_id)
        )


class RecordedFile:
    """Answers in JSONL or CSV, read twice as cases are."""

    def __init__(self, description: Description, scores: ScoreRange) -> None:
        self._path = description.cases
        self._name = description.name
        self._columns: Columns = description.columns
        self._scorers = description.scorers
        self._scores = scores

    def look_through(self) -> tuple[list[Case], tuple[ScorerSettings, ...], tuple[str, ...]]:
        """The cases, how they are judged, and what there is to know. Raises BadRequest."""
        problems = Problems(self._path)
        told: dict[str, _Told] = {}
        answered: dict[tuple[str, str], int] = {}
        scored = failed = 0
        try:
            for line, one in self._lines(problems):
                of_case = told.setdefault(one.case_id, _Told(line, self._name))
                before = answered.setdefault((one.case_id, one.answer.model), line)
                scored += one.answer.score is not None
                failed += one.answer.failure is not None
                try:
                    of_case.tell(one.of_case, line)
                    if before != line:
                        raise LineProblem(
                            f"Line {before} has this model's answer to this case.", field="case"
                        )
                except LineProblem as problem:
                    problems.add(line, problem)
            if not told:
                problems.check()
                raise BadRequest(f"There is no answer in `{self._path}`.")
            scorers = self._scorers or ((RECORDED,) if scored else ())
            need_scorers(self._name, scorers)
            cases = list(_cases(told, Checks(scorers), problems))
        except Enough:
            cases, scorers = [], ()
        problems.check()
        first: dict[str, Case] = {}
        for case in cases:
            first.setdefault(request_hash_of(case.request), case)
        different = list(first.values())
        notes = _notes(different, scorers, len(answered), scored, failed)
        if len(different) < len(cases):
            same = counted(len(cases) - len(different), "case")
            notes += (f"Left out, as they ask the very same as a case before: {same}.",)
        return different, scorers, notes

    def read(self) -> Iterator[Recorded]:
        """The rows of a file that was looked through."""
        problems = Problems(self._path)
        for _, one in self._lines(problems):
            yield one
        problems.check()

    def _lines(self, problems: Problems) -> Iterator[tuple[int, Recorded]]:
        for line, fields in rows_of(self._path, problems, self._columns):
            try:
                one = recorded_of(fields, self._scores)
            except LineProblem as problem:
                problems.add(line, problem)
            else:
                yield line, one


def _cases(told: dict[str, _Told], checks: Checks, problems: Problems) -> Iterator[Case]:
    for place, (case_id, one) in enumerate(told.items(), 1):
        try:
            case = one.case(case_id, place)
            checks.check(case)
        except LineProblem as problem:
            problems.add(one.line, problem)
        else:
            yield case


def _notes(
    cases: list[Case], scorers: tuple[ScorerSettings, ...], answers: int, scored: int, failed: int
) -> tuple[str, ...]:
    notes = ["The answers were made elsewhere and handed in: Freehold has no calls of them on record."]
    unasked = sum(not is_askable(case.request) for case in cases)
    if unasked:
        notes.append(
            f"What was asked is not known of {counted(unasked, 'case')}: no further model can be asked."
        )
    unscored = answers - scored - failed
    if RECORDED.kind in {scorer.kind for scorer in scorers}:
        if unscored:
            notes.append(f"{counted(unscored, 'answer')} came without a score; pairs with them do not count.")
    elif scored:
        notes.append(f"{counted(scored, 'answer')} came with a score, which does not count here.")
    return tuple(notes)


def _add_answers(
    shelf: SuiteShelf, suite: Suite, recorded: Iterator[Recorded], hashes: dict[str, str]
) -> int:
    """How many were not there before."""
    made_us, added = microseconds(time.time()), 0
    with shelf.database.writing() as connection:
        while some := list(islice(recorded, _CHUNK)):
            wanted = {hashes[one.case_id] for one in some}
            before = sql.select(tables.answers).where(
                _answers.suite == suite.id, _answers.request_hash.in_(wanted)
            )
            there = {(row.model, row.request_hash): row.body for row in connection.execute(before)}
            rows = []
            for one in some:
                answer, hash_ = one.answer, hashes[one.case_id]
                if (answer.model, hash_) in there:
                    _check_same(one, unpack(there[answer.model, hash_], Answer))
                    continue
                answer = msgspec.structs.replace(answer, id=new_id("answer"), made_us=made_us)
                rows.append(_row(answer, suite, hash_))
            if rows:
                connection.execute(tables.answers.insert(), rows)
            added += len(rows)
    return added


def _check_same(one: Recorded, before: Answer) -> None:
    if msgspec.structs.replace(before, id="", made_us=0) != one.answer:
        raise BadRequest(
            f"Another answer of `{one.answer.model}` to the case `{one.case_id}` was recorded before.",
            hint="Give this recording a name of its own with `--name`.",
        )


def _row(answer: Answer, suite: Suite, request_hash: str) -> dict[str, object]:
    return {
        "id": answer.id,
        "model": answer.model,
        "request_hash": request_hash,
        "sample": 0,
        "suite": suite.id,
        "call_id": None,
        "failure": answer.failure,
        "cost_pico": pico_of(answer.cost),
        "made_us": answer.made_us,
        "body": pack(answer),
    }
