"""What may be fetched, from where, and how much of it."""

from __future__ import annotations

import msgspec


class FetchSettings(msgspec.Struct, frozen=True):
    """Limits of fetching. Times are in seconds, sizes in bytes."""

    schemes: tuple[str, ...] = ("https", "http")
    """Leave `http` out to have every file come encrypted."""
    ports: tuple[int, ...] = (443, 80)
    """Ports that may be connected to."""
    allow: tuple[str, ...] = ()
    """Hosts and networks that may be fetched from although they are not on the public internet: `10.0.0.0/8`,
    `files.example`; with a port, `files.example:8080`, that port of that host too."""
    max_bytes: int = 20 * 1024 * 1024
    """Of one file."""
    max_redirects: int = 3
    """Redirects that are followed for one file."""
    look_up: float = 5.0
    """Until a name's addresses are known."""
    connect: float = 5.0
    """Until a connection stands, encryption included."""
    total: float = 20.0
    """For one file, redirects included."""
    max_concurrent: int = 32
    """Files that the process fetches at one time."""
    max_request_bytes: int = 50 * 1024 * 1024
    """Of all files of one request."""
    max_request_files: int = 100
    """Different URLs of one request."""
    max_request_concurrent: int = 8
    """Files of one request that are fetched at one time."""
    request_total: float = 60.0
    """For all files of one request."""
