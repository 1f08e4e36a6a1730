"""What the endpoint's process and a worker tell each other, one line of JSON each way over pipes.

The bearer token travels here and nowhere else: a command line can be read by every user of the
machine, an environment by every process of this one.
"""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True):
    """What a worker is to serve. Its standard input brings this line and then stays open as long as we live."""

    model: str
    weights: str
    """Path of the file."""
    token: str
    """Every request must carry it."""

    def line(self) -> bytes:
        """As it goes over the pipe."""
        return msgspec.json.encode(self) + b"\n"

    def __repr__(self) -> str:
        return f"Order({self.model})"


class Report(msgspec.Struct, frozen=True):
    """How starting went: where the model answers, or why it does not."""

    port: int = 0
    error: str | None = None

    def line(self) -> bytes:
        """As it goes over the pipe."""
        return msgspec.json.encode(self) + b"\n"


read_order = msgspec.json.Decoder(Order).decode
read_report = msgspec.json.Decoder(Report).decode
