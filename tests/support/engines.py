"""An engine with real providers behind it, and a caller that does with it what the gateway does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from byte_server import ByteServer
from clients import settings_for

from freehold.access.key import Key
from freehold.core.clock import SystemClock
from freehold.core.errors import FreeholdError
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.engine.runtime import Runtime
from freehold.ledger.record import Call
from freehold.providers.client import ProviderClient
from freehold.routing.plans import Accounts
from freehold.routing.routes import Route, RouteTable, Target
from freehold.wire.openai_errors import status_of
from freehold.wire.request import read_chat_request, read_embeddings_request

WHOLE = b'{"model":"r","messages":[{"role":"user","content":"hi"}]}'
STREAMED = b'{"model":"r","messages":[{"role":"user","content":"hi"}],"stream":true}'
EMBEDDINGS = b'{"model":"r","input":"hi"}'


@dataclass
class Result:
    """What a client got, and how it went."""

    running: RunningCall
    pieces: list[bytes] = field(default_factory=list)
    error: FreeholdError | None = None

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


@dataclass
class Stage:
    """An engine and every record that it handed on."""

    engine: Engine
    clients: dict[str, ProviderClient]
    records: list[Call] = field(default_factory=list)

    async def play(
        self,
        body: bytes,
        *,
        key: Key | None = None,
        keep_body: bool = True,
        pause: float = 0.0,
        result: list[Result] | None = None,
    ) -> Result:
        """One call from start to end. `pause`: seconds that the client takes over each piece.

        `result` is handed the result at the beginning, for those who cancel.
        """
        embeddings = b'"input"' in body
        running = self.engine.begin("embeddings" if embeddings else "chat", "openai-chat", key)
        played = Result(running)
        if result is not None:
            result.append(played)
        try:
            running.receive(body, keep_body=keep_body)
            request = (read_embeddings_request if embeddings else read_chat_request)(body)
            running.route_to(request)
            piece = await running.ask(request)
        except FreeholdError as error:
            running.fail(error, status_of(error))
            played.error = error
            return played
        except asyncio.CancelledError:
            running.cancel()
            raise
        try:
            while piece:
                played.pieces.append(piece)
                if not request.stream:
                    break
                await asyncio.sleep(pause)
                piece = await running.next_piece()
        except FreeholdError as error:
            played.error = error
        except asyncio.CancelledError:
            running.cancel()
            raise
        return played

    @property
    def record(self) -> Call:
        """The only record."""
        assert len(self.records) == 1
        return self.records[0]


@asynccontextmanager
async def stage_of(
    servers: Mapping[str, ByteServer | str],
    *,
    route: Route | None = None,
    keep_bodies: bool = True,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    beat: float = 5.0,
    **changes: Any,
) -> AsyncIterator[Stage]:
    """An engine whose route `r` tries the model `NAME-model` of each of `servers` in their order.

    Each is asked once, unless `route` says otherwise. A server may be given as a URL. `changes` go into every
    provider's settings, `settings` into those of one. Afterwards nothing may be left: no call in flight, no
    connection, nothing held.
    """
    targets = [Target(name, f"{name}-model") for name in servers]
    clients = {
        name: ProviderClient(
            settings_for(
                server if isinstance(server, str) else server.url,
                **{"name": name, **changes, **(settings or {}).get(name, {})},
            ),
            tls=None,
        )
        for name, server in servers.items()
    }
    routes = {"r": route or Route("r", targets[0], tuple(targets[1:]), retries=0)}
    quotas = {name: client.settings.quota for name, client in clients.items() if client.settings.quota}
    runtime = Runtime(RouteTable(routes, frozenset(servers)), clients, keep_bodies, accounts=Accounts(quotas))
    records: list[Call] = []
    engine = Engine(runtime, clock=SystemClock(), observers=(records.append,), beat=beat)
    try:
        yield Stage(engine, clients, records)
    finally:
        for client in clients.values():
            client.close()
    for server in servers.values():
        if isinstance(server, ByteServer):
            await server.all_ended()
    assert engine.active == 0
    assert engine._budget.held == 0
    assert [client.busy for client in clients.values()] == [0] * len(clients)
    for record in records:
        check_times(record)


def check_times(record: Call) -> None:
    """Attempts follow one another unless they were to run side by side, and lie within the call."""
    clock = 0.0
    hedged = any(attempt.reason in ("hedge", "sample") for attempt in record.attempts)
    held = record.decision is not None and record.decision.policy == "cascade"
    for attempt in record.attempts:
        assert hedged or clock <= attempt.start_ms <= attempt.end_ms
        if attempt.first_ms is not None:
            assert attempt.start_ms <= attempt.first_ms <= attempt.end_ms
        clock = max(clock, attempt.end_ms)
    assert clock <= record.duration_ms
    if record.first_token_ms is not None and held:  # the client hears of it when it was looked at
        assert record.first_token_ms >= min(attempt.first_ms or 0.0 for attempt in record.attempts)
    elif record.first_token_ms is not None:
        assert record.first_token_ms in [attempt.first_ms for attempt in record.attempts]
