"""The ASGI application of the data plane, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from freehold.app.conversing import make_conversations, opinions_of
from freehold.app.filing import desk_of
from freehold.app.health import health_of
from freehold.app.parts import Parts
from freehold.gateway.endpoint import Endpoint
from freehold.gateway.feedback import FeedbackDoor
from freehold.gateway.filing import Filing
from freehold.gateway.pages import Health, Pages
from freehold.wire.openai_models import ModelEntry

if TYPE_CHECKING:
    from freehold.core.clock import Clock
    from freehold.gateway.gate import Gate


def make_endpoint(parts: Parts, gate: Gate, clock: Clock) -> Endpoint:
    """With the admin API beside it, where it is wanted; makes `parts.desk` and `parts.opinions`."""
    settings = parts.settings.server
    parts.opinions = opinions_of(parts, clock)
    background, conversations = make_conversations(parts, clock)
    turn = None if parts.member is None else parts.upkeep
    parts.desk = desk_of(parts.settings, parts.engine, parts.keys, conversations, clock, turn=turn)
    parts.ends.push_async_callback(parts.desk.stop)
    pages = Pages(
        gate,
        settings=settings,
        figures=_encode_figures(parts),
        health=_tell_health(parts),
        list_models=lambda: _list_models(parts),
        conversations=conversations,
    )
    beside = None
    if parts.settings.admin.enabled:
        from freehold.app.administration import open_admin  # noqa: PLC0415 - it is off for most

        beside = open_admin(parts, clock)
    return Endpoint(
        parts.engine,
        gate,
        settings=settings,
        pages=pages,
        conversations=conversations,
        background=background,
        filing=Filing(parts.desk, gate, settings),
        feedback=FeedbackDoor(parts.opinions, gate, settings),
        beside=beside,
    )


def _list_models(parts: Parts) -> list[ModelEntry]:
    settings = parts.settings
    entries = [ModelEntry(route, "freehold") for route in settings.routes]
    entries += [
        ModelEntry(f"{name}/{model}", name)
        for name, provider in settings.providers.items()
        for model in provider.models
    ]
    return entries


def _encode_figures(parts: Parts) -> Callable[[], Awaitable[bytes]]:
    if parts.member is not None:
        return parts.member.figures

    async def encode() -> bytes:
        return parts.metrics.encode()

    return encode


def _tell_health(parts: Parts) -> Callable[[], Awaitable[Health]]:
    if parts.member is not None:
        return parts.member.health

    async def tell() -> Health:
        return health_of(parts)

    return tell
