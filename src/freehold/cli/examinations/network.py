"""The address of the endpoint: free, ours, or somebody else's."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import msgspec

from freehold.cli.endpoint import Endpoint
from freehold.cli.examinations.finding import Finding, broken, good, notice
from freehold.core.errors import NotFound


class _Health(msgspec.Struct):
    ready: bool
    parts: dict[str, str] = {}


def examine_network(host: str, port: int, url: str) -> Iterator[Finding]:
    """Who answers at the configured address."""
    endpoint = Endpoint(url)
    try:
        status, body = endpoint.get("/health/ready", timeout=3.0)
        health = msgspec.json.decode(body, type=_Health)
    except (NotFound, OSError, http.client.HTTPException, msgspec.DecodeError):
        yield _without_an_endpoint(host, port, endpoint)
        return
    if health.ready:
        yield good("endpoint", f"answers at {url} and is ready")
        return
    parts = "; ".join(f"{part}: {state}" for part, state in health.parts.items())
    yield notice(
        "endpoint", f"answers at {url} with HTTP {status}, not ready: {parts}", "See what its log says."
    )


def _without_an_endpoint(host: str, port: int, endpoint: Endpoint) -> Finding:
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=3.0):
            return broken(
                "endpoint",
                f"another program listens at {endpoint.host}:{endpoint.port}",
                "End it, or choose another port: `freehold up --port 8485` or `port` under `[server]`.",
            )
    except OSError:
        pass
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        return broken(
            "endpoint",
            f"{host}:{port} cannot be listened on: {error.strerror}",
            "Choose another with `freehold up --host … --port …` or under `[server]`.",
        )
    return good("endpoint", f"not running; {host}:{port} is free")
