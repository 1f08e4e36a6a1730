"""How the models of this machine are, as the endpoint that runs here says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freehold.config.settings import Settings

# ruff: noqa: PLC0415 - the command line imports this module for every command

_SECONDS = 1.0


def local_states(settings: Settings) -> Mapping[str, str]:
    """States by id, `idle` or `ready` for instance; empty when no endpoint answers at the configured address."""
    import http.client
    from urllib.parse import urlsplit

    import msgspec

    from freehold.config.address import local_url

    if not settings.local.enabled or not settings.server.port:
        return {}
    where = urlsplit(local_url(settings.server.host, settings.server.port))
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        told = msgspec.json.decode(connection.getresponse().read())
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return {}
    finally:
        connection.close()
    parts = told.get("parts") if isinstance(told, dict) else None
    if not isinstance(parts, dict):
        return {}
    here = settings.served_here()
    return {name: state for name, state in parts.items() if name in here and isinstance(state, str)}
