"""What replicas that share a server tell each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.core.clock import SystemClock

if TYPE_CHECKING:
    from freehold.app.parts import Parts
    from freehold.replicas.sharing import Sharing


def sharing_of(parts: Parts) -> Sharing | None:
    """The endpoint's part of it; None where there is no server to share it through."""
    settings = parts.settings
    if settings.shared_url is None:
        return None
    from freehold.core.ids import new_id  # noqa: PLC0415 - what is off is not imported
    from freehold.replicas.board import SharedBoard  # noqa: PLC0415
    from freehold.replicas.sharing import Sharing  # noqa: PLC0415

    return Sharing(
        SharedBoard(settings.shared_url.reveal(), prefix=settings.shared.prefix),
        parts.health_of_providers,
        SystemClock(),
        replica=new_id("replica"),
        configuration=lambda: parts.settings.version,
    )
