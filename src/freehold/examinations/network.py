"""The address of the endpoint: free, ours, or somebody else's."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from freehold.config.address import local_url
from freehold.examinations.finding import Finding, broken, good, notice

_PATIENCE = 3.0
"""Seconds."""
_WELL = ("ok", "ready", "idle", "absent", "starting")
"""What parts say that are well, or soon will be."""


class _Health(msgspec.Struct):
    ready: bool
    parts: dict[str, str] = {}


def examine_network(host: str, port: int) -> Iterator[Finding]:
    """Who answers at the configured address."""
    url = local_url(host, port)
    reached = urlsplit(url).hostname or host
    try:
        status, health = _ask(reached, port)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        yield _without_an_endpoint(host, port, reached)
        return
    ill = {part: state for part, state in health.parts.items() if not _is_well(part, state)}
    if health.ready and ill:
        parts = "; ".join(f"{part}: {state}" for part, state in ill.items())
        yield notice(
            "endpoint", f"answers at {url} and is ready, but {parts}", "docs/runbook.md says what to do."
        )
        return
    if health.ready:
        yield good("endpoint", f"answers at {url} and is ready")
        return
    parts = "; ".join(f"{part}: {state}" for part, state in health.parts.items())
    yield notice(
        "endpoint", f"answers at {url} with HTTP {status}, not ready: {parts}", "See what its log says."
    )


def _is_well(part: str, state: str) -> bool:
    """Whether a part has nothing to complain of now."""
    if part == "replicas":
        return state[:1].isdigit() and "another configuration" not in state
    return state.partition("; ")[0] in _WELL


def _ask(reached: str, port: int) -> tuple[int, _Health]:
    connection = http.client.HTTPConnection(reached, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read(), type=_Health)
    finally:
        connection.close()


def _without_an_endpoint(host: str, port: int, reached: str) -> Finding:
    try:
        with socket.create_connection((reached, port), timeout=_PATIENCE):
            return broken(
                "endpoint",
                f"another program listens at {reached}:{port}",
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
