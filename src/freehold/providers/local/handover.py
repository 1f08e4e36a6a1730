"""What the endpoint's process and a worker tell each other, one line of JSON each way over pipes.

The bearer token travels here and nowhere else: a command line can be read by every user of the
machine, an environment by every process of this one.
"""

from __future__ import annotations

import msgspec

from freehold.providers.local.models import LocalModel

LEAVE = b"leave\n"
"""What a worker is told that is to end as soon as nobody waits for an answer of it."""


class Order(msgspec.Struct, frozen=True):
    """What a worker is to serve. Its standard input brings this line and then stays open as long as we live."""

    model: LocalModel
    weights: str
    """Path of the file."""
    token: str
    """Every request must carry it."""

    def line(self) -> bytes:
        """As it goes over the pipe."""
        return msgspec.json.encode(self) + b"\n"

    def __repr__(self) -> str:
        return f"Order({self.model.id})"


class Report(msgspec.Struct, frozen=True):
    """How starting went: where the model answers, or why it does not."""

    port: int = 0
    error: str | None = None
    damage: str | None = None
    """What is wrong with the file, so that trying again is of no use; it goes on from the file's name."""

    def line(self) -> bytes:
        """As it goes over the pipe."""
        return msgspec.json.encode(self) + b"\n"


class Doing(msgspec.Struct, frozen=True):
    """That a worker which did nothing has something to do now, or the other way round."""

    answering: bool

    def line(self) -> bytes:
        """As it goes over the pipe."""
        return msgspec.json.encode(self) + b"\n"


read_order = msgspec.json.Decoder(Order).decode
read_report = msgspec.json.Decoder(Report).decode
read_doing = msgspec.json.Decoder(Doing).decode
