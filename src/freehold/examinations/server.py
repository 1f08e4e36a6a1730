"""The database's server, and the calls that wait on this machine's disk for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from freehold.core.errors import StoreError
from freehold.core.figures import counted, size
from freehold.examinations.finding import Finding, broken, good, notice
from freehold.ledger.spool import damaged_in, waiting_in
from freehold.store.database import ask_server
from freehold.store.places import Server

SLOW_SECONDS = 0.1
"""An answer from the server that takes longer than this is worth a word."""
MOST_FILES = 3
"""That are named."""
OLDEST = 130_000
"""Of the versions that Freehold is made for: PostgreSQL 13."""


def examine_server(server: Server, spool: Path) -> Iterator[Finding]:
    """Whether it can be reached, what it is, and what waits for it."""
    yield _server(server)
    yield from _spool(spool)


def _server(server: Server) -> Finding:
    try:
        version, took = ask_server(server)
    except StoreError as error:
        return broken("database", error.message, error.hint)
    found = f"{server} is PostgreSQL {version // 10_000}.{version % 10_000}, and answers within {took * 1000:.1f} ms"
    if version < OLDEST:
        return broken("database", found, "Freehold needs PostgreSQL 13 or later.")
    if took > SLOW_SECONDS:
        return notice(
            "database", found, "Put the server nearer to this machine; each commit asks it ten times."
        )
    return good("database", found)


def _spool(spool: Path) -> Iterator[Finding]:
    if aside := damaged_in(spool):
        files = ", ".join(str(path) for path in aside[:MOST_FILES]) + (
            " …" if len(aside) > MOST_FILES else ""
        )
        yield notice(
            "spool",
            f"calls that waited on the disk cannot be read, and are not in the ledger: {files}",
            "See under `record` how many. Keep the files where they are looked into, and then move them away.",
        )
    calls, stored, running = waiting_in(spool)
    if not calls:
        return
    found = f"{counted(calls, 'call')} in {size(stored)} wait in {spool} for the database"
    if running:
        yield notice("spool", found, "They are written as soon as the server takes them.")
    else:
        yield notice("spool", found, "They are written at the next `freehold up` beside this folder.")
