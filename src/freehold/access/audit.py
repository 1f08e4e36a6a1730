"""The audit log: who did what, in a chain in which nothing can be changed unnoticed.

Each entry has the hash of itself and of the entry before it. Whoever keeps the newest hash, the head, elsewhere, can
show later that everything up to it is still as it was. The hash of an entry is

    SHA-256(hash of the entry before it ‖ JSON [FORM, number, at_us, actor, act, subject, detail])

with JSON as short as it can be, in UTF-8, and `detail` as the text that is kept. Before the first entry there are 32
bytes of zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import sqlalchemy as sql

from freehold.access import tables
from freehold.access.register import Register
from freehold.core.clock import Clock, SystemClock, microseconds
from freehold.core.errors import BadRequest, FreeholdError
from freehold.store.database import PATIENCE
from freehold.store.places import Place
from freehold.store.server import is_server, take_lock

FORM = "freehold audit 1"
"""Names the form that is hashed, so that another one cannot be taken for it."""
BEGINNING = bytes(32)
_CHUNK = 1000
_COLUMNS = tables.audit.c


class Entry(msgspec.Struct, frozen=True):
    """One act."""

    number: int
    """1, 2, 3 …"""
    at_us: int
    actor: str
    """`cli:USER`, `admin:ID:NAME`, `reload`, or `freehold` for what it does of itself."""
    act: str
    """What was done: `keys.create`."""
    subject: str
    """What it was done to: an id or a name; empty where it is the endpoint as a whole."""
    detail: str
    """More about it: a JSON object without secrets."""
    hash: bytes

    def follows(self, before: bytes) -> bytes:
        """The hash that it must have behind an entry with the hash `before`."""
        return _hash(before, self.number, self.at_us, self.actor, self.act, self.subject, self.detail)


class Verdict(msgspec.Struct, frozen=True):
    """What verifying came to."""

    entries: int
    """That were found good, from the first."""
    head: str
    """The hash of the last of them: keep it elsewhere. 64 hexadecimal digits."""
    broken: int | None = None
    """The number of the first entry that is not as it was; None: all are."""
    problem: str | None = None
    """In words."""

    @property
    def good(self) -> bool:
        """Whether everything is as it was."""
        return self.problem is None


def write_entry(
    connection: sql.Connection,
    who: str,
    act: str,
    subject: str = "",
    detail: Mapping[str, object] | None = None,
    *,
    at_us: int,
) -> Entry:
    """Add an entry in the transaction of the act itself. Whoever else wants to waits until it has ended."""
    if is_server(connection):
        take_lock(connection, "audit")  # a file is locked since the transaction began
    newest = sql.select(_COLUMNS.number, _COLUMNS.hash).order_by(_COLUMNS.number.desc()).limit(1)
    last = connection.execute(newest).first()
    number, before = (1, BEGINNING) if last is None else (last.number + 1, bytes(last.hash))
    text = msgspec.json.encode(detail or {}, order="sorted").decode()
    entry = Entry(
        number, at_us, who, act, subject, text, _hash(before, number, at_us, who, act, subject, text)
    )
    connection.execute(tables.audit.insert().values(msgspec.structs.asdict(entry)))
    return entry


class AuditLog:
    """The log that is in the database of keys. Methods raise StoreError."""

    def __init__(self, place: Place, clock: Clock | None = None, *, patience: float = PATIENCE) -> None:
        """`patience`: seconds that a server may take over one statement."""
        self._register = Register(place, patience=patience)
        self._clock = clock or SystemClock()

    @property
    def exists(self) -> bool:
        """Whether anything can have been written."""
        return self._register.exists

    def close(self) -> None:
        """Let go of the database."""
        self._register.close()

    def append(
        self, who: str, act: str, subject: str = "", detail: Mapping[str, object] | None = None
    ) -> Entry:
        """Add an entry for an act that is done elsewhere than in this database."""
        with self._register.writing() as connection:
            return write_entry(connection, who, act, subject, detail, at_us=microseconds(self._clock.now()))

    @contextmanager
    def of(
        self, who: str, act: str, subject: str = "", detail: Mapping[str, object] | None = None
    ) -> Iterator[None]:
        """What is done here is written down before it is done; and that it failed, when it did."""
        self.append(who, act, subject, detail)
        try:
            yield
        except Exception as error:
            why = error.message if isinstance(error, FreeholdError) else type(error).__name__
            self.append(who, f"{act}.failed", subject, {"why": why})
            raise

    def newest(self, limit: int = 50, *, before: int | None = None) -> list[Entry]:
        """The newest entries first; `before`: only those with smaller numbers."""
        query = sql.select(tables.audit).order_by(_COLUMNS.number.desc()).limit(limit)
        if before is not None:
            query = query.where(_COLUMNS.number < before)
        if not self.exists:
            return []
        with self._register.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def all(self) -> Iterator[Entry]:
        """Every entry, oldest first; a thousand in memory."""
        last = -(2**62)  # numbers that nobody gave are seen, too
        while self.exists:
            query = (
                sql.select(tables.audit).where(_COLUMNS.number > last).order_by(_COLUMNS.number).limit(_CHUNK)
            )
            with self._register.reading() as connection:
                found = [_entry(row) for row in connection.execute(query)]
            yield from found
            if len(found) < _CHUNK:
                return
            last = found[-1].number

    def verify(self, head: str | None = None) -> Verdict:
        """Whether every entry is as it was written, and none is missing or was put between.

        Entries taken away at the end leave no trace in the log: that is found with a `head` kept from before. Raises
        BadRequest when it is none.
        """
        return verify(self.all(), head)


def verify(entries: Iterator[Entry], head: str | None = None) -> Verdict:
    """As `AuditLog.verify` does, of entries from anywhere."""
    wanted = None if head is None else _read_head(head)
    before, count = BEGINNING, 0
    is_seen = wanted in (None, BEGINNING)
    for entry in entries:
        if entry.number != count + 1:
            return _broken(count, before, f"Entry {count + 1} is missing: {entry.number} comes in its place.")
        if entry.follows(before) != entry.hash:
            return _broken(count, before, f"Entry {entry.number} is not what was written there.")
        before, count = entry.hash, entry.number
        is_seen = is_seen or before == wanted
    if not is_seen:
        return _broken(
            count, before, f"Entries behind {count} are missing: the head that was kept is none here."
        )
    return Verdict(count, before.hex())


def _broken(count: int, before: bytes, problem: str) -> Verdict:
    return Verdict(count, before.hex(), count + 1, problem)


def _read_head(head: str) -> bytes:
    try:
        found = bytes.fromhex(head.strip())
    except ValueError:
        found = b""
    if len(found) != len(BEGINNING):
        raise BadRequest(
            f"`{head[:80]}` is not a head.",
            hint="It has 64 hexadecimal digits; verifying prints it.",
            param="head",
        )
    return found


def _hash(before: bytes, *fields: object) -> bytes:
    return hashlib.sha256(before + msgspec.json.encode([FORM, *fields])).digest()


def _entry(row: Any) -> Entry:
    return Entry(**{**row._mapping, "hash": bytes(row.hash)})
