"""Clients of the Valkey or Redis server that replicas share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.core.errors import SettingsError

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

_CONNECT_S = 2.0


def open_valkey(url: str, *, answer_s: float) -> Valkey:
    """A client that connects when it is first asked, and gives up a connection after `answer_s` without an answer.

    It repeats nothing by itself. Raises SettingsError: the package is not installed, or `url` is not understood.
    """
    try:
        from valkey.asyncio import Valkey  # noqa: PLC0415 - an extra
        from valkey.asyncio.retry import Retry  # noqa: PLC0415
        from valkey.backoff import NoBackoff  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "`[shared]` needs the client for Valkey, which is not installed.",
            hint="Install it: `pip install 'freehold[shared]'`.",
        ) from None
    for old, new in (("redis://", "valkey://"), ("rediss://", "valkeys://")):
        if url.startswith(old):
            url = new + url.removeprefix(old)
    try:
        client: Valkey = Valkey.from_url(
            url,
            max_connections=2,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=answer_s,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise SettingsError(
            "The address of `[shared]` is not understood.",
            hint="It has the form `valkey://:PASSWORD@HOST:6379/0`, or `valkeys://` for TLS.",
        ) from error
    return client
