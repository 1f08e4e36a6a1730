"""Where the admin API answers."""

from __future__ import annotations

from typing import Annotated

import msgspec


class AdminSettings(msgspec.Struct, frozen=True):
    """The `[admin]` part of the configuration."""

    listen: str | None = None
    """Address and port of its own: `127.0.0.1:8790`; port 0 takes a free one. Without it, there is no such port."""
    on_data_port: bool = False
    """Whether it answers on the endpoint's own port too, under `/admin/v1`."""
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 1024 * 1024
    """Largest body of a request to it."""
    max_requests: Annotated[int, msgspec.Meta(ge=1)] = 32
    """Most requests to it at once; one more is answered 503."""
    wrong_keys: Annotated[int, msgspec.Meta(ge=1)] = 20
    """Wrong keys that one address may show at once, and then one each second; more are answered 429."""

    @property
    def enabled(self) -> bool:
        """Whether it answers anywhere."""
        return self.listen is not None or self.on_data_port


def address_of(listen: str) -> tuple[str, int]:
    """Host and port of `listen`. Raises ValueError."""
    host, colon, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an address of IPv6 is written in brackets")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise ValueError("it is not written as `ADDRESS:PORT`")
    return host, int(port)
