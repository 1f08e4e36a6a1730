"""Brings a database up to date: numbered migrations, one history for each kind of database.

`migrations/<history>/r0001_what_it_does.py` and so on, applied by Alembic in their order. A migration that
was released is never edited; what it got wrong, the next one puts right. Alembic is imported only when there
is something to apply, because importing it takes longer than everything else here.

On a server each history has a schema, with a record of its own of how far it is.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, inspect

from freehold.core.errors import StoreError
from freehold.store.places import Place
from freehold.store.server import is_server, schema_of, set_patience, take_lock

History = Literal["ledger", "access", "batches", "limits", "compare", "steering", "rollout"]

_PATIENCE = 600.0
"""Seconds that a migration may take on a server."""
_MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def head_of(history: History) -> str:
    """The revision that this program's tables are of: the number of the last migration, `0001`."""
    return max(path.stem[1:5] for path in (_MIGRATIONS / history).glob("r[0-9][0-9][0-9][0-9]_*.py"))


def revision_of(connection: Connection) -> str | None:
    """The revision of the database; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def bring_up_to_date(engine: Engine, history: History, place: Place) -> None:
    """Apply the migrations that are missing, in one transaction: all of them or none.

    Processes that start at the same moment wait for each other. `place` is for the words of the StoreError that
    says that a newer Freehold wrote the database.
    """
    with engine.connect().execution_options(freehold_reading=True) as connection:
        found = revision_of(connection)
    if found == head_of(history):
        return
    _refuse_newer(found, history, place)
    with engine.begin() as connection:
        if is_server(connection):
            _make_schema(connection, history)
        # Somebody else may have been faster while we waited for the lock; then nothing is left to apply.
        found = revision_of(connection)
        _refuse_newer(found, history, place)
        if found != head_of(history):
            _apply(connection, history)
    engine.dispose()  # on a server, that connection has more patience than others shall have


def check_revision(engine: Engine, history: History, place: Place) -> None:
    """Raises StoreError when the database is not of this program's revision."""
    with engine.connect() as connection:
        found = revision_of(connection)
    if found is None:
        raise StoreError(f"There is nothing in the database `{place}` yet.", hint="`freehold up` fills it.")
    _refuse_newer(found, history, place)
    if found != head_of(history):
        raise StoreError(
            f"The database `{place}` is of an older form ({found}; this Freehold reads {head_of(history)}).",
            hint="`freehold up` brings it up to date when it starts.",
        )


def _refuse_newer(found: str | None, history: History, place: Place) -> None:
    # Anything but our own four digits was not made by a Freehold that we can know of.
    if found is not None and not (len(found) == 4 and found.isdigit() and found <= head_of(history)):
        raise StoreError(
            f"The database `{place}` was written by a newer Freehold (its form is {found}; this one knows up "
            f"to {head_of(history)}).",
            hint="Start that version again, or put back the copy made before it.",
        )


def _make_schema(connection: Connection, history: History) -> None:
    # Others may already be at work on what this would wait for, so patience is as long as a migration may take.
    connection.exec_driver_sql(
        "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)"
    )
    set_patience(connection, _PATIENCE)
    take_lock(connection, "migrations")
    schema = schema_of(history)
    # Asked first: who may not make schemas may still use one that somebody made for them.
    if connection.exec_driver_sql("SELECT to_regnamespace(%s)", (schema,)).scalar() is None:
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')


def _apply(connection: Connection, history: History) -> None:
    from alembic import command  # noqa: PLC0415 - 200 ms that a second start need not spend
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(_MIGRATIONS / history).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
