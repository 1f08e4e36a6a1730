"""What a supervisor and its workers tell each other."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

State = Literal["starting", "ready", "leaving"]
"""
starting  it does not take calls yet
ready     it takes calls
leaving   it takes no new connection, and ends when its calls have
"""


class Order(msgspec.Struct, frozen=True):
    """What a worker is to be."""

    number: int
    """Its place, from 1; another worker has it when this one has ended."""
    path: str | None
    """Of the configuration; None: there is none."""
    overrides: dict[str, Any]
    """Of the command line, by full name."""
    root: str | None
    """The configuration with the settings that the supervisor began with and that last as long as it does."""
    base: str | None
    """The configuration with the settings that cannot change while a worker runs."""
    text: str | None
    """The configuration in force."""
    version: int
    """Of that: 1 is what the supervisor began with."""
    name: str
    """What that is called: the same for the same text."""
    problem: str | None = None
    """Why the newest edit was not taken."""


class Configuration(msgspec.Struct, frozen=True):
    """A configuration to take over."""

    version: int
    name: str
    path: str | None
    text: str | None


class Taken(msgspec.Struct, frozen=True):
    """What became of it in a worker."""

    version: int
    name: str
    problem: str | None


class Failure(msgspec.Struct, frozen=True):
    """Why a worker did not start."""

    kind: Literal["settings", "store", "other"]
    message: str
    hint: str | None = None


class Beat(msgspec.Struct, frozen=True):
    """How a worker is, told every second."""

    calls: int
    """In flight."""
    figures: bytes
    """For `/metrics`."""
    troubles: dict[str, str]
    """Its parts that are not well, and how."""


class WorkerHealth(msgspec.Struct, frozen=True):
    """One worker, in `/health/ready`."""

    worker: int
    process: int
    state: State
    configuration: str
    """What the configuration is called that it answers with."""
    calls: int
    """In flight, as of a second ago at most."""
    since_us: int
    """When it was started."""
    problem: str | None = None
    """Why it could not take the newest configuration."""


class Overview(msgspec.Struct, frozen=True):
    """How all are."""

    wanted: int
    """How many workers there should be."""
    workers: list[WorkerHealth]
    restarts: int
    """Workers started in place of one that died."""
    configuration: str
    """What the newest is called that is good."""
    problem: str | None
    """Why the newest edit was not taken."""
    troubles: dict[str, str]
    """Parts of other workers that are not well: `worker 2: …`."""
    local: dict[str, str]
    """States of the local models by id."""


class Sought(msgspec.Struct, frozen=True):
    """A local model's address, or why there is none."""

    url: str = ""
    token: str = ""
    problem: str = ""
    """The code of the error; empty: there is none."""
    reason: str = ""
    hint: str | None = None
