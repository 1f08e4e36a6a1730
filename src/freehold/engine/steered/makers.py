"""Who made which answer: what is remembered of it, and what it is remembered in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Literal, Protocol

import msgspec


class Maker(msgspec.Struct, frozen=True, gc=False):
    """Who answered, and when."""

    model: str
    """`provider/model`, as the route names it."""
    at_us: int


class Mark(msgspec.Struct, frozen=True, gc=False):
    """Something to be known of a route.

    released  conversations that `model` answered before are free to go
    away      somebody else than the incumbent has answered on it: it has to be looked at for a time, policy or not
    """

    kind: Literal["released", "away"]
    route: str
    model: str
    at_us: int


class Batch(msgspec.Struct):
    """What is to be written at once."""

    makers: dict[bytes, Maker | None] = {}
    """By key; None: to be forgotten."""
    marks: dict[tuple[str, str, str], Mark] = {}

    @property
    def size(self) -> int:
        """Rows."""
        return len(self.makers) + len(self.marks)


class AwayError(Exception):
    """What is remembered cannot be reached now; the message says why."""


class Shelf(Protocol):
    """Where makers are kept beyond the process."""

    @property
    def shared(self) -> bool:
        """Whether other processes write to it, too."""
        ...

    async def read(self, keys: Sequence[bytes]) -> dict[bytes, Maker]:
        """Those of the makers that are known. Raises AwayError."""
        ...

    async def marks(self) -> list[Mark]:
        """All that are not too old. Raises AwayError."""
        ...

    async def write(self, batch: Batch) -> None:
        """All of it, or nothing. Raises AwayError."""
        ...

    def write_now(self, makers: Mapping[bytes, Maker]) -> bool:
        """Write these at once, if that takes no more than a few milliseconds; whether it was done."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


Trace = Literal["history", "waiting", "tool call", "answer", "name"]
"""By what an answer is found again."""


def key_of(trace: Trace, scope: str, word: str | bytes) -> bytes:
    """What a maker is kept under. `scope`: the route, and for all but answers the client's key."""
    data = word if isinstance(word, bytes) else word.encode(errors="surrogatepass")
    return blake2b(f"{trace}\0{scope}\0".encode(errors="surrogatepass") + data, digest_size=16).digest()
