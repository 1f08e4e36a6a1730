"""Control and observation over HTTP, for a simulated provider that runs as a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import SettingsError
from freehold.providers.simulated.connection import Connection
from freehold.providers.simulated.observation import Connections, ReceivedRequest
from freehold.providers.simulated.reply import Reply, Step, frame, whole
from freehold.providers.simulated.script import Script, decode_script

CONTROL_PATH = "/_simulated"
_SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key"})
_MOST_SHOWN = 1000
"""Requests in one answer; `?after=NUMBER` asks for those that follow."""


class Controlled(Protocol):
    """What the control needs of the provider that it shows and steers."""

    clock: Clock

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request that is remembered, oldest first."""

    @property
    def connections(self) -> Connections:
        """Counts of connections."""

    def play(self, script: Script) -> None:
        """Starts `script` from its beginning."""

    def forget(self) -> None:
        """Forgets what was observed so far."""


class Control:
    """Answers requests below `/_simulated`; they are not observed themselves, and no script disturbs them."""

    def __init__(self, provider: Controlled) -> None:
        self._provider = provider
        self.clock = provider.clock
        self.connections: set[Connection] = set()
        """On a port of its own. Connections of the models' port belong to the provider."""

    def opened(self, connection: Connection) -> int | None:
        """A connection to the control's own port."""
        self.connections.add(connection)
        return 0

    def closed(self, connection: Connection, *, by_peer: bool) -> None:
        """It is gone."""
        self.connections.discard(connection)

    def idle_limit(self) -> float | None:
        """None."""
        return None

    def received(self, request: ReceivedRequest, *, chunked: bool, keep_alive: bool) -> Iterator[Step]:
        """The answer."""
        reply = self._reply(request)
        return frame(reply, request, chunked=chunked, keep_alive=keep_alive, bodiless=False)

    def _reply(self, request: ReceivedRequest) -> Reply:
        target = urlsplit(request.target)
        match request.method, target.path.removeprefix(CONTROL_PATH):
            case "GET", "/requests":
                after = parse_qs(target.query).get("after", ["-1"])[0]
                return _requests(self._provider, int(after) if after.lstrip("-").isdecimal() else -1)
            case "DELETE", "/requests":
                self._provider.forget()
                return _json(200, {"forgotten": True})
            case "POST", "/script":
                return _play(self._provider, request)
            case _:
                known = "There are GET and DELETE /_simulated/requests, and POST /_simulated/script."
                return _json(404, {"error": known})


def _play(provider: Controlled, request: ReceivedRequest) -> Reply:
    """TOML or JSON by content type: types that a web page cannot send without asking first."""
    kind = (request.header("content-type") or "").partition(";")[0].strip()
    if kind not in ("application/json", "application/toml"):
        return _json(415, {"error": "The script is sent as `application/json` or `application/toml`."})
    try:
        script = decode_script(request.body, "toml" if kind == "application/toml" else "json")
    except SettingsError as error:
        return _json(400, {"error": str(error)})
    provider.play(script)
    return _json(200, {"playing": True})


def _requests(provider: Controlled, after: int) -> Reply:
    found = [one for one in provider.requests if one.number > after][:_MOST_SHOWN]
    return _json(
        200,
        {
            "connections": provider.connections,
            "now": provider.clock.tick(),
            "requests": [_shown(one) for one in found],
        },
    )


def _shown(request: ReceivedRequest) -> dict[str, object]:
    """A request for people and programs: the body as text, keys cut short."""
    shown = msgspec.structs.asdict(request)
    del shown["asked"]
    shown["understood"] = request.understood()
    shown["body"] = request.body.decode("utf-8", "replace")
    shown["headers"] = [
        (name, f"{value[:10]}…" if name in _SECRET_HEADERS else value) for name, value in request.headers
    ]
    return shown


def _json(status: int, value: object) -> Reply:
    return whole(status, "application/json", msgspec.json.encode(value))
