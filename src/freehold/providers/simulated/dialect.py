"""What a dialect has to supply so that a script can be played in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.happenings import Ask, Happening
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply
from freehold.providers.simulated.turns import Turn


class Refusal(Exception):
    """The request is not one that this dialect allows."""

    def __init__(self, answer: Refused) -> None:
        super().__init__(answer.message)
        self.answer = answer


class Dialect(Protocol):
    """How everything looks on the wire of one API."""

    stream_type: str
    """Content type of its streams."""

    def key_of(self, request: ReceivedRequest) -> str | None:
        """The key the client presents."""

    def error(self, error: Refused) -> Reply:
        """An error answer."""

    def ask(self, request: ReceivedRequest) -> Ask:
        """What a chat request asks for. Raises Refusal."""

    def body(self, ask: Ask, turn: Turn, happenings: list[Happening]) -> bytes:
        """A whole answer."""

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A streamed answer, one chunk after the other; counts into `seen` what it hands out."""

    def error_body(self, error: ErrorEvent) -> bytes:
        """The body of an error that comes with status 200."""

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
