"""How a few live calls are answered as if a provider were lost: who says which, and where the engine asks."""

from __future__ import annotations

from typing import Protocol

from freehold.engine.runtime import Runtime
from freehold.ledger.record import Call
from freehold.routing.routes import Route
from freehold.wire.request import Request


class Rehearsing(Protocol):
    """Chooses calls for a live drill. Neither of the two waits nor raises."""

    def runtime_for(
        self, call: Call, request: Request, route: Route, runtime: Runtime, heading: str | None
    ) -> Runtime:
        """What the call is answered with: `runtime` itself, or one whose lost provider is a stand-in."""
        ...

    def ended(self, call: Call) -> None:
        """Any call is over, and nobody has seen its record yet."""
        ...
