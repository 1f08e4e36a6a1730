"""What is told of an endpoint once it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from freehold.config.settings import Settings


class Started(msgspec.Struct, frozen=True):
    """What is known once the endpoint takes requests."""

    url: str
    """Without `/v1`."""
    settings: Settings
    admin_url: str | None = None
    """Where the admin API answers on a port of its own, without `/admin/v1`."""
