"""Keys and entries of the audit log as programs see them: in what commands print with `--json`, and over HTTP."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.access.admin_keys import AdminKey
from freehold.access.audit import Entry, Verdict
from freehold.access.choice import state_of
from freehold.access.key import Key
from freehold.access.roles import Role
from freehold.core.moments import Moment, iso

State = Literal["good", "revoked", "expired"]


class ShownKey(msgspec.Struct, kw_only=True):
    """A key of the endpoint."""

    id: str
    name: str
    prefix: str
    """The first characters of the secret."""
    state: State
    routes: list[str] | None
    """Null: every one."""
    strict: bool
    team: str | None
    user: str | None
    created: Moment
    expires: Moment | None
    revoked: Moment | None


class NewKey(ShownKey, kw_only=True):
    """A key that was made just now."""

    key: str
    """The secret, shown this once."""


class ShownAdminKey(msgspec.Struct, kw_only=True):
    """An administrator's key."""

    id: str
    name: str
    role: Role
    prefix: str
    """The first characters of the secret."""
    state: State
    created: Moment
    expires: Moment | None
    revoked: Moment | None


class NewAdminKey(ShownAdminKey, kw_only=True):
    """An administrator's key that was made just now."""

    key: str
    """The secret, shown this once."""


class ShownEntry(msgspec.Struct, kw_only=True):
    """An entry of the audit log. With the time in microseconds, everything that its hash is of."""

    number: int
    at: Moment
    at_us: int
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]
    hash: str
    """SHA-256, 64 hexadecimal digits."""


class ShownVerdict(msgspec.Struct, kw_only=True):
    """Whether the audit log is as it was written."""

    good: bool
    entries: int
    """That were found good, from the first."""
    head: str
    """The hash of the last of them: keep it elsewhere."""
    broken: int | None
    """The number of the first entry that is not as it was."""
    problem: str | None


def show_verdict(verdict: Verdict) -> ShownVerdict:
    """What verifying came to."""
    return ShownVerdict(
        good=verdict.good,
        entries=verdict.entries,
        head=verdict.head,
        broken=verdict.broken,
        problem=verdict.problem,
    )


def show_key(key: Key, now_us: int) -> ShownKey:
    """A key, without its secret."""
    return ShownKey(**_facts(key, now_us))


def show_new_key(key: Key, token: str, now_us: int) -> NewKey:
    """A key with its secret."""
    return NewKey(**_facts(key, now_us), key=token)


def show_admin_key(key: AdminKey, now_us: int) -> ShownAdminKey:
    """An administrator's key, without its secret."""
    return ShownAdminKey(**_admin_facts(key, now_us))


def show_new_admin_key(key: AdminKey, token: str, now_us: int) -> NewAdminKey:
    """An administrator's key with its secret."""
    return NewAdminKey(**_admin_facts(key, now_us), key=token)


def show_entry(entry: Entry) -> ShownEntry:
    """An entry; what cannot be read as JSON any more is shown as the text it is."""
    detail: dict[str, Any]
    try:
        detail = msgspec.json.decode(entry.detail, type=dict[str, Any])
    except msgspec.DecodeError:
        detail = {"unreadable": entry.detail}
    return ShownEntry(
        number=entry.number,
        at=iso(entry.at_us),
        at_us=entry.at_us,
        actor=entry.actor,
        act=entry.act,
        subject=entry.subject,
        detail=detail,
        hash=entry.hash.hex(),
    )


def _facts(key: Key, now_us: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "state": state_of(key, now_us),
        "routes": None if key.routes is None else sorted(key.routes),
        "strict": key.strict,
        "team": key.team,
        "user": key.user,
        "created": iso(key.created_us),
        "expires": iso(key.expires_us),
        "revoked": iso(key.revoked_us),
    }


def _admin_facts(key: AdminKey, now_us: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "prefix": key.prefix,
        "state": state_of(key, now_us),
        "created": iso(key.created_us),
        "expires": iso(key.expires_us),
        "revoked": iso(key.revoked_us),
    }
