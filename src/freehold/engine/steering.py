"""How a call gets another model than its route's incumbent: who decides, and where the engine asks."""

from __future__ import annotations

from typing import Protocol

import msgspec

from freehold.access.key import Key
from freehold.core.decision import Decision
from freehold.ledger.record import Call
from freehold.routing.routes import Route
from freehold.wire.request import Request


class Steered(msgspec.Struct, frozen=True):
    """What a call is answered with after a policy has decided."""

    route: Route
    """The route, with the chosen model as `incumbent` and the others, in the order in which they take over, as
    `fallbacks`."""
    decision: Decision


class Steering(Protocol):
    """Decides which of its route's models a call is for. Calls of operation `chat` alone are steered."""

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered | None:
        """What the call is answered with; None, and that at once, where the route has no policy.

        `heading`: the conversation that the client named in a header. What this raises is logged, and the call goes
        as if there were no policy.
        """
        ...

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        """The answer of a call that was steered, as its client is told it: before the end of it is handed on, so that
        this is known before the client can go on from it. Told once, before `ended`; neither blocks nor raises.

        `answer`: for a stream the bytes of its events; of one that broke off, those so far. None: there was none, or
        no room to keep it.
        """
        ...

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        """A call that was steered is over, and its record complete. Told once, however it ended; neither blocks nor
        raises.
        """
        ...
