"""The checks of judges that are kept."""

from __future__ import annotations

import msgspec
import sqlalchemy as sql

from freehold.compare import tables
from freehold.compare.database import Database
from freehold.compare.judges.checking import JudgeCheck
from freehold.core.errors import NotFound

_checks = tables.judge_checks.c


class Checks:
    """Checks in the database. Methods wait for it, and raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, check: JudgeCheck) -> None:
        """Keep a check as it is now, in place of what it was."""
        row = {
            "id": check.id,
            "scorer": check.scorer,
            "judge": check.judge,
            "body": msgspec.json.encode(check).decode(),
            "made_us": check.made_us,
        }
        with self._database.writing() as connection:
            connection.execute(tables.judge_checks.delete().where(_checks.id == check.id))
            connection.execute(tables.judge_checks.insert().values(row))

    def broken_off(self, scorer: str, labels: str, sample_of: str | None) -> JudgeCheck | None:
        """The newest check of this judge with these labels that did not come to its end."""
        for check in self._of(scorer):
            if check.labels == labels and check.sample_of == sample_of:
                return None if check.complete else check
        return None

    def newest_of(self, scorer: str) -> JudgeCheck | None:
        """The newest complete check of a judge, by the hash of the scorer."""
        return next((check for check in self._of(scorer) if check.complete), None)

    def all(self) -> list[JudgeCheck]:
        """All, the newest first."""
        return self._those(sql.true())

    def find(self, which: str) -> JudgeCheck:
        """By its id, or the beginning of one. Raises NotFound."""
        found = self._those(_checks.id.startswith(which, autoescape=True))
        if len(found) != 1:
            many = "Several checks begin with" if found else "There is no check"
            raise NotFound(f"{many} `{which}`.", hint="`freehold judge list` shows those there are.")
        return found[0]

    def _of(self, scorer: str) -> list[JudgeCheck]:
        return self._those(_checks.scorer == scorer)

    def _those(self, where: sql.ColumnElement[bool]) -> list[JudgeCheck]:
        if not self._database.exists:
            return []
        chosen = sql.select(_checks.body).where(where).order_by(_checks.made_us.desc(), _checks.id.desc())
        with self._database.reading() as connection:
            bodies = [body for (body,) in connection.execute(chosen)]
        return [msgspec.json.decode(body, type=JudgeCheck) for body in bodies]
