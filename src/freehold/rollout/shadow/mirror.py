"""Sends a copy to a candidate, through the engine like every other call."""

from __future__ import annotations

import asyncio
import logging

from freehold.access.key import Key
from freehold.core.errors import FreeholdError, ProviderTimeout, Stopping
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.ledger.record import Call
from freehold.rollout.shadow.copies import Copy
from freehold.rollout.shadow.order import LEAST_PATIENCE, MOST_PATIENCE, ShadowOrder
from freehold.routing.routes import Route
from freehold.wire.openai_errors import status_of

log = logging.getLogger("freehold.rollout")

_TIMES_SLOWER = 4.0


def caller_of(rollout: str) -> Key:
    """Whom copies are of, in the ledger and under limits: the rollout itself."""
    return Key(id=rollout, name=rollout, prefix="", created_us=0)


def patience_for(route: Route, incumbent_ms: float) -> float:
    """Seconds after which a candidate that has not answered has failed."""
    if route.deadline is not None:
        return route.deadline
    return min(MOST_PATIENCE, max(LEAST_PATIENCE, incumbent_ms / 1000 * _TIMES_SLOWER))


async def send(engine: Engine, order: ShadowOrder, copy: Copy, copied: Call) -> Call:
    """The finished call of a copy, whatever became of it; `copied`: the client's. Only the end of its
    stage or of the process ends it early, and that is on record too. It has the route's name, time and retries, and no
    other model than the candidate.
    """
    like = engine.runtime.routes.routes.get(order.route) or Route(order.route, order.candidate)
    route = Route(order.route, order.candidate, retries=like.retries, deadline=like.deadline)
    seconds = patience_for(like, copied.duration_ms)
    running = engine.begin("mirror", copy.request.dialect, caller_of(order.rollout), mirrors=copied.id)
    began = False
    try:
        async with asyncio.timeout(seconds):
            running.receive(copy.body, keep_body=True)
            running.route_to(copy.request, route)
            piece = await running.ask(copy.request)
            while copy.request.stream and piece:
                began = True
                piece = await running.next_piece()
    except FreeholdError as error:
        running.fail(error, status_of(error))
    except TimeoutError:
        late = ProviderTimeout(
            f"`{order.candidate.name}` did not answer within {seconds:g} s.",
            provider=order.candidate.provider,
            phase="total",
        )
        _end(running, late, began=began)
    except asyncio.CancelledError:
        _end(running, Stopping("Copies are not sent any more."), began=began)
        raise
    except Exception:  # as in the gateway: one copy must not take the others with it
        log.exception("a copy ended in an error of ours", extra=running.named)
        _end(running, FreeholdError("Something went wrong here."), began=began)
    return running.call


def _end(running: RunningCall, error: FreeholdError, *, began: bool) -> None:
    if began:
        running.break_off(error)
    else:
        running.fail(error, status_of(error))
