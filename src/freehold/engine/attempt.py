"""One try at one model: what is sent, what comes back, and what it says about the provider's health."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from freehold.core.clock import Clock
from freehold.core.errors import (
    FreeholdError,
    NotInForm,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from freehold.core.usage import NO_USAGE, Usage
from freehold.engine.aside import LARGE, aside
from freehold.engine.counting import Estimate, is_not_counted
from freehold.engine.exchange import AnswerStream, Exchange, Translating
from freehold.engine.held import HeldStream
from freehold.engine.pace import Pace
from freehold.engine.reserving import Aside
from freehold.engine.tracing import new_span
from freehold.ledger.record import Attempt, Call, Outcome
from freehold.providers.client import ProviderClient, Response
from freehold.providers.settings import Timeouts
from freehold.routing.breakers import Ending, Passage, spots_of
from freehold.routing.plans import ProvidersHealth, Reason
from freehold.routing.routes import Target
from freehold.wire.allowances import allowance_in, wait_in
from freehold.wire.anthropic.hosted import own_error
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.errors import retry_after_in
from freehold.wire.facts import NO_FACTS, Facts
from freehold.wire.request import Request

_MOST_REFUSAL_BYTES = 1024 * 1024
"""What a provider says in more words than this, when it refuses, is not passed on."""

_NAMED_BY = (b"request-id", b"x-request-id", b"x-amzn-requestid")
"""Headers in which providers name a request."""
_NAME = re.compile(rb"[!-~]{1,200}")

_STREAMS = (b"text/event-stream", b"application/vnd.amazon.eventstream")

_PEEK_BYTES = 64 * 1024
"""A stream that has said this much without writing anything is passed on as it is."""

_SETTLE_SECONDS = 1.0
"""How long the end of a stream's bytes may follow its `[DONE]`; the client has its answer by then."""

_LOCKED_OUT = frozenset({401, 402, 403})
_CANNOT_NOW = frozenset({429, 503, 529})


class RunningAttempt:
    """Life: `ask`, then for streams `next_events` until it is empty; `end` in any case, once or more often.

    A form that did not come as it was asked for is asked for once more, at the same model: then there is a second
    record in the call.
    """

    __slots__ = (
        "_aside",
        "_clock",
        "_elapsed_ms",
        "_ended",
        "_health",
        "_hides_error",
        "_limits",
        "_pace",
        "_passage",
        "_provider",
        "_quota",
        "_response",
        "call",
        "exchange",
        "facts",
        "losses",
        "provider_name",
        "record",
        "stream",
        "target",
    )

    def __init__(
        self,
        call: Call,
        target: Target,
        reason: Reason,
        *,
        provider: ProviderClient,
        quota: str,
        health: ProvidersHealth,
        clock: Clock,
        elapsed_ms: Callable[[], float],
        limits: Timeouts,
        hides_error: bool = False,
        aside: Aside | None = None,
    ) -> None:
        """`aside` is what configured limits want; None: there are none.

        `quota` is what the call is counted against there; `limits` are this attempt's own. `hides_error`: an
        error in the middle of a stream is left to whoever reads it.
        """
        self.call = call
        self.target = target
        self.exchange: Exchange | None = None
        self.stream: AnswerStream | None = None
        self.facts: Facts = NO_FACTS
        self.losses: tuple[str, ...] = ()
        """What was lost beside what the exchange knows of."""
        self.provider_name: bytes | None = None
        """What the provider calls the request, where it says so."""
        self._provider = provider
        self._quota = quota
        self._health = health
        self._clock = clock
        self._elapsed_ms = elapsed_ms
        self._limits = limits
        self._hides_error = hides_error
        self._pace: Pace | None = None
        """Of a stream that has begun."""
        self._aside = aside
        self._response: Response | None = None
        self._passage: Passage | None = None
        self._ended = False
        self.record = self._new_record(reason)

    def _new_record(self, reason: Reason) -> Attempt:
        record = Attempt(self.target.provider, self.target.model, self._elapsed_ms(), reason=reason)
        trace = self.call.trace
        if trace is not None and trace.recorded:
            record.span = new_span()
        self.call.attempts.append(record)
        return record

    # Asking

    async def ask(self, exchange: Exchange | Estimate, request: Request) -> bytes:
        """The whole answer or, for a stream, its first events. Raises ProviderError and Overloaded."""
        if isinstance(exchange, Estimate):
            return await self._estimated(exchange, request)
        self.exchange = exchange
        response = await self._send(exchange.body(), stream=request.stream)
        try:
            await self._check(response)
        except ProviderRefused as refused:
            if self.call.operation != "count" or not is_not_counted(refused):
                raise
            response.close()
            estimate = await aside(request.size, partial(Estimate, request, self._provider.name))
            return await self._estimated(estimate, request)
        if request.stream:
            self.stream = stream = exchange.open_stream()
            stream.hides_error = self._hides_error
            return await self._first_events(response, stream)
        answer = await response.read()
        while (more := exchange.more(answer)) is not None:
            response.close()
            if self._aside is not None:
                self._aside.answer_in_part()
            response = await self._send(more, stream=False)
            await self._check(response)
            answer = await response.read()
        try:
            again = None
            if isinstance(exchange, Translating):
                again = await aside(len(answer), partial(exchange.second_try, answer))
            if again is not None:
                assert isinstance(exchange, Translating)
                self._begin_again(exchange.spent or NO_USAGE)
                response = await self._send(again, stream=False)
                await self._check(response)
                answer = await response.read()
            if len(answer) < LARGE:
                answer, self.facts = exchange.read_whole(answer)
            else:
                answer, self.facts = await aside(len(answer), partial(exchange.read_whole, answer))
        except NotAnAnswer as error:
            text = f"What `{self._provider.name}` sent is not an answer: {_clause(error)}."
            raise ProviderBroken(text, provider=self._provider.name) from None
        self.record.first_ms = self._elapsed_ms()
        return answer

    async def _send(self, body: bytes, *, stream: bool) -> Response:
        """Send it and wait for the answer's head. Raises ProviderError, LimitReached and Forbidden."""
        if self._aside is not None:
            await self._aside.take(len(body))
        exchange, target, health, now = self.exchange, self.target, self._health, self._clock.tick()
        assert exchange is not None
        if self._passage is None:
            spots = spots_of(target.provider, target.model, self._quota)
            self._passage = health.breakers.begin(spots, now)
        health.quotas.began(self._quota, len(body) // 4)
        trace = self.call.trace
        self._response = response = await self._provider.send(
            self.call.operation,
            target.model,
            body,
            dialect=exchange.speech,
            stream=stream,
            path=exchange.path,
            headers=exchange.headers,
            limits=self._limits,
            trace=None if trace is None or not trace.told else trace.parent_of(self.record.span),
        )
        self.record.status = response.status
        told = dict(reversed(response.headers))  # of several headers of one name the first counts
        for header in _NAMED_BY:
            named = told.get(header)
            if named is not None:
                self.provider_name = self._provider.conceal(named) if _NAME.fullmatch(named) else None
                break
        else:
            self.provider_name = None
        allowance = allowance_in(response.headers, self._clock.now())
        if allowance is not None:
            health.quotas.note(self._quota, allowance, self._clock.tick())
        if self._provider.settings.kind == "local":
            self._take_losses(response)
        return response

    def _take_losses(self, response: Response) -> None:
        """A local worker says what it could not do of what was asked; others do not know of losses."""
        losses = response.header(b"x-freehold-losses")
        if losses:
            self.losses += tuple(losses.decode("latin-1").replace(" ", "").split(","))

    async def _estimated(self, estimate: Estimate, request: Request) -> bytes:
        """What nobody can be asked for."""
        self.losses = estimate.losses.names
        answer = await aside(request.size, estimate.answer)
        self.record.first_ms = self._elapsed_ms()
        return answer

    def _begin_again(self, used: Usage) -> None:
        """The answer, which used `used`, was not in the form that was asked for: another record begins."""
        record = self.record
        record.outcome, record.usage, record.end_ms = "answered", used, self._elapsed_ms()
        if self._aside is not None:
            self._aside.spend(used)
        if self._response is not None:
            self._response.close()
        self.record = self._new_record("repair")

    # Streams

    async def _first_events(self, response: Response, stream: AnswerStream) -> bytes:
        """What comes until something is written. Raises ProviderError for what is no stream or does not begin.

        Comments and empty beginnings that come before it are held back: once the client has seen something, no
        other model can answer in this one's place.
        """
        name = self._provider.name
        content_type = response.header(b"content-type")
        if content_type is not None and not content_type.lower().startswith(_STREAMS):
            raise ProviderBroken(f"`{name}` was asked for a stream and did not send one.", provider=name)
        response.await_first_token()
        first = b""
        while not stream.started and len(first) < _PEEK_BYTES:
            events = await self._read_events(response, stream)
            if stream.error is not None and not stream.started:
                assert self.exchange is not None
                raise ProviderRefused(
                    f"`{name}` ended the stream with an error before it began.",
                    provider=name,
                    status=502,
                    body=self._provider.conceal(b'{"error":' + stream.error + b"}"),
                    dialect=self.exchange.speech,
                )
            first += events
            if not events or stream.complete:
                if stream.facts.stop_reason is None and not stream.started:
                    raise ProviderBroken(f"The stream of `{name}` ended before it began.", provider=name)
                break
        response.first_token_came()
        self._pace = None if self._limits.drip is None else Pace(self._limits.drip)
        self.note_first()
        return first

    async def _read_events(self, response: Response, stream: AnswerStream) -> bytes:
        """The next events for the client; empty when the stream has come to its end."""
        try:
            if stream.broken is not None:
                raise stream.broken
            asked_at = self._clock.tick()
            while piece := await response.read_some():
                events = stream.feed(piece)
                if self._pace is not None:
                    self._check_pace(self._pace, asked_at, came=bool(events) or stream.finished)
                    asked_at = self._clock.tick()
                if events:
                    break
            else:
                events = stream.finish()
            return events if stream.error is None else self._provider.conceal(events)
        except NotAnAnswer as error:
            name = self._provider.name
            text = f"The stream of `{name}` is broken: {_clause(error)}."
            raise ProviderBroken(text, provider=name) from None

    def _check_pace(self, pace: Pace, asked_at: float, *, came: bool) -> None:
        """Raises ProviderTimeout."""
        if pace.is_too_slow(self._clock.tick() - asked_at, came=came):
            name = self._provider.name
            raise ProviderTimeout(f"The stream of `{name}` came too slowly.", provider=name, phase="drip")

    @property
    def begins_again(self) -> bool:
        """Whether the stream, as far as it came, was not in the form that was asked for, and is asked for once more."""
        return isinstance(self.stream, HeldStream) and self.stream.again is not None

    async def next_events(self) -> bytes:
        """The next events of the stream; empty at its end, which is good if `stream.error` is None.

        Raises ProviderError when it broke.
        """
        stream, response = self.stream, self._response
        assert stream is not None
        assert response is not None
        if self.begins_again:
            assert isinstance(stream, HeldStream)
            return await self._stream_again(stream, response)
        if stream.finished:
            await response.settle(_SETTLE_SECONDS)
            return b""
        if stream.error is not None:
            return b""
        events = await self._read_events(response, stream)
        if events:
            return events
        if not stream.complete:
            name = self._provider.name
            raise ProviderBroken(f"The stream of `{name}` ended before the answer did.", provider=name)
        stream.finished = True
        return stream.close()

    async def _stream_again(self, stream: HeldStream, response: Response) -> bytes:
        """A second attempt at the same model, in the same stream; its first events."""
        await response.settle(_SETTLE_SECONDS)
        self._begin_again(stream.usage_so_far())
        self.call.first_token_ms = None
        response = await self._send(stream.begin_anew(), stream=True)
        await self._check(response)
        return await self._first_events(response, stream)

    def note_first(self) -> None:
        """Note the time of the first token, once it is there."""
        if self.record.first_ms is None and self.stream is not None and self.stream.started:
            self.record.first_ms = self._elapsed_ms()

    # Refusals

    async def _check(self, response: Response) -> None:
        """Raises ProviderRefused for an answer that is none."""
        if not 200 <= response.status < 300:
            raise await self._refusal(response)

    async def _refusal(self, response: Response) -> ProviderRefused:
        provider, status = self._provider, response.status
        try:
            body = await response.read()
        except ProviderBroken:
            body = b""  # the status has said it
        speech = None if self.exchange is None else self.exchange.speech
        told = response.header(b"retry-after")
        retry_after = None if told is None else provider.conceal(told).decode("latin-1")
        if retry_after is None and speech is not None:
            google = provider.settings.hosting == "vertex"  # which refuses in its own form
            retry_after = retry_after_in("gemini" if google else speech, status, body)
        if status in _CANNOT_NOW:
            self._heed(response, retry_after)
        body = provider.conceal(body) if len(body) <= _MOST_REFUSAL_BYTES else b""
        if provider.settings.hosting is not None:
            body = own_error(status, body)
        text = f"`{provider.name}` answered {status}."
        if status in _LOCKED_OUT:
            text = f"`{provider.name}` did not accept our credentials or account ({status})."
        return ProviderRefused(
            text, provider=provider.name, status=status, body=body, dialect=speech, retry_after=retry_after
        )

    def _heed(self, response: Response, retry_after: str | None) -> None:
        """Nothing is asked of the quota before the time that the provider named."""
        now = self._clock.now()
        wait = wait_in(response.headers, now)
        if wait is None and retry_after is not None:
            wait = wait_in([(b"retry-after", retry_after.encode("latin-1", "replace"))], now)
        if wait is not None or response.status == 429:
            self._health.refuse(self._quota, wait, self._clock.tick())

    def conceal(self, said: bytes) -> bytes:
        """What the provider said, without our key."""
        return self._provider.conceal(said)

    # The end

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self._ended

    @property
    def all_losses(self) -> tuple[str, ...]:
        """What was lost by now."""
        exchange = self.exchange
        if exchange is None or not exchange.losses:
            return self.losses
        names = exchange.losses.names
        return names + tuple(name for name in self.losses if name not in names) if self.losses else names

    def end(self, outcome: Outcome, error: FreeholdError | str | None = None) -> None:
        """It is over: whatever had come is recorded as what it is, and an unread rest is cut off."""
        if self._ended:
            return
        self._ended = True
        record, stream = self.record, self.stream
        if stream is not None:
            self.facts = stream.facts
            record.usage = stream.usage_so_far()
        elif self.facts is not NO_FACTS:
            record.usage = self.facts.usage
        record.outcome = outcome
        if error is not None:
            record.error = error if isinstance(error, str) else error.code
        record.end_ms = self._elapsed_ms()
        if self._aside is not None:
            self._aside.end(record, error, complete=stream is None or stream.complete)
        if self._response is not None:
            self._response.close()
            self._response = None
        if self._passage is not None:
            ending = _ending_of(outcome, error)
            self._health.breakers.end(self._passage, ending, self._clock.tick())
            if ending == "answered":
                self._health.quotas.answered(self._quota)


def _ending_of(outcome: Outcome, error: FreeholdError | str | None) -> Ending:
    """What an attempt's end says about the provider."""
    if outcome == "answered":
        return "answered"
    if isinstance(error, ProviderRefused):
        status = error.provider_status
        known: dict[int, Ending] = {401: "locked-out", 402: "locked-out", 403: "locked-out", 404: "missing"}
        return known.get(status, "failed" if status >= 500 else "neither")
    if isinstance(error, NotInForm):
        return "neither"  # it did answer
    no_connection = isinstance(error, ProviderTimeout) and error.phase == "connect"
    if no_connection or isinstance(error, ProviderUnreachable):
        return "unreachable"
    return "failed" if isinstance(error, ProviderError) else "neither"


def _clause(error: NotAnAnswer) -> str:
    """What is wrong, as the end of a sentence."""
    return str(error).rstrip(".")
