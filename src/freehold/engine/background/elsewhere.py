"""Responses in the background that run in another process: what is asked of it, and what it says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal, Protocol

import msgspec

from freehold.core.errors import BadRequest

NO = b"\0"
"""Said by a process that knows nothing of the response."""


class Asked(msgspec.Struct, frozen=True):
    """What the holder of a key wants of a response."""

    what: Literal["show", "follow", "cancel", "delete"]
    id: str
    key_id: str | None
    after: int = -1
    """For `follow`: the number of the last event that is known."""


class Told(msgspec.Struct, frozen=True):
    """The first piece of an answer. Events follow it, where they were asked for."""

    response: bytes = b""
    losses: tuple[str, ...] = ()
    refusal: str | None = None
    """Why the events cannot be told."""
    hint: str | None = None
    param: str | None = None


class Others(Protocol):
    """The other processes."""

    def ask_others(self, body: bytes) -> AsyncGenerator[bytes, None]:
        """What the one says that knows of it, and nothing if there is none. Raises FreeholdError when it is gone."""


class Elsewhere:
    """Asks the other processes."""

    def __init__(self, others: Others) -> None:
        self._others = others

    async def ask(self, asked: Asked) -> tuple[Told, AsyncIterator[bytes]] | None:
        """What is said of it, and its events; None when nobody knows it. Raises BadRequest, and FreeholdError when the
        one that ran it is gone.
        """
        pieces = self._others.ask_others(encode_asked(asked))
        try:
            first = await anext(pieces, None)
        except BaseException:
            await pieces.aclose()
            raise
        if first is None:
            return None
        told = msgspec.msgpack.decode(first, type=Told)
        if told.refusal is not None:
            await pieces.aclose()
            raise BadRequest(told.refusal, hint=told.hint, param=told.param)
        if asked.what != "follow":
            await pieces.aclose()
        return told, pieces


def refusal_of(error: BadRequest) -> bytes:
    """As the first and only piece."""
    return encode_told(Told(refusal=error.message, hint=error.hint, param=error.param))


encode_asked = msgspec.msgpack.Encoder().encode
encode_told = msgspec.msgpack.Encoder().encode
decode_asked = msgspec.msgpack.Decoder(Asked).decode
