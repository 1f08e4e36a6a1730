"""A file of cases, read twice: looked through first, so that nothing is kept of one with a mistake in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from freehold.compare.case import Case, ScorerSettings, SuiteHash, request_hash_of
from freehold.compare.suites.checking import Checks
from freehold.compare.suites.problems import Enough, LineProblem, Problems
from freehold.compare.suites.reading import case_of
from freehold.compare.suites.rows import read_rows
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields

HEAD = "scorers"
"""The only field of a file's first line where that is not a case, but says how answers are judged."""

_decode_scorers = msgspec.json.Decoder(tuple[ScorerSettings, ...]).decode


class Columns(msgspec.Struct, frozen=True):
    """Which fields of a file are which of ours."""

    renamed: dict[str, str] = {}
    """Their name -> ours."""
    ignored: tuple[str, ...] = ()
    """Theirs that mean nothing here."""


AS_THEY_ARE = Columns()


class Contents(msgspec.Struct, frozen=True):
    """What a file turned out to hold."""

    hash: str
    """Of the suite that it makes."""
    cases: int
    scorers: tuple[ScorerSettings, ...]
    alike: int
    """Cases that ask the very same as one before."""


class CaseFile:
    """Cases in JSONL or CSV."""

    def __init__(self, path: Path, columns: Columns = AS_THEY_ARE) -> None:
        self.path = path
        self._columns = columns

    def look_through(self, scorers: tuple[ScorerSettings, ...] = ()) -> Contents:
        """Reads all of it; `scorers`: instead of those that the file names. Raises BadRequest, which tells of every
        mistake in it, and where there is no case or no scorer.
        """
        problems = Problems(self.path)
        named: tuple[ScorerSettings, ...] = ()
        places: dict[str, int] = {}
        asked: set[str] = set()
        hashed, checks = None, Checks(scorers)
        try:
            for line, fields in self._rows(problems):
                if set(fields) == {HEAD} and hashed is None:
                    named = _scorers_of(fields, line, problems)
                    continue
                if hashed is None:
                    hashed, checks = SuiteHash(scorers or named), Checks(scorers or named)
                try:
                    case = case_of(fields, len(places) + 1)
                    check_new(case, line, places)
                    checks.check(case)
                except LineProblem as problem:
                    problems.add(line, problem)
                else:
                    hashed.add(case)
                    asked.add(request_hash_of(case.request))
        except Enough:
            pass
        problems.check()
        if hashed is None:
            raise BadRequest(f"There is no case in `{self.path}`.")
        return Contents(hashed.hexdigest(), len(places), scorers or named, len(places) - len(asked))

    def cases(self) -> Iterator[Case]:
        """The cases of a file that was looked through, in their order."""
        problems = Problems(self.path)
        place = 0
        for line, fields in self._rows(problems):
            if place == 0 and set(fields) == {HEAD}:
                continue
            place += 1
            try:
                yield case_of(fields, place)
            except LineProblem as problem:
                problems.add(line, problem)
        problems.check()

    def _rows(self, problems: Problems) -> Iterator[tuple[int, Fields]]:
        return rows_of(self.path, problems, self._columns)


def rows_of(path: Path, problems: Problems, columns: Columns) -> Iterator[tuple[int, Fields]]:
    """The rows of a file with our names, without what is to be ignored."""
    for line, fields in read_rows(path, problems.add, columns.renamed):
        yield line, {name: value for name, value in fields.items() if name not in columns.ignored}


def check_new(case: Case, line: int, places: dict[str, int]) -> None:
    """Raises LineProblem: the id was there before. `places`: ids -> their lines."""
    before = places.setdefault(case.id, line)
    if before != line:
        raise LineProblem(f"The id `{case.id}` is that of line {before}, too.", field="id")


def _scorers_of(fields: Fields, line: int, problems: Problems) -> tuple[ScorerSettings, ...]:
    try:
        return _decode_scorers(fields[HEAD])
    except msgspec.MsgspecError as error:
        problems.add(line, LineProblem(f"These are no scorers: {error}.", field=HEAD))
        return ()
