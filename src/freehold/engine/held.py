"""Streamed answers that are looked at before they are told: their form could only be asked for in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from freehold.core.answer import Stop
from freehold.core.errors import NotInForm
from freehold.core.events import Begin, End, Event, UsageSeen
from freehold.core.losses import Losses
from freehold.core.usage import Usage, total
from freehold.engine.holding import Holding
from freehold.engine.reasoned import ReasoningWatch
from freehold.engine.streams import Decodes, TranslatedStream
from freehold.engine.structured import check, cleaned
from freehold.wire.dialect import Framing, Recipient, StreamEncoder

_BROKEN_OFF = ("length", "context", "content_filter", "refusal", "pause", "error")


def came_to_its_end(stop: Stop | None) -> bool:
    """Whether the model said all that it had to say. Otherwise its words cannot be in any form, and the client is
    told why, as by a provider that holds answers to a form itself.
    """
    return stop is None or stop.reason not in _BROKEN_OFF


class HeldStream(TranslatedStream):
    """A translated stream whose text the client gets when all of it is there and in the form that was asked for.

    When it is not, `again` is the request for another answer. Whoever reads the stream sends it and, with
    `begin_anew`, feeds that answer to the same stream. There is one such try: the next time `feed`, `finish` and
    `close` raise NotInForm.
    """

    def __init__(
        self,
        dialect: Decodes,
        encoder: StreamEncoder,
        maker: Recipient,
        losses: Losses,
        *,
        framing: Framing,
        tool_names: Mapping[str, str],
        watch: ReasoningWatch | None,
        schema: bytes | None,
        mend: Callable[[str, str], bytes],
        provider: str,
    ) -> None:
        """`mend` makes the request for another answer, of what was said and what is wrong with it; `provider` is the
        name of who is asked.
        """
        super().__init__(dialect, encoder, maker, framing=framing, tool_names=tool_names, watch=watch)
        self.again: bytes | None = None
        self._dialect = dialect
        self._framing: Framing = framing
        self._losses = losses
        self._schema = schema
        self._mend = mend
        self._provider = provider
        self._holding = Holding()
        self._spent: Usage | None = None
        """What the first answer used, once there is a second one."""
        self._write = self._hold
        self._waited = False

    @property
    def holds(self) -> bool:
        """Whether nothing may be heard from it for long although the provider speaks."""
        return not self._holding.open

    def begin_anew(self) -> bytes:
        """The request for another answer, which is what is fed from now on."""
        again, self._spent = self.again, self.usage_so_far()
        assert again is not None
        # All that was read is forgotten but for what the client has been told.
        hides_error = self.hides_error
        super().__init__(
            self._dialect,
            self._encoder,
            self._maker,
            framing=self._framing,
            tool_names=self._tool_names,
            watch=self._watch,
        )
        self.hides_error = hides_error
        self._write = self._hold
        self._holding = Holding(self._holding.told)
        self.again = None
        self._waited = False
        return again

    def wait(self) -> bytes:
        """What keeps the client waiting."""
        return self._encoder.wait()

    def feed(self, piece: bytes) -> bytes:
        """As a TranslatedStream; when the first words are kept back, the client learns that they are on their way."""
        told = super().feed(piece)
        if told or self._waited or not (self.started or self.again):
            return told
        self._waited = True
        return self.wait()

    def finish(self) -> bytes:
        """The bytes have ended: what is left to be told."""
        return super().finish() or (self.wait() if self.again else b"")

    def close(self) -> bytes:
        """What tells the client that the answer is complete, unless another one is wanted."""
        return self._settle() or self.wait()

    def _hold(self, event: Event) -> bytes:
        if isinstance(event, End):
            return self._settle()
        if self._spent is not None:
            if isinstance(event, Begin):
                return b""  # the client's answer has begun already
            if isinstance(event, UsageSeen):
                event = UsageSeen(total(self._spent, event.usage), None)
        return self._told(self._holding.pass_on(event))

    def _told(self, events: list[Event]) -> bytes:
        return b"".join([self._encoder.write(event) for event in events])

    def _settle(self) -> bytes:
        """The answer is complete."""
        holding = self._holding
        if holding.open:
            return self._encoder.write(End())
        text = holding.text
        whole = came_to_its_end(holding.stop)
        problem = check(text, self._schema) if whole else None
        if problem is None:
            events = holding.release_as(cleaned(text)) if whole else holding.release()
            return self._told(events) + self._encoder.write(End())
        if self._spent is not None:
            raise NotInForm(problem, provider=self._provider)
        self.again = self._mend(text, problem)
        if holding.holds_state:
            self._losses.add("reasoning.state")
        return self._told(holding.discard())
