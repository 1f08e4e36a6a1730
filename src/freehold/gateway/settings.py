"""How the endpoint listens and what it accepts."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import msgspec


class ServerSettings(msgspec.Struct, frozen=True):
    """The `[server]` part of the configuration."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything wider than loopback needs at least one key to exist."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8484
    """Port to listen on; 0 takes a free one."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    """Processes that answer on this port, one for each core that they may use. Several have a supervisor."""
    max_body_bytes: int = 32 * 1024 * 1024
    """Largest request body."""
    body_timeout: float = 30.0
    """Seconds a request body may take to arrive."""
    header_timeout: float = 10.0
    """Seconds a request's headers may take to arrive."""
    max_headers: int = 100
    """Most header lines of a request."""
    max_header_bytes: int = 64 * 1024
    """Most bytes in a request's headers and URL."""
    max_calls: int = 20_000
    """Most calls in flight; one more is answered 503."""
    max_held_bytes: int = 512 * 1024 * 1024
    """Most bytes of request bodies held for calls in flight; one more call is answered 503."""
    write_timeout: float = 60.0
    """Seconds after which a client that takes in nothing of its answer is hung up on."""
    keep_alive_timeout: float = 75.0
    """Seconds an idle client connection is kept."""
    shutdown_timeout: float = 30.0
    """Seconds that calls in flight are given to finish when the endpoint is told to stop."""
    logs: Literal["text", "json"] = "text"
    """What is said on standard error: `text` for people, or `json`, one object a line."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is said there at all: this and what is graver."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the endpoint."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
