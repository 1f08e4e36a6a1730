"""An answer, written for a client as a stream; a whole answer is what the stream ends with."""

from __future__ import annotations

from collections.abc import Callable

from freehold.core.answer import Stop
from freehold.core.events import (
    Begin,
    Cite,
    End,
    ErrorSeen,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.losses import Losses
from freehold.core.parts import Foreign
from freehold.core.usage import NO_USAGE
from freehold.wire.dialect import Addressee, NotAnAnswer
from freehold.wire.responses.errors import event_of, failure_of
from freehold.wire.responses.frames import Frames
from freehold.wire.responses.output import Output
from freehold.wire.responses.response_object import request_echo, response_id
from freehold.wire.responses.stops import Ending, ending_of
from freehold.wire.responses.usage import encode_tier, encode_usage
from freehold.wire.responses.vocabulary import ERROR, NAME, Json, packed
from freehold.wire.sse import WAIT

MOST_BYTES = 32 * 1024 * 1024
"""Held of one streamed answer."""
_PIECE_BYTES = 64
"""What holding a piece takes beside its own bytes."""
_UNSAID = Begin()


class Encoder:
    """Writes one answer. `write` gives the events; `response` is the object as it stands."""

    def __init__(self, addressee: Addressee, losses: Losses, *, most: int | None = None) -> None:
        """`most`: bytes that may be held of an answer, as its last events repeat all of it; None: as many as it has."""
        self._most = most
        self._held = 0
        self._addressee = addressee
        self._losses = losses
        self._frames = Frames()
        self._begin: Begin | None = None
        self._stop: Stop | None = None
        self._usage = NO_USAGE
        self._tier: str | None = None
        self._echo = request_echo(addressee.request)
        self._output = Output(addressee, self._frames, losses)
        self._writers: dict[type[Event], Callable[..., None]] = {
            Begin: self._begun,
            PartBegin: self._output.begin,
            Grow: self._output.grow,
            Sign: self._output.sign,
            Cite: self._output.cite,
            PartEnd: self._output.end,
            LogProbs: self._output.add_logprobs,
            StopSeen: self._stopped,
            UsageSeen: self._used,
            ErrorSeen: self._failed,
            End: self._ended,
        }

    def write(self, event: Event) -> bytes:
        """The event, as one or more of this dialect's, or none. Raises NotAnAnswer for an answer that is too long;
        all that can be written then is an error.
        """
        if self._begin is None and not isinstance(event, Begin):
            self._begun(_UNSAID)
        if getattr(event, "choice", 0):
            self._losses.add("n")  # there is one answer in this dialect
            return b""
        self._writers[type(event)](event)
        if self._most is not None:
            self._count(event, self._most)
        return self._frames.take()

    def wait(self) -> bytes:
        """A comment."""
        return WAIT

    def _count(self, event: Event, most: int) -> None:
        """What an event adds to what is held until the end. Raises NotAnAnswer."""
        if isinstance(event, Grow):
            text = event.text
            self._held += _PIECE_BYTES + (len(text) if text.isascii() else len(text.encode(errors="replace")))
        elif isinstance(event, LogProbs):
            self._held += _PIECE_BYTES + len(event.raw)
        elif isinstance(event, PartBegin):
            self._held += _PIECE_BYTES + (len(event.part.raw) if isinstance(event.part, Foreign) else 0)
        if self._held > most:
            self._frames.take()
            self._output = Output(self._addressee, self._frames, self._losses)  # the long one is let go of
            self._writers = {ErrorSeen: self._failed}
            self._most = None
            raise NotAnAnswer("it is too long to be repeated at its end, as this dialect has it")

    def _begun(self, event: Begin) -> None:
        self._begin = event
        self._output.own = event.dialect == NAME
        self._tier = encode_tier(event.service_tier, self._losses)
        # Which build of a model answered (`fingerprint`) has no place here and changes nothing.
        for name in event.extra:
            self._losses.add("answer", name)
        response = {"response": packed(self.response(Ending("in_progress")))}
        self._frames.tell("response.created", response)
        self._frames.tell("response.in_progress", response)

    def _stopped(self, event: StopSeen) -> None:
        self._stop = event.stop
        own = self._begin is not None and self._begin.dialect == NAME
        for name in event.extra:
            if not own or name != ERROR:
                self._losses.add("answer", name)

    def _used(self, event: UsageSeen) -> None:
        self._usage = event.usage

    def _ended(self, _: End) -> None:
        ending = self.ending()
        self._output.close("completed" if ending.status == "completed" else "incomplete")
        self._frames.tell(ending.event, {"response": self.response(ending)})

    def _failed(self, event: ErrorSeen) -> None:
        self._output.close("incomplete")
        self._frames.tell("error", event_of(event))
        ending = Ending("failed", error=failure_of(event))
        self._frames.tell(ending.event, {"response": self.response(ending)})

    def ending(self) -> Ending:
        """How the answer ended."""
        return ending_of(self._stop, self._output.parts, self._losses)

    def response(self, ending: Ending) -> Json:
        """The Response object as it stands."""
        begin = self._begin or _UNSAID
        request = self._addressee.request
        running = ending.status in ("in_progress", "queued")
        last = "completed" if ending.status == "completed" else "incomplete"
        return {
            "id": response_id(self._addressee),
            "object": "response",
            "created_at": self._addressee.created,
            "status": ending.status,
            "error": ending.error,
            "incomplete_details": ending.incomplete_details,
            "model": begin.model or request.model,
            "output": self._output.items(last),
            "service_tier": self._tier or request.service_tier or "default",
            "usage": None if running else encode_usage(self._usage, self._losses),
            **self._echo,
        }
