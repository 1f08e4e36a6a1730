"""The shelf of suites: put in once, never changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sql

from freehold.compare import tables
from freehold.compare.case import Case, ScorerSettings, Source, Suite, SuiteHash
from freehold.compare.database import Database, pack, unpack
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest, NotFound
from freehold.core.ids import new_id
from freehold.core.suggest import did_you_mean

Cases = list[Case]
Suites = list[Suite]

_CHUNK = 500
_PREFIX = "suite_"
_LEAST_DIGITS = 4
_FILES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".toml", ".py")
_suites, _cases = tables.suites.c, tables.cases.c


class SuiteShelf:
    """Suites in the database. Methods wait for it, and raise StoreError."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(
        self, name: str, source: Source, scorers: tuple[ScorerSettings, ...], cases: Iterable[Case]
    ) -> Suite:
        """Put a suite in; cases are read one by one. The same content under the same name is there only once.

        Raises BadRequest: there are no cases, or two have one id.
        """
        suite_id, number = new_id("suite"), 0
        hashed = SuiteHash(scorers)
        units = _Units()
        with self.database.writing() as connection:
            for some in _chunks(cases):
                rows: list[dict[str, Any]] = []
                for case in some:
                    hashed.add(case)
                    rows.append(
                        {
                            "suite": suite_id,
                            "position": number,
                            "id": case.id,
                            "task_class": case.task_class,
                            "unit": units.unit_of(case),
                            "body": pack(case),
                        }
                    )
                    number += 1
                try:
                    connection.execute(tables.cases.insert(), rows)
                except sql.exc.IntegrityError:
                    raise BadRequest(
                        f"Two cases of the suite `{name}` have the same id.",
                        hint="Give each case an id of its own.",
                    ) from None
            if not number:
                raise BadRequest(f"The suite `{name}` would have no cases.", hint="Put at least one case in.")
            suite = Suite(
                id=suite_id,
                name=name,
                hash=hashed.hexdigest(),
                source=source,
                scorers=scorers,
                cases=number,
                made_us=microseconds(time.time()),
            )
            same = sql.and_(_suites.name == name, _suites.hash == suite.hash, _suites.removed_us.is_(None))
            there = connection.execute(sql.select(tables.suites).where(same)).first()
            if there is not None:
                connection.execute(tables.cases.delete().where(_cases.suite == suite_id))
                return _suite(there)
            connection.execute(tables.suites.insert().values(**_row(suite)))
        return suite

    def find(self, which: str) -> Suite:
        """By its id, the newest of a name, or a beginning of an id or of a hash that no other one has.

        One that was removed has to be named by its whole id. Raises NotFound, BadRequest.
        """
        if self.database.exists:
            there = _suites.removed_us.is_(None)
            found = self._those(
                sql.or_(_suites.id == which, sql.and_(_suites.name == which, there)), limit=1
            ) or self._those(there, sql.or_(*_begins_with(which)), limit=2)
            if len(found) > 1:
                raise BadRequest(f"Several suites begin with `{which}`.", hint="Write more of the id.")
            if found:
                return found[0]
        raise NotFound(f"There is no suite `{which}`.", hint=self._instead_of(which))

    def _instead_of(self, which: str) -> str:
        if which.lower().endswith(_FILES):
            return f"A file becomes a suite by `freehold suite add {which}`, and is then called by the suite's name."
        near = did_you_mean(which, [one.name for one in self.list()])
        return near or "`freehold suite list` shows those there are."

    def same_as(self, name: str, hash: str) -> Suite | None:
        """The suite of this name with this content, if there is one."""
        if not self.database.exists:
            return None
        same = sql.and_(_suites.name == name, _suites.hash == hash, _suites.removed_us.is_(None))
        with self.database.reading() as connection:
            row = connection.execute(sql.select(tables.suites).where(same)).first()
        return None if row is None else _suite(row)

    def list(self) -> Suites:
        """Those that were not removed, the newest first."""
        return self._those(_suites.removed_us.is_(None)) if self.database.exists else []

    def _those(self, *where: sql.ColumnElement[bool], limit: int | None = None) -> Suites:
        chosen = (
            sql.select(tables.suites)
            .where(*where)
            .order_by(_suites.made_us.desc(), _suites.id.desc())
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [_suite(row) for row in connection.execute(chosen)]

    def remove(self, which: str) -> Suite:
        """Take a suite off the shelf. Comparisons that were made with it keep what they need.

        Raises as `find` does.
        """
        suite = self.find(which)
        now_us = microseconds(time.time())
        compared = sql.select(tables.comparisons.c.id).where(tables.comparisons.c.suite == suite.id).limit(1)
        with self.database.writing() as connection:
            removed = tables.suites.update().where(_suites.id == suite.id, _suites.removed_us.is_(None))
            if not connection.execute(removed.values(removed_us=now_us)).rowcount:
                raise NotFound(f"The suite `{suite.id}` was removed before.")
            if connection.execute(compared).first() is None:
                connection.execute(tables.cases.delete().where(_cases.suite == suite.id))
                connection.execute(tables.suites.delete().where(_suites.id == suite.id))
                mine = sql.select(tables.answers.c.id).where(tables.answers.c.suite == suite.id)
                connection.execute(tables.scores.delete().where(tables.scores.c.answer.in_(mine)))
                connection.execute(tables.answers.delete().where(tables.answers.c.suite == suite.id))
        return suite

    # Cases

    def units(self, suite_id: str) -> int:
        """How many units there are: groups, and cases without one."""
        chosen = sql.select(sql.func.max(_cases.unit)).where(_cases.suite == suite_id)
        with self.database.reading() as connection:
            last = connection.execute(chosen).scalar()
        return 0 if last is None else int(last) + 1

    def classes(self, suite_id: str) -> dict[str, int]:
        """The classes of tasks, and how many cases each has."""
        chosen = (
            sql.select(_cases.task_class, sql.func.count())
            .where(_cases.suite == suite_id)
            .group_by(_cases.task_class)
            .order_by(_cases.task_class)
        )
        with self.database.reading() as connection:
            return {name: int(many) for name, many in connection.execute(chosen)}

    def of_units(self, suite_id: str, units: Sequence[int]) -> dict[int, Cases]:
        """The cases of some units, by unit, in the order of the suite."""
        chosen = (
            sql.select(_cases.unit, _cases.body)
            .where(_cases.suite == suite_id, _cases.unit.in_(units))
            .order_by(_cases.position)
        )
        found: dict[int, Cases] = {unit: [] for unit in units}
        with self.database.reading() as connection:
            rows = connection.execute(chosen).all()
        for unit, body in rows:
            found[unit].append(unpack(body, Case))
        return found

    def by_id(self, suite_id: str, ids: Sequence[str]) -> dict[str, Case]:
        """Some cases by their ids."""
        chosen = sql.select(_cases.id, _cases.body).where(_cases.suite == suite_id, _cases.id.in_(ids))
        with self.database.reading() as connection:
            rows = connection.execute(chosen).all()
        return {case_id: unpack(body, Case) for case_id, body in rows}

    def cases(self, suite_id: str) -> Iterator[Case]:
        """All cases in the order of the suite, read in portions."""
        after = -1
        while True:
            chosen = (
                sql.select(_cases.position, _cases.body)
                .where(_cases.suite == suite_id, _cases.position > after)
                .order_by(_cases.position)
                .limit(_CHUNK)
            )
            with self.database.reading() as connection:
                rows = connection.execute(chosen).all()
            for after, body in rows:  # noqa: B007 - the next portion begins after the last
                yield unpack(body, Case)
            if len(rows) < _CHUNK:
                return


def _begins_with(which: str) -> Iterator[sql.ColumnElement[bool]]:
    """What a suite is that begins so. A beginning has a few digits at least, or a mistyped name would be one."""
    digits = which.removeprefix(_PREFIX)
    if len(digits) >= _LEAST_DIGITS:
        yield _suites.id.startswith(_PREFIX + digits, autoescape=True)
        yield _suites.hash.startswith(which, autoescape=True)
    yield sql.false()


class _Units:
    """Numbers cases by their groups."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._next = 0

    def unit_of(self, case: Case) -> int:
        if case.group is not None and case.group in self._known:
            return self._known[case.group]
        number, self._next = self._next, self._next + 1
        if case.group is not None:
            self._known[case.group] = number
        return number


def _chunks(cases: Iterable[Case]) -> Iterator[list[Case]]:
    some: list[Case] = []
    for case in cases:
        some.append(case)
        if len(some) == _CHUNK:
            yield some
            some = []
    if some:
        yield some


def _row(suite: Suite) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(suite),
        "source": msgspec.json.encode(suite.source).decode(),
        "scorers": msgspec.json.encode(suite.scorers).decode(),
    }


def _suite(row: Any) -> Suite:
    return Suite(
        id=row.id,
        name=row.name,
        hash=row.hash,
        source=msgspec.json.decode(row.source, type=Source),
        scorers=msgspec.json.decode(row.scorers, type=tuple[ScorerSettings, ...]),
        cases=row.cases,
        made_us=row.made_us,
    )
