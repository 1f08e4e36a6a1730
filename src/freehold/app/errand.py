"""What takes long and much memory for an administrator, done in a process of its own: `python -m freehold.app.errand`.

It is told on standard input, as that may hold the address of a database with its password.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from freehold.core.errors import BadRequest, FreeholdError, NotFound, StoreError
from freehold.core.secret import Secret
from freehold.store.places import Place, Server

# ruff: noqa: PLC0415 - what only one kind of errand needs is imported for that kind

TROUBLE = 3
"""The exit status with which a `Trouble` is on standard output."""


class Where(msgspec.Struct, frozen=True):
    """A place, written down."""

    text: str
    is_server: bool

    @property
    def place(self) -> Place:
        """The place."""
        return Server(Secret(self.text, "database.url")) if self.is_server else Path(self.text)


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done."""

    what: Literal["report", "findings"]
    which: str
    """The id of a comparison; of a check."""
    comparisons: Where
    ledger: Where
    alpha: float = 0.05


class Trouble(msgspec.Struct, frozen=True):
    """Why it could not be done."""

    kind: str
    message: str
    hint: str | None

    def error(self) -> FreeholdError:
        """As it was raised."""
        kinds = {one.__name__: one for one in (BadRequest, NotFound, StoreError)}
        return kinds.get(self.kind, FreeholdError)(self.message, hint=self.hint)


def written(place: Place) -> Where:
    """A place as it is told."""
    return Where(place.url.reveal(), True) if isinstance(place, Server) else Where(str(place), False)


def do(errand: Errand) -> bytes:
    """A page of HTML, or JSON. Raises NotFound, BadRequest, StoreError."""
    from freehold.compare.database import Database

    with closing(Database(errand.comparisons.place)) as database:
        if errand.what == "report":
            from freehold.app.reporting import page_for, report_from
            from freehold.ledger.reading import LedgerReader

            return page_for(report_from(database, LedgerReader(errand.ledger.place), errand.which))
        from freehold.app.comparing import check_extra
        from freehold.compare.judges.checks import Checks

        check_extra()
        from freehold.compare.judges.findings import findings_of

        return msgspec.json.encode(findings_of(Checks(database).find(errand.which), alpha=errand.alpha))


def main() -> int:
    """One errand; its exit status."""
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    try:
        answer, status = do(errand), 0
    except FreeholdError as error:
        trouble = Trouble(type(error).__name__, error.message, error.hint)
        answer, status = msgspec.json.encode(trouble), TROUBLE
    sys.stdout.buffer.write(answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
