"""Keys: made, listed, revoked, and found again for every call.

The database keeps a keyed hash of each key, and nothing of the key itself but its first characters.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from freehold.access import names, tables
from freehold.access.choice import choose
from freehold.access.key import Key
from freehold.access.pepper import Pepper, make_pepper, read_pepper
from freehold.core.clock import Clock, SystemClock, microseconds
from freehold.core.errors import BadRequest, StoreError
from freehold.core.ids import new_id
from freehold.store.database import open_database, reading, store_errors, unusable, writing

LONGEST_TOKEN = 200
"""Characters. Ours have 46; nothing longer than this is even hashed."""
PREFIX = 7
"""How much of a key is kept to recognise it by: `fh-` and four characters, 24 of its 256 bits."""
KEEP_EXPIRED_US = 7 * 86400 * 1_000_000
"""How long an expired key of Freehold's own making is kept, so that its recent calls still show its name."""

_PATIENCE_MS = 5000
"""How long somebody who wants a change waits for another process's lock."""
_REOPEN_SECONDS = 1.0
"""Between two tries of a refresh to open a new file: a try costs answers some milliseconds."""
_FAULTS = (SQLAlchemyError, sqlite3.Error, OSError, msgspec.MsgspecError)


class Keys:
    """All keys. Every method may be called from any thread; `find` is the one for every call."""

    def __init__(self, path: Path, pepper_path: Path, clock: Clock | None = None) -> None:
        """Open the database, made when it is not there, and read the pepper, likewise.

        Raises StoreError: a file cannot be used, or the pepper is not the one that the keys were hashed with.
        """
        self._path = path
        self._pepper_path = pepper_path
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._good: dict[bytes, Key] = {}
        self._opened: tuple[int, int] | None = None
        self._is_hasty = False
        self._reopen_at = 0.0
        self.problem: StoreError | None = None
        """Why the last refresh failed, while the keys known before stay good; None when it worked."""
        self._open()

    def close(self) -> None:
        """Let go of the database. `find` goes on with what it knows."""
        with self._lock:
            self._watching.close()
            self._engine.dispose()

    def find(self, token: str | bytes) -> Key | None:
        """The key, when it is one of ours and good at this moment. Touches no database."""
        if len(token) > LONGEST_TOKEN:
            return None
        if isinstance(token, str):
            token = token.encode(errors="replace")
        key = self._good.get(self._pepper.digest(token))
        if key is None or (key.expires_us is not None and key.expires_us <= self._now_us()):
            return None
        return key

    def digest(self, data: bytes) -> bytes:
        """32 bytes that stand for `data`, here and nowhere else."""
        return self._pepper.digest(data)

    def good(self, key_id: str) -> Key | None:
        """The key with this id, when it is good at this moment. Touches no database."""
        key = next((key for key in self._good.values() if key.id == key_id), None)
        if key is None or (key.expires_us is not None and key.expires_us <= self._now_us()):
            return None
        return key

    @property
    def usable(self) -> int:
        """How many keys are good at this moment, without those that `freehold ask` made for itself."""
        now_us = self._now_us()
        good = (key for key in self._good.values() if key.expires_us is None or key.expires_us > now_us)
        return sum(names.is_held(key.name, key.expires_us) for key in good)

    def refresh(self) -> None:
        """Take over what other processes changed; cheap when nothing did.

        Never raises, and waits for nobody's lock, as answers would wait with it: when the database cannot
        be read now, the keys known so far stay as they are and `problem` says why. A new file that could not be
        opened is left alone for a second, however often this is called.
        """
        with self._lock:
            try:
                if self._replaced():
                    if self.problem is not None and self._clock.tick() < self._reopen_at:
                        return
                    self._reopen(busy_ms=0)
                else:
                    with self._impatient():
                        if self._version() != self._seen:
                            self._load()
                self.problem = None
            except StoreError as error:
                self.problem = error
            except _FAULTS as error:
                self.problem = unusable(self._path, error)

    def list(self) -> list[Key]:
        """Every key there is, oldest first, the revoked and expired ones too. Raises StoreError."""
        with store_errors(self._path), reading(self._engine) as connection:
            return [_key(row) for row in _rows(connection)]

    def create(
        self,
        name: str,
        *,
        expires_us: int | None = None,
        routes: frozenset[str] | None = None,
        strict: bool = False,
        numbered: bool = False,
    ) -> tuple[Key, str]:
        """A new key and the secret itself, which nobody can be told again.

        A name that a good key bears is refused or, with `numbered`, gets a number behind it.
        Raises BadRequest, StoreError.
        """
        name = names.checked(name)
        token = "fh-" + secrets.token_urlsafe(32)
        with self._changing() as connection:
            now_us = self._now_us()
            if expires_us is not None and expires_us <= now_us:
                raise BadRequest("A key cannot expire before it is made.", param="expires")
            good = _good_at(now_us)
            taken = set(connection.execute(sql.select(tables.keys.c.name).where(good)).scalars())
            if numbered:
                name = names.numbered(name, taken)
            elif name in taken:
                raise BadRequest(
                    f"There is a key called `{name}`.",
                    hint=f"Choose another name, or take that one back: `freehold keys revoke '{name}'`.",
                    param="name",
                )
            key = Key(new_id("key"), name, token[:PREFIX], now_us, expires_us, None, routes, strict)
            row = {
                "id": key.id,
                "name": name,
                "prefix": key.prefix,
                "digest": self._pepper.digest(token.encode()),
                "created_us": now_us,
                "expires_us": expires_us,
                "routes": None if routes is None else msgspec.json.encode(sorted(routes)).decode(),
                "strict": strict,
            }
            connection.execute(tables.keys.insert().values(row))
        return key, token

    def revoke(self, which: str) -> Key:
        """Take a key back. `which` is its id, its name, its beginning as listed, or the key itself.

        A key revoked before stays as it is. Raises NotFound, BadRequest (several fit), StoreError.
        """
        which = which.strip()
        digest = self._pepper.digest(which.encode(errors="replace"))
        with self._changing() as connection:
            now_us = self._now_us()
            rows = _rows(connection)
            held = [row.id for row in rows if row.digest == digest]
            key = choose(held[0] if held else which, [_key(row) for row in rows], now_us)
            if key.revoked_us is None:
                this = tables.keys.c.id == key.id
                connection.execute(tables.keys.update().where(this).values(revoked_us=now_us))
                key = msgspec.structs.replace(key, revoked_us=now_us)
        return key

    def forget(self, key_id: str) -> None:
        """Take a key off the list altogether: nobody was given it, and no call was made with it. Raises StoreError."""
        with self._changing() as connection:
            connection.execute(tables.keys.delete().where(tables.keys.c.id == key_id))

    def purge_expired(self, name: str) -> int:
        """Forget keys called `name`, or `name` with a number, that expired over a week ago. Returns how many.

        For keys that Freehold makes for itself; what a person made stays on the list.
        """
        columns = tables.keys.c
        with self._changing() as connection:
            old = columns.expires_us < self._now_us() - KEEP_EXPIRED_US
            found = connection.execute(sql.select(columns.id, columns.name).where(old))
            ids = [{"doomed": row.id} for row in found if names.is_numbered(row.name, name)]
            if ids:
                connection.execute(tables.keys.delete().where(columns.id == sql.bindparam("doomed")), ids)
        return len(ids)

    def _open(self, *, busy_ms: int = _PATIENCE_MS) -> None:
        engine = open_database(self._path, "access", busy_ms=busy_ms)
        try:
            with store_errors(self._path):
                # A power cut must not make a revoked key good again.
                sql.event.listen(engine, "connect", _flush_every_commit)
                engine.dispose()
                opened = self._file()
                self._engine = engine
                self._watching = engine.connect().execution_options(freehold_reading=True)
                try:
                    pepper = self._agreed_pepper()
                    self._load()
                except BaseException:
                    self._watching.close()
                    raise
        except BaseException:
            engine.dispose()
            raise
        self._pepper = pepper
        self._is_hasty = busy_ms < _PATIENCE_MS
        self._opened = opened  # only now: a file that could not be taken over is still to be opened

    def _reopen(self, *, busy_ms: int = _PATIENCE_MS) -> None:
        """The file was replaced: look at the new one, and at the old one no more."""
        if self._opened is not None:
            self._opened = None
            self.close()
        if self._file() is None:
            raise StoreError(
                f"The database of keys `{self._path}` was removed.",
                hint="Put it back; until then the keys known before stay good and none can be revoked.",
            )
        self._reopen_at = self._clock.tick() + _REOPEN_SECONDS
        self._open(busy_ms=busy_ms)
        self._reopen_at = 0.0

    def _agreed_pepper(self) -> Pepper:
        """The pepper of the keys in the database. Raises StoreError when it is lost or another one."""
        kept = sql.select(tables.pepper.c.check_value)
        pepper = read_pepper(self._pepper_path)
        with self._watching.begin():
            if pepper is not None and self._watching.execute(kept).scalar() == pepper.check:
                return pepper
        with writing(self._engine) as connection:
            check = connection.execute(kept).scalar()
            count = connection.execute(sql.select(sql.func.count()).select_from(tables.keys)).scalar_one()
            pepper = read_pepper(self._pepper_path)
            if count > 0 and check is not None and (pepper is None or check != pepper.check):
                what = "is gone" if pepper is None else "was replaced"
                raise StoreError(
                    f"The file `{self._pepper_path}` {what}, so none of the {count} keys in `{self._path}` "
                    "can be recognised.",
                    hint="Put it back from a backup. If it is lost for good, move the database away and make "
                    "new keys.",
                )
            pepper = pepper or make_pepper(self._pepper_path)
            connection.execute(tables.pepper.delete())
            connection.execute(tables.pepper.insert().values(id=1, check_value=pepper.check))
        return pepper

    @contextmanager
    def _changing(self) -> Iterator[sql.Connection]:
        with self._lock, store_errors(self._path):
            if self._is_hasty or self._replaced():
                self._reopen()  # opened by a refresh, it would fail at the first lock
            with writing(self._engine) as connection:
                yield connection
            self._load()

    def _load(self) -> None:
        seen = self._version()
        with self._watching.begin():
            chosen = sql.select(tables.keys).where(_good_at(self._now_us()))
            rows = self._watching.execute(chosen).all()
        self._good = {row.digest: _key(row) for row in rows}
        self._seen = seen  # only now: when the rows could not be read, there is still something to see

    @contextmanager
    def _impatient(self) -> Iterator[None]:
        """Fail at once where the database is locked."""
        driver: Any = self._watching.connection.driver_connection
        (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
        driver.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            driver.execute(f"PRAGMA busy_timeout = {int(patience)}")

    def _version(self) -> int:
        """Changes when another connection changed the database."""
        with self._watching.begin():
            return int(self._watching.exec_driver_sql("PRAGMA data_version").scalar_one())

    def _replaced(self) -> bool:
        return self._opened is None or self._file() != self._opened

    def _file(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _now_us(self) -> int:
        return microseconds(self._clock.now())


def _flush_every_commit(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = FULL")


def _good_at(now_us: int) -> sql.ColumnElement[bool]:
    expires_us = tables.keys.c.expires_us
    return sql.and_(tables.keys.c.revoked_us.is_(None), sql.or_(expires_us.is_(None), expires_us > now_us))


def _rows(connection: sql.Connection) -> Any:
    return connection.execute(sql.select(tables.keys).order_by(tables.keys.c.id)).all()


def _key(row: Any) -> Key:
    routes = None if row.routes is None else frozenset(msgspec.json.decode(row.routes, type=list[str]))
    return Key(
        row.id, row.name, row.prefix, row.created_us, row.expires_us, row.revoked_us, routes, row.strict
    )
