"""Keys of the endpoint, and keys of administrators."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.access.choice import Chosen, choose, state_of
from freehold.access.roles import Role
from freehold.access.shown import (
    NewAdminKey,
    NewKey,
    ShownAdminKey,
    ShownKey,
    show_admin_key,
    show_key,
    show_new_admin_key,
    show_new_key,
)
from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import After, Limit, given
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest
from freehold.core.moments import moment_after

AnyKey = TypeVar("AnyKey", bound=Chosen)

_Name = Annotated[str, Meta(min_length=1, max_length=64, description="Who or what holds it.")]
_Span = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]{0,3}[smhdwy]$",
        description="How long it is good: `12h`, `30d`, `1y`. Null: until it is revoked.",
    ),
]


class KeysQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which keys."""

    all: Annotated[bool, Meta(description="Revoked and expired ones too.")] = False
    limit: Limit = 1000
    after: After | UnsetType = UNSET


class KeyWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: _Name
    expires: _Span | None = None
    routes: (
        Annotated[
            list[Annotated[str, Meta(min_length=1, max_length=300)]],
            Meta(min_length=1, max_length=1000, description="Routes or `provider/model`. Null: every one."),
        ]
        | None
    ) = None
    strict: Annotated[bool, Meta(description="An error where a translation would lose something.")] = False
    team: _Name | None = None
    user: _Name | None = None


class AdminKeyWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An administrator's key to be made."""

    name: _Name
    role: Role
    expires: _Span | None = None


class KeyList(msgspec.Struct):
    """A page of keys, oldest first."""

    keys: list[ShownKey]
    next: str | None


class AdminKeyList(msgspec.Struct):
    """A page of administrators' keys, oldest first."""

    admin_keys: list[ShownAdminKey]
    next: str | None


def _list(office: Office, asked: Asked) -> KeyList:
    now_us = _now_us()
    page, following = _page(office.keys.list(), asked.query, now_us)
    return KeyList([show_key(key, now_us) for key in page], following)


def _create(office: Office, asked: Asked) -> NewKey:
    wanted: KeyWanted = asked.body
    now_us = _now_us()
    key, token = office.keys.create(
        wanted.name,
        expires_us=_end_of(wanted.expires, now_us),
        routes=None if wanted.routes is None else frozenset(wanted.routes),
        strict=wanted.strict,
        team=wanted.team,
        user=wanted.user,
        by=asked.actor,
    )
    return show_new_key(key, token, now_us)


def _show(office: Office, asked: Asked) -> ShownKey:
    now_us = _now_us()
    return show_key(choose(asked.path["key"], office.keys.list(), now_us), now_us)


def _revoke(office: Office, asked: Asked) -> ShownKey:
    return show_key(office.keys.revoke(asked.path["key"], by=asked.actor), _now_us())


def _list_admin(office: Office, asked: Asked) -> AdminKeyList:
    now_us = _now_us()
    page, following = _page(office.admin_keys.list(), asked.query, now_us)
    return AdminKeyList([show_admin_key(key, now_us) for key in page], following)


def _create_admin(office: Office, asked: Asked) -> NewAdminKey:
    wanted: AdminKeyWanted = asked.body
    now_us = _now_us()
    key, token = office.admin_keys.create(
        wanted.name,
        wanted.role,
        expires_us=_end_of(wanted.expires, now_us),
        by=asked.actor,
    )
    return show_new_admin_key(key, token, now_us)


def _show_admin(office: Office, asked: Asked) -> ShownAdminKey:
    now_us = _now_us()
    found = office.admin_keys.list()
    return show_admin_key(choose(asked.path["key"], found, now_us, command="admin-keys"), now_us)


def _revoke_admin(office: Office, asked: Asked) -> ShownAdminKey:
    now_us = _now_us()
    key = choose(asked.path["key"], office.admin_keys.list(), now_us, command="admin-keys")
    if key.id == asked.who.id:
        raise BadRequest(
            "A key cannot take itself back: nobody might be left.",
            hint=f"Use another owner's, or `freehold admin-keys revoke {key.id}`.",
        )
    return show_admin_key(office.admin_keys.revoke(key.id, by=asked.actor), now_us)


def _me(_office: Office, asked: Asked) -> ShownAdminKey:
    return show_admin_key(asked.who, _now_us())


def _page(keys: Sequence[AnyKey], query: KeysQuery, now_us: int) -> tuple[list[AnyKey], str | None]:
    found = [key for key in keys if query.all or state_of(key, now_us) == "good"]
    after = given(query.after)
    if after is not None:
        if not after.isascii():
            raise BadRequest(f"`{after}` is not the `next` of a page.", param="after")
        found = [key for key in found if key.id > after]  # ids made later sort later
    page = found[: query.limit]
    return page, page[-1].id if len(found) > len(page) else None


def _end_of(span: str | None, now_us: int) -> int | None:
    return None if span is None else moment_after(span, now_us)


def _now_us() -> int:
    return microseconds(time.time())


OPERATIONS = (
    Operation(
        method="GET", path="/me", least="viewer", act=_me, answer=ShownAdminKey,
        summary="Show the administrator's key that asks",
    ),
    Operation(
        method="GET", path="/keys", least="viewer", act=_list, answer=KeyList, query=KeysQuery,
        summary="List the keys",
    ),
    Operation(
        method="POST", path="/keys", least="operator", act=_create, answer=NewKey, body=KeyWanted, status=201,
        summary="Make a key and show it, this once",
    ),
    Operation(
        method="GET", path="/keys/{key}", least="viewer", act=_show, answer=ShownKey, summary="Show a key",
    ),
    Operation(
        method="POST", path="/keys/{key}/revoke", least="operator", act=_revoke, answer=ShownKey,
        summary="Take a key back",
    ),
    Operation(
        method="GET", path="/admin-keys", least="owner", act=_list_admin, answer=AdminKeyList, query=KeysQuery,
        summary="List the administrators' keys",
    ),
    Operation(
        method="POST", path="/admin-keys", least="owner", act=_create_admin, answer=NewAdminKey,
        body=AdminKeyWanted, status=201, summary="Make an administrator's key and show it, this once",
    ),
    Operation(
        method="GET", path="/admin-keys/{key}", least="owner", act=_show_admin, answer=ShownAdminKey,
        summary="Show an administrator's key",
    ),
    Operation(
        method="POST", path="/admin-keys/{key}/revoke", least="owner", act=_revoke_admin, answer=ShownAdminKey,
        summary="Take an administrator's key back",
    ),
)  # fmt: skip
