"""What a run of the benchmark found, as it is kept in `.bench/gateway/results.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from .loads import Load
from .machine import Machine
from .verify import Verdict

Kind = Literal["whole", "streamed", "paced"]


class Plan(msgspec.Struct, frozen=True):
    """How much is measured."""

    rounds: int
    seconds: float
    """Of one slot."""
    clients: tuple[int, ...]
    """Concurrent clients that ask for whole answers; the first is one client alone."""
    stream_clients: int
    paced_rounds: int
    paced_seconds: float
    paced_gateways: frozenset[str] | None
    """Who is measured under half of its own highest rate; None: everyone."""
    soak_first: int
    """Requests after which resident memory is read first."""
    soak_last: int
    """Requests after which it is read last."""
    patience_seconds: float
    """Spent at most on slots that are repeated because others used the cores."""
    verified_calls: int


FULL = Plan(
    rounds=3,
    seconds=4,
    clients=(1, 32, 128),
    stream_clients=32,
    paced_rounds=3,
    paced_seconds=5,
    paced_gateways=None,
    soak_first=50_000,
    soak_last=550_000,
    patience_seconds=100,
    verified_calls=320,
)
QUICK = Plan(
    rounds=1,
    seconds=2,
    clients=(1, 32, 128),
    stream_clients=32,
    paced_rounds=1,
    paced_seconds=4,
    paced_gateways=frozenset({"freehold"}),
    soak_first=20_000,
    soak_last=50_000,
    patience_seconds=10,
    verified_calls=64,
)


class Slot(msgspec.Struct, frozen=True):
    """One gateway under one load for a few seconds."""

    gateway: str
    kind: Kind
    clients: int
    """Concurrent clients of a closed loop; 0 for an open one."""
    rate: float
    """Answers a second that came; for `paced`, requests a second that were sent."""
    of: str
    """For `paced` on the mock itself: at whose rate. Else empty."""
    load: Load
    cpu_us: float
    """Processor time of the gateway per request, in microseconds."""
    cpu_percent: float
    """Of its core; near 100 says that the gateway was the limit."""
    reached: int
    """Requests that reached the mock meanwhile."""
    connections: int
    """Connections that were opened to the mock meanwhile."""
    resident_mb: float
    foreign_percent: float
    """What processes that are none of ours used of the two cores, in percent of one core."""

    @property
    def honest(self) -> bool:
        """Whether the mock answered every request well and once; the last ones may have been cut off."""
        pending = max(self.clients, 64) + 1
        missing = self.reached - self.load.requests
        return self.load.bad == 0 and self.load.errors == 0 and 0 <= missing <= pending


class Started(msgspec.Struct, frozen=True):
    """A gateway as it was after its start."""

    name: str
    title: str
    cold_start_seconds: float
    """From its start to its first answer."""
    resident_mb: float
    verdict: Verdict


class Soak(msgspec.Struct, frozen=True):
    """Freehold under a long load, a fresh process."""

    readings: list[tuple[int, float]]
    """Requests answered since the start, and resident memory in MB."""
    kept_calls: int
    """Calls in its ledger afterwards."""
    made_calls: int
    """Calls that were answered."""
    dropped: int
    """Calls that its ledger says it had to drop."""


class Results(msgspec.Struct):
    """Everything one run found."""

    date: str
    quick: bool
    plan: Plan
    machine: Machine
    tools: dict[str, str]
    started: list[Started]
    slots: list[Slot]
    soak: Soak | None

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))


def load_results(path: Path) -> Results:
    """Read what `save` wrote. Raises OSError or msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
