"""What all telemetry of this process is of."""

from __future__ import annotations

import os
import socket
import uuid

from freehold import __version__
from freehold.telemetry.attributes import Value


def resource_of(service: str) -> dict[str, Value]:
    """The attributes of this process, which is one instance of `service`."""
    return {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "telemetry.sdk.name": "freehold",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
    }
