"""An operation of the admin API: one declaration, which is served, documented and tested."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Literal

import msgspec

from freehold.access.admin_keys import AdminKey
from freehold.access.roles import Role
from freehold.admin.office import Office

Media = Literal["application/json", "application/jsonl", "application/octet-stream", "text/html"]


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It takes no parameters."""


class Asked(msgspec.Struct, frozen=True):
    """One request, authenticated and read."""

    who: AdminKey
    path: dict[str, str]
    """What stands in the places of the path."""
    query: Any
    """Of the type that the operation declares."""
    body: Any

    @property
    def actor(self) -> str:
        """For the audit log: the id, as a name may be given again."""
        return f"admin:{self.who.id}:{self.who.name}"


Answer = msgspec.Struct | bytes | Generator[bytes, None, None] | None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What is done at a path with a method."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """Behind `/admin/v1`, with places: `/keys/{key}`."""
    least: Role
    """The least role that may do it. There is no default: what is not said is not allowed."""
    summary: str
    act: Callable[[Office, Asked], Answer | Awaitable[Answer]]
    """Called in a thread, unless it is `async`."""
    answer: type[msgspec.Struct] | None = None
    """What a good answer holds; None: bytes."""
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    status: int = 200
    media: Media = "application/json"
    ends_with_client: bool = False
    """Whether it is given up when its client hangs up; for what is `async` and changes nothing."""
    conflicts: bool = False
    """Whether it may say 409: not in the state that it is in."""

    @property
    def name(self) -> str:
        """`GET /keys`"""
        return f"{self.method} {self.path}"

    @property
    def places(self) -> list[str]:
        """Names of the places in its path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
