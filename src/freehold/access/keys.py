"""Keys: made, listed, revoked, and found again for every call.

The database keeps a keyed hash of each key, and nothing of the key itself but its first characters. It is a file
(`KeyFile`) or on a server that several machines share (`KeyServer`).
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
from freehold.access.audit import write_entry
from freehold.access.cache import Cache, Known
from freehold.access.choice import choose
from freehold.access.file import KeyFile
from freehold.access.key import Key
from freehold.access.pepper import Pepper, make_pepper, read_pepper, wrong_pepper
from freehold.access.server import KeyServer
from freehold.core.clock import Clock, SystemClock, as_datetime, microseconds
from freehold.core.errors import BadRequest, StoreError
from freehold.core.ids import new_id
from freehold.core.moments import iso
from freehold.store.database import store_errors, unusable
from freehold.store.places import Place

LONGEST_TOKEN = 200
"""Characters. Ours have 46; nothing longer than this is even hashed."""
PREFIX = 7
"""How much of a key is kept to recognise it by: `fh-` and four characters, 24 of its 256 bits."""
OF_ITSELF = "freehold"
"""The actor in the audit log where nobody asked for it."""
KEEP_EXPIRED_US = 7 * 86400 * 1_000_000
"""How long an expired key of Freehold's own making is kept, so that its recent calls still show its name."""

_LOCK_SECONDS = 0.1
"""How long a refresh waits for another thread that looks at the server at this moment."""
_FAULTS = (SQLAlchemyError, sqlite3.Error, OSError, msgspec.MsgspecError)


class Keys:
    """All keys. Every method may be called from any thread; `find` is the one for every call."""

    def __init__(
        self, place: Place, pepper: Path | Pepper, clock: Clock | None = None, cache: Path | None = None
    ) -> None:
        """Open the database, made when it is not there, and read the pepper from its file, likewise.

        `cache`: a file to know the keys from when a server cannot be reached; without it, that is an error.
        Raises StoreError: a database or file cannot be used, or the pepper is not the one that the keys were
        hashed with.
        """
        self._source = pepper
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._good: dict[bytes, Key] = {}
        self._cache = None
        self._confirmed_us = 0
        self.problem: StoreError | None = None
        """Why the last refresh failed, while the keys known before stay good; None when it worked."""
        self.looks = 0
        """How many looks at what others changed were begun."""
        self.looked = 0
        """Which of them was the latest that worked."""
        self._hold: KeyFile | KeyServer
        if isinstance(place, Path):
            self._hold = KeyFile(place, self._clock, self._take)
            self._hold.open()
            return
        self._cache = None if cache is None else Cache(cache)
        self._hold = KeyServer(place, self._take)
        try:
            self._hold.open()
            self._confirmed_us = self._now_us()
        except StoreError as error:
            self._remember(error)

    def close(self) -> None:
        """Let go of the database. `find` goes on with what it knows."""
        with self._lock:
            self._hold.close()

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
        opened is left alone for a second, however often this is called; a server that went away is left to
        `keep_up`.
        """
        hold, patience = self._hold, -1.0
        if isinstance(hold, KeyServer):
            if not hold.may_look:
                return
            patience = _LOCK_SECONDS
        if self._lock.acquire(timeout=patience):
            try:
                self._look(is_patient=False)
            finally:
                self._lock.release()
        elif isinstance(hold, KeyServer):
            hold.rest(1.0)  # whoever holds it seems to wait for the server

    def keep_up(self) -> None:
        """As `refresh`, but connects anew to a server that was away, which may take seconds. For a thread."""
        with self._lock:
            self._look(is_patient=True)

    def _look(self, *, is_patient: bool) -> None:
        self.looks += 1
        number = self.looks
        try:
            if isinstance(self._hold, KeyFile):
                if self._hold.look(self._reload, in_trouble=self.problem is not None):
                    self.problem, self.looked = None, number
            elif self._hold.look(self._reload, is_patient=is_patient):
                self.problem, self.looked = None, number
                self._confirmed_us = self._now_us()
                if self._cache is not None:
                    self._cache.confirm(self._confirmed_us)
        except StoreError as error:
            self._note(error)
        except _FAULTS as error:
            self._note(unusable(self._hold.place, error))

    def _reload(self) -> None:
        self._load(self._pepper)

    def list(self) -> list[Key]:
        """Every key there is, oldest first, the revoked and expired ones too. Raises StoreError."""
        with self._lock, store_errors(self._hold.place), self._hold.reading() as connection:
            return [_key(row) for row in _rows(connection)]

    def create(
        self,
        name: str,
        *,
        expires_us: int | None = None,
        routes: frozenset[str] | None = None,
        strict: bool = False,
        team: str | None = None,
        user: str | None = None,
        numbered: bool = False,
        by: str = OF_ITSELF,
    ) -> tuple[Key, str]:
        """A new key and the secret itself, which nobody can be told again.

        A name that a good key bears is refused or, with `numbered`, gets a number behind it. `by`: who makes it, for
        the audit log.
        Raises BadRequest, StoreError.
        """
        name = names.checked(name)
        team, user = names.checked_group(team, "team"), names.checked_group(user, "user")
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
            key = Key(
                new_id("key"), name, token[:PREFIX], now_us, expires_us, None, routes, strict, team, user
            )
            row = {
                "id": key.id,
                "name": name,
                "prefix": key.prefix,
                "digest": self._pepper.digest(token.encode()),
                "created_us": now_us,
                "expires_us": expires_us,
                "routes": None if routes is None else msgspec.json.encode(sorted(routes)).decode(),
                "strict": strict,
                "team": team,
                "holder": user,
            }
            connection.execute(tables.keys.insert().values(row))
            write_entry(connection, by, "keys.create", key.id, _terms_of(key), at_us=now_us)
        return key, token

    def revoke(self, which: str, *, by: str = OF_ITSELF) -> Key:
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
                write_entry(connection, by, "keys.revoke", key.id, {"name": key.name}, at_us=now_us)
                key = msgspec.structs.replace(key, revoked_us=now_us)
        return key

    def forget(self, key_id: str, *, by: str = OF_ITSELF) -> None:
        """Take a key off the list altogether: nobody was given it, and no call was made with it. Raises StoreError."""
        with self._changing() as connection:
            connection.execute(tables.keys.delete().where(tables.keys.c.id == key_id))
            write_entry(connection, by, "keys.forget", key_id, at_us=self._now_us())

    def purge_expired(self, name: str, *, by: str = OF_ITSELF) -> int:
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
                gone = {"keys": [one["doomed"] for one in ids]}
                write_entry(connection, by, "keys.forget_expired", name, gone, at_us=self._now_us())
        return len(ids)

    def _take(self) -> None:
        """Another database was opened: agree on the pepper, and read the keys."""
        pepper = self._agreed_pepper()
        self._load(pepper)
        self._pepper = pepper

    def _agreed_pepper(self) -> Pepper:
        """The pepper of the keys in the database. Raises StoreError when it is lost or another one."""
        kept = sql.select(tables.pepper.c.check_value)
        pepper = read_pepper(self._source)
        with self._hold.watching() as connection:
            if pepper is not None and connection.execute(kept).scalar() == pepper.check:
                return pepper
        with self._hold.writing() as connection:
            check = connection.execute(kept).scalar()
            count = sum(
                connection.execute(sql.select(sql.func.count()).select_from(table)).scalar_one()
                for table in (tables.keys, tables.admin_keys)
            )
            pepper = read_pepper(self._source)
            if count > 0 and check is not None and (pepper is None or check != pepper.check):
                raise wrong_pepper(self._source, self._hold.place, count, is_lost=pepper is None)
            pepper = pepper or make_pepper(self._source)
            connection.execute(tables.pepper.delete())
            connection.execute(tables.pepper.insert().values(id=1, check_value=pepper.check))
        return pepper

    @contextmanager
    def _changing(self) -> Iterator[sql.Connection]:
        with self._lock, store_errors(self._hold.place):
            self._hold.make_sure()
            with self._hold.writing() as connection:
                yield connection
            try:
                self._load(self._pepper)
            except (StoreError, *_FAULTS) as error:
                # The change is made, and whoever asked for it has to be told so; the next look takes it over.
                if isinstance(self._hold, KeyServer):
                    self._hold.close()
                self._note(error if isinstance(error, StoreError) else unusable(self._hold.place, error))

    def _load(self, pepper: Pepper) -> None:
        now_us = self._now_us()
        with self._hold.watching() as connection:
            rows = connection.execute(sql.select(tables.keys).where(_good_at(now_us))).all()
        self._good = {bytes(row.digest): _key(row) for row in rows}
        if self._cache is not None:
            self._cache.keep(Known(str(self._hold.place), pepper.check, list(self._good.items())), now_us)

    def _remember(self, error: StoreError) -> None:
        """Go on with what the server said last. Raises `error` when that is not known."""
        found = None if self._cache is None else self._cache.read()
        pepper = read_pepper(self._source)
        if found is None or pepper is None:
            raise error
        known, at_us = found
        if known.server != str(self._hold.place) or known.check != pepper.check:
            raise error
        self._good = dict(known.keys)
        self._pepper = pepper
        self._confirmed_us = at_us
        self._note(error)

    def _note(self, error: StoreError) -> None:
        if isinstance(self._hold, KeyServer):
            when = as_datetime(self._confirmed_us).strftime("%Y-%m-%d %H:%M:%S UTC")
            error = StoreError(f"{error.message} Keys as of {when} go on working.", hint=error.hint)
        self.problem = error

    def _now_us(self) -> int:
        return microseconds(self._clock.now())


def _good_at(now_us: int) -> sql.ColumnElement[bool]:
    expires_us = tables.keys.c.expires_us
    return sql.and_(tables.keys.c.revoked_us.is_(None), sql.or_(expires_us.is_(None), expires_us > now_us))


def _terms_of(key: Key) -> dict[str, object]:
    """What the audit log says of a new key."""
    return {
        "name": key.name,
        "expires": iso(key.expires_us),
        "routes": None if key.routes is None else sorted(key.routes),
        "strict": key.strict,
        "team": key.team,
        "user": key.user,
    }


def _rows(connection: sql.Connection) -> Any:
    return connection.execute(sql.select(tables.keys).order_by(tables.keys.c.id)).all()


def _key(row: Any) -> Key:
    routes = None if row.routes is None else frozenset(msgspec.json.decode(row.routes, type=list[str]))
    return Key(
        row.id,
        row.name,
        row.prefix,
        row.created_us,
        row.expires_us,
        row.revoked_us,
        routes,
        row.strict,
        row.team,
        row.holder,
    )
