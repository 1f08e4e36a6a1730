"""Administrators' keys: good for the admin API, and for nothing else.

They begin with `fha-`, are kept as keyed hashes in a table of their own, and each has a role. They are few, so all good
ones are held in memory and read anew when they are older than a second; while a server is away, those known before stay
good.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sql

from freehold.access import names, tables
from freehold.access.audit import write_entry
from freehold.access.choice import choose
from freehold.access.keys import LONGEST_TOKEN
from freehold.access.register import Register
from freehold.access.roles import Role
from freehold.core.clock import Clock, SystemClock, microseconds
from freehold.core.errors import BadRequest, StoreError
from freehold.core.ids import new_id
from freehold.core.moments import iso
from freehold.store.places import Place

PREFIX = 8
"""How much of a key is kept to recognise it by: `fha-` and four characters."""
FRESH_SECONDS = 1.0
"""A key that another process took back is refused after so long."""
_AWAY_SECONDS = 5.0
"""Between two looks at a server that could not be reached."""
_PATIENCE = 2.0


class AdminKey(msgspec.Struct, frozen=True):
    """What is known about an administrator's key. The secret itself is known only to its holder."""

    id: str
    """`adm_…`"""
    name: str
    role: Role
    prefix: str
    """The first characters of the secret, `fha-ab12`, to recognise it by."""
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None


class AdminKeys:
    """All of them. Methods may be called from any thread and, but for `known`, wait for the database."""

    def __init__(self, place: Place, digest: Callable[[bytes], bytes], clock: Clock | None = None) -> None:
        """`digest` makes the hash that is kept of a key: that of `Keys`, with the pepper of them all."""
        self._register = Register(place, patience=_PATIENCE)
        self._digest = digest
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._good: dict[bytes, AdminKey] = {}
        self._look_at = 0.0
        self.ever_read = False
        self.problem: StoreError | None = None
        """Why the keys could not be read anew, while those known before stay good."""

    def close(self) -> None:
        """Let go of the database."""
        self._register.close()

    @property
    def is_stale(self) -> bool:
        """Whether they should be read anew."""
        return self._clock.tick() >= self._look_at

    def known(self, token: bytes) -> AdminKey | None:
        """The key behind `token`, when it is one of ours and good at this moment. Touches no database."""
        if not token.startswith(b"fha-") or len(token) > LONGEST_TOKEN:
            return None
        key = self._good.get(self._digest(token))
        return None if key is None or not _is_good(key, self._now_us()) else key

    def refresh(self, *, again: bool = False) -> None:
        """Read them anew where they are stale or, with `again`, anyhow. Never raises: `problem` says what was wrong.

        A server that is away is left alone for some seconds.
        """
        with self._lock:
            if not self.is_stale and (not again or self.problem is not None):
                return
            try:
                self._good = dict(self._rows()) if self._register.exists else {}
            except StoreError as error:
                self.problem = error
                self._look_at = self._clock.tick() + _AWAY_SECONDS
                return
            self.problem = None
            self.ever_read = True
            self._look_at = self._clock.tick() + FRESH_SECONDS

    def list(self) -> list[AdminKey]:
        """Every key there is, oldest first, the revoked and expired ones too. Raises StoreError."""
        return [key for _, key in self._rows()] if self._register.exists else []

    def create(
        self, name: str, role: Role, *, expires_us: int | None = None, by: str
    ) -> tuple[AdminKey, str]:
        """A new key and the secret itself, which nobody can be told again. Raises BadRequest, StoreError.

        `by`: who makes it, for the audit log.
        """
        name = names.checked(name)
        token = "fha-" + secrets.token_urlsafe(32)
        with self._register.writing() as connection:
            now_us = self._now_us()
            if expires_us is not None and expires_us <= now_us:
                raise BadRequest("A key cannot expire before it is made.", param="expires")
            if any(key.name == name and _is_good(key, now_us) for _, key in _read(connection)):
                raise BadRequest(
                    f"There is an administrator's key called `{name}`.",
                    hint=f"Choose another name, or take that one back: `freehold admin-keys revoke '{name}'`.",
                    param="name",
                )
            key = AdminKey(new_id("adm"), name, role, token[:PREFIX], now_us, expires_us)
            row = {**msgspec.structs.asdict(key), "digest": self._digest(token.encode())}
            connection.execute(tables.admin_keys.insert().values(row))
            terms = {"name": name, "role": role, "expires": iso(expires_us)}
            write_entry(connection, by, "admin_keys.create", key.id, terms, at_us=now_us)
        self._look_at = 0.0
        return key, token

    def revoke(self, which: str, *, by: str) -> AdminKey:
        """Take a key back. `which` is its id, its name, or its beginning as listed.

        A key revoked before stays as it is. Raises NotFound, BadRequest (several fit), StoreError.
        """
        with self._register.writing() as connection:
            now_us = self._now_us()
            found = [key for _, key in _read(connection)]
            key = choose(which.strip(), found, now_us, command="admin-keys")
            if key.revoked_us is None:
                this = tables.admin_keys.c.id == key.id
                connection.execute(tables.admin_keys.update().where(this).values(revoked_us=now_us))
                said = {"name": key.name, "role": key.role}
                write_entry(connection, by, "admin_keys.revoke", key.id, said, at_us=now_us)
                key = msgspec.structs.replace(key, revoked_us=now_us)
        self._look_at = 0.0
        return key

    def _rows(self) -> Sequence[tuple[bytes, AdminKey]]:
        with self._register.reading() as connection:
            return _read(connection)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())


def _read(connection: sql.Connection) -> list[tuple[bytes, AdminKey]]:
    table = tables.admin_keys
    return [
        (bytes(row.digest), _key(row)) for row in connection.execute(sql.select(table).order_by(table.c.id))
    ]


def _key(row: Any) -> AdminKey:
    return AdminKey(row.id, row.name, row.role, row.prefix, row.created_us, row.expires_us, row.revoked_us)


def _is_good(key: AdminKey, now_us: int) -> bool:
    return key.revoked_us is None and (key.expires_us is None or key.expires_us > now_us)
