"""A provider that plays a script: real HTTP on loopback, for tests, rehearsals and examples."""

from freehold.providers.simulated.faults import (
    ContentType,
    Cut,
    Drip,
    Empty,
    Endless,
    ErrorEvent,
    Garbage,
    Gzip,
    Hang,
    Huge,
    Malformed,
    Page,
    Refused,
    Stale,
    WrongLength,
)
from freehold.providers.simulated.loading import decode_script, read_script
from freehold.providers.simulated.observation import Connections, ReceivedRequest
from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Behaviour, Echo, Lorem, Outage, Script, ToolCall, UsageNumbers
from freehold.providers.simulated.spread import Lognormal, Uniform
from freehold.providers.simulated.threaded import ThreadedProvider

__all__ = [
    "Behaviour",
    "Connections",
    "ContentType",
    "Cut",
    "Drip",
    "Echo",
    "Empty",
    "Endless",
    "ErrorEvent",
    "Garbage",
    "Gzip",
    "Hang",
    "Huge",
    "Lognormal",
    "Lorem",
    "Malformed",
    "Outage",
    "Page",
    "ReceivedRequest",
    "Refused",
    "Script",
    "SimulatedProvider",
    "Stale",
    "ThreadedProvider",
    "ToolCall",
    "Uniform",
    "UsageNumbers",
    "WrongLength",
    "decode_script",
    "read_script",
]
