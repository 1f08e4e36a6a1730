"""Where a database is: in a file, or on a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from freehold.core.secret import Secret

_SCHEMES = ("postgresql", "postgres")


class Server(msgspec.Struct, frozen=True):
    """A database on a PostgreSQL server."""

    url: Secret
    """`postgresql://user:password@host:port/database?sslmode=…`"""

    def __str__(self) -> str:
        """The address as people may see it: without user, password and options."""
        parts = urlsplit(self.url.reveal())
        host = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", [""])[0]
        return f"postgresql://{host}{parts.path}"


Place = Path | Server


def has_password(url: str) -> bool:
    """Whether a URL carries a password, and so is a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    return ":" in parts.netloc.rpartition("@")[0] or "password" in parse_qs(parts.query)


def fault_of_url(url: str) -> str | None:
    """Why a URL is no address of a database on a server; None when it is one. Never repeats the URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is no URL"
    if parts.scheme not in _SCHEMES:
        return "it does not begin with `postgresql://`"
    if not parts.path.strip("/"):
        return "it names no database"
    return None
