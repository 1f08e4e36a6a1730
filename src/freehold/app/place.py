"""An endpoint's place among several workers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from freehold.workers.crew import Crew
    from freehold.workers.messages import Order


class Place(NamedTuple):
    """What a worker is given by its supervisor."""

    crew: Crew
    order: Order
    listeners: list[socket.socket]
    """Of all workers, by their places; then that of the admin API, where it has a port of its own."""
