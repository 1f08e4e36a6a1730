"""The address of the endpoint: free, ours, or somebody else's."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from freehold.admin.replies import PROBLEM
from freehold.admin.settings import address_of
from freehold.config.address import local_url
from freehold.examinations.finding import Finding, broken, good, notice

_PATIENCE = 3.0
"""Seconds."""
_OF_THE_API = (401, 429, 503)
"""What the admin API may say to somebody without a key."""
_ADMIN_ELSEWHERE = "Choose another with `listen` under `[admin]`."
_WELL = ("ok", "ready", "idle", "absent", "starting", "loading")
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


def examine_admin(listen: str) -> Iterator[Finding]:
    """Who answers where the admin API is to be: it tells nobody without a key what it is, but asks for one."""
    from freehold.admin.operations import ROOT  # noqa: PLC0415 - all that the API can do: only where it is wanted

    host, port = address_of(listen)
    url = local_url(host, port)
    reached = urlsplit(url).hostname or host
    try:
        connection = http.client.HTTPConnection(reached, port, timeout=_PATIENCE)
        try:
            connection.request("GET", f"{ROOT}/version")
            answer = connection.getresponse()
            is_ours = answer.status in _OF_THE_API and answer.getheader("content-type", "") == PROBLEM
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        yield _without_an_endpoint(host, port, reached, "admin", _ADMIN_ELSEWHERE)
        return
    if is_ours:
        yield good("admin", f"the admin API answers at {url}{ROOT}")
    else:
        yield _another_program("admin", reached, port, f"End it. {_ADMIN_ELSEWHERE}")


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


def _another_program(subject: str, reached: str, port: int, step: str) -> Finding:
    return broken(subject, f"another program listens at {reached}:{port}", step)


def _without_an_endpoint(
    host: str,
    port: int,
    reached: str,
    subject: str = "endpoint",
    elsewhere: str = "Choose another with `freehold up --host … --port …` or under `[server]`.",
) -> Finding:
    try:
        with socket.create_connection((reached, port), timeout=_PATIENCE):
            return _another_program(subject, reached, port, f"End it. {elsewhere}")
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
        return broken(subject, f"{host}:{port} cannot be listened on: {error.strerror}", elsewhere)
    return good(subject, f"not running; {host}:{port} is free")
