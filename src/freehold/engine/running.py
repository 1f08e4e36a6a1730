"""A call on its way: tries the models of its route in order and ends in exactly one record."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial

from freehold.access.key import Key
from freehold.core.errors import (
    ClientError,
    FreeholdError,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
)
from freehold.engine.aside import aside
from freehold.engine.asked import Asked
from freehold.engine.capture import Capture, CaptureBudget
from freehold.engine.counting import Estimate, is_not_counted
from freehold.engine.exchange import AnswerStream, Exchange, Translating, exchange_for
from freehold.engine.held import HeldStream
from freehold.engine.origins import plan_for
from freehold.engine.runtime import Runtime
from freehold.ledger.record import Attempt, Call, Outcome
from freehold.providers.client import ProviderClient, Response
from freehold.routing.routes import Route, Target
from freehold.wire.anthropic.hosted import own_error
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.errors import retry_after_in
from freehold.wire.facts import Facts
from freehold.wire.request import Request

_REQUEST_AT_FAULT = frozenset({400, 405, 406, 409, 411, 413, 414, 415, 422})
"""Statuses that another model would most likely answer too: the request itself is refused."""

_MOST_REFUSAL_BYTES = 1024 * 1024
"""What a provider says in more words than this, when it refuses, is not passed on."""

_NAMED_BY = (b"request-id", b"x-request-id", b"x-amzn-requestid")
"""Headers in which providers name a request."""
_NAME = re.compile(rb"[!-~]{1,200}")

_STREAMS = (b"text/event-stream", b"application/vnd.amazon.eventstream")

_PEEK_BYTES = 64 * 1024
"""A stream that has said this much without writing anything is passed on as it is."""

Record = Callable[[Outcome, FreeholdError | None, bytes, int], bytes | None]
"""Given how a call ended, why, the last words of its stream and how many bytes a body may have: the answer that the
client was given, or None where it is the one that the call has."""

_SETTLE_SECONDS = 1.0
"""How long the end of a stream's bytes may follow its `[DONE]`; the client has its answer by then."""


class RunningCall:
    """One call. Life: `route_to`, then `ask`, then for streams `next_piece` until it is empty.

    It records itself when the answer is complete or cannot be had. What only the caller can know it
    says: `fail` for an error before or outside `ask`, `cancel` when the client hung up, `break_off`
    when a stream cannot go on for a reason of ours. Whatever comes after the end is ignored, so a
    caller may end a call twice but never records it twice.
    """

    __slots__ = (
        "_attempt",
        "_beat",
        "_budget",
        "_capture",
        "_done",
        "_exchange",
        "_keep_bodies",
        "_reading",
        "_record",
        "_request_body",
        "_response",
        "_route",
        "_runtime",
        "_started",
        "_stream",
        "_tick",
        "call",
        "key",
        "provider_name",
    )

    def __init__(
        self,
        call: Call,
        key: Key | None,
        runtime: Runtime,
        *,
        tick: Callable[[], float],
        budget: CaptureBudget,
        done: Callable[[Call], None],
        beat: float,
    ) -> None:
        """`beat`: seconds after which a client that waits for what is held back hears that it is being made."""
        self.call = call
        self.key = key
        self.provider_name: bytes | None = None
        """What the provider that answers calls the request, where it says so."""
        self._runtime = runtime
        self._tick = tick
        self._started = tick()
        self._budget = budget
        self._done: Callable[[Call], None] | None = done
        self._keep_bodies = runtime.keep_bodies
        self._request_body: bytes | None = None
        self._route: Route | None = None
        self._response: Response | None = None
        self._exchange: Exchange | None = None
        self._stream: AnswerStream | None = None
        self._attempt: Attempt | None = None
        self._capture: Capture | None = None
        self._beat = beat
        self._reading: asyncio.Task[bytes] | None = None
        """Of a stream that is held back, what makes its next piece."""
        self._record: Record | None = None

    @property
    def ended(self) -> bool:
        """Whether the record has been handed on."""
        return self._done is None

    @property
    def keeps_bodies(self) -> bool:
        """Whether request and answer go into the ledger."""
        return self._keep_bodies

    def _elapsed_ms(self) -> float:
        return (self._tick() - self._started) * 1000.0

    # What the caller says

    def receive(self, body: bytes, *, keep_body: bool) -> None:
        """The request's bytes, and whether the client lets us keep them and the answer."""
        self.call.request_bytes = len(body)
        self._keep_bodies = self._keep_bodies and keep_body
        self._request_body = body if self._keep_bodies else None

    def route_to(self, request: Request) -> None:
        """Find the route. Raises UnknownModel or Forbidden; the caller then calls `fail`."""
        self.call.streamed = request.stream
        self._route = route = self._runtime.route_for(request.model, self.key)
        self.call.route = route.name
        if not route.keep_bodies:
            self._keep_bodies = False
            self._request_body = None

    def tell_instead(self, record: Record) -> None:
        """The client is told something else than the pieces of the answer; `record` gives what the ledger keeps."""
        self._record = record

    def fail(self, error: FreeholdError, status: int) -> None:
        """It ends with an error that the client is told with `status`."""
        if self._attempt is not None:
            self._attempt.error = error.code
        refused = isinstance(error, ClientError) or (isinstance(error, ProviderRefused) and status < 500)
        self._end("refused" if refused else "failed", status=status, error=error.code, cause=error)

    def break_off(self, error: FreeholdError) -> None:
        """A stream that the client has seen the beginning of is ended by us."""
        if not self.ended:
            self._cut(error)

    def last_words(self, error: FreeholdError) -> bytes:
        """How the client is told that its stream breaks off, and why."""
        return b"" if self._stream is None else self._stream.fail(error)

    def cancel(self, error: str = "client_gone", *, status: int = 499) -> None:
        """The client hung up, or said that it wants no answer. What had come is recorded as what it is; the provider
        is cut off.
        """
        if self.ended:
            return
        attempt = self._attempt
        if attempt is not None:
            attempt.outcome = "cancelled"
            self._close_attempt()
        self._end("cancelled", status=status, error=error)

    # Asking

    async def ask(self, request: Request) -> bytes:
        """The whole answer or, for a stream, its first events; further ones come from `next_piece`.

        Tries the route's models in order. Nothing has been sent to the client while this runs, so a
        fallback is invisible to it. Raises the last model's ProviderError, or Overloaded; the caller
        then calls `fail`.
        """
        assert self._route is not None
        route, providers = self._route, self._runtime.providers
        plan, reason = await aside(request.size, lambda: plan_for(route, request, providers))
        asked = Asked(request, self._runtime.fetcher)
        for position, target in enumerate(plan):
            attempt = self._begin_attempt(target)
            attempt.reason, reason = reason, None
            last = position + 1 == len(plan)
            try:
                answer = await self._try(target, asked, attempt, last=last)
            except FreeholdError as error:
                attempt = self._attempt or attempt  # a second one may have been begun meanwhile
                attempt.error = error.code
                if isinstance(error, ProviderRefused):
                    attempt.outcome = "refused"
                self._close_attempt()
                if last or (
                    isinstance(error, ProviderRefused) and error.provider_status in _REQUEST_AT_FAULT
                ):
                    raise
            else:
                return answer
        raise AssertionError("a route has at least one model")

    async def _try(self, target: Target, asked: Asked, attempt: Attempt, *, last: bool) -> bytes:
        request = asked.request
        provider = self._runtime.providers[target.provider]
        call = self.call
        exchange = await exchange_for(
            asked,
            provider.settings,
            target.model,
            operation=call.operation,
            call_id=call.id,
            created=call.started_us // 1_000_000,
        )
        if last:
            asked.let_go()
        if isinstance(exchange, Estimate):
            return await self._estimate(exchange, asked, attempt)
        self._exchange = exchange
        call.losses = exchange.losses.names
        response = await self._send(exchange.body(), target, stream=request.stream)
        try:
            await self._check(response, provider)
        except ProviderRefused as refused:
            if call.operation != "count" or not is_not_counted(refused):
                raise
            response.close()
            estimate = await aside(request.size, lambda: Estimate(request, provider.name))
            return await self._estimate(estimate, asked, attempt)
        if request.stream:
            return await self._open_stream(response, exchange, provider, attempt)
        answer = await response.read()
        while (more := exchange.more(answer)) is not None:
            response.close()
            response = await self._send(more, target, stream=False)
            await self._check(response, provider)
            answer = await response.read()
        try:
            again = None
            if isinstance(exchange, Translating):
                again = await aside(len(answer), partial(exchange.second_try, answer))
            if again is not None:
                attempt, answer = await self._ask_again(exchange, target, again, attempt)
            answer, facts = await aside(len(answer), partial(exchange.read_whole, answer))
        except NotAnAnswer as error:
            raise ProviderBroken(
                f"What `{provider.name}` sent is not an answer: {_clause(error)}.", provider=provider.name
            ) from None
        self._take_facts(facts)
        self._add_losses()
        return self._told(answer, attempt)

    async def _send(self, body: bytes, target: Target, *, stream: bool) -> Response:
        """Send it and wait for the answer's head. Raises ProviderError."""
        exchange, attempt = self._exchange, self._attempt
        assert exchange is not None
        assert attempt is not None
        provider = self._runtime.providers[target.provider]
        self._response = response = await provider.send(
            self.call.operation,
            target.model,
            body,
            dialect=exchange.speech,
            stream=stream,
            path=exchange.path,
            headers=exchange.headers,
        )
        attempt.status = response.status
        named = next((name for name in map(response.header, _NAMED_BY) if name is not None), b"")
        self.provider_name = provider.conceal(named) if _NAME.fullmatch(named) else None
        if provider.settings.kind == "local":
            self._take_losses(response)
        return response

    async def _check(self, response: Response, provider: ProviderClient) -> None:
        """Raises ProviderRefused for an answer that is none."""
        if not 200 <= response.status < 300:
            raise await self._refusal(response, provider)

    async def _estimate(self, estimate: Estimate, asked: Asked, attempt: Attempt) -> bytes:
        """What nobody can be asked for."""
        self.call.losses = estimate.losses.names
        return self._told(await aside(asked.request.size, estimate.answer), attempt)

    def _told(self, answer: bytes, attempt: Attempt) -> bytes:
        """The whole answer, which is recorded."""
        call = self.call
        call.answer_bytes = len(answer)
        if self._keep_bodies:
            call.answer_body = answer
        attempt.first_ms = call.first_token_ms = self._elapsed_ms()
        self._answered()
        return answer

    async def _ask_again(
        self, exchange: Exchange, target: Target, body: bytes, attempt: Attempt
    ) -> tuple[Attempt, bytes]:
        """A second attempt at the same model, whose first answer was not in the form that was asked for."""
        attempt.outcome = "answered"
        self._close_attempt()
        attempt = self._begin_attempt(target)
        self._exchange = exchange
        response = await self._send(body, target, stream=False)
        await self._check(response, self._runtime.providers[target.provider])
        return attempt, await response.read()

    def _add_losses(self) -> None:
        """What the exchange has lost by now, beside what is known already."""
        exchange = self._exchange
        if exchange is not None and exchange.losses:
            known = self.call.losses
            self.call.losses = known + tuple(name for name in exchange.losses.names if name not in known)

    def _take_losses(self, response: Response) -> None:
        """A local worker says what it could not do of what was asked; others do not know of losses."""
        losses = response.header(b"x-freehold-losses")
        if losses:
            self.call.losses += tuple(losses.decode("latin-1").replace(" ", "").split(","))

    async def _refusal(self, response: Response, provider: ProviderClient) -> ProviderRefused:
        try:
            body = await response.read()
        except ProviderBroken:
            body = b""  # the status has said it
        speech = None if self._exchange is None else self._exchange.speech
        told = response.header(b"retry-after")
        retry_after = None if told is None else provider.conceal(told).decode("latin-1")
        if retry_after is None and speech is not None:
            google = provider.settings.hosting == "vertex"  # which refuses in its own form
            retry_after = retry_after_in("gemini" if google else speech, response.status, body)
        body = provider.conceal(body) if len(body) <= _MOST_REFUSAL_BYTES else b""
        if provider.settings.hosting is not None:
            body = own_error(response.status, body)
        text = f"`{provider.name}` answered {response.status}."
        if response.status in (401, 402, 403):
            text = f"`{provider.name}` did not accept our credentials or account ({response.status})."
        return ProviderRefused(
            text,
            provider=provider.name,
            status=response.status,
            body=body,
            dialect=speech,
            retry_after=retry_after,
        )

    async def _open_stream(
        self, response: Response, exchange: Exchange, provider: ProviderClient, attempt: Attempt
    ) -> bytes:
        """Wait for the first token. Comments and empty beginnings that come before it are held back:
        once the client has seen something, no other model can answer in this one's place.
        """
        self._stream = stream = exchange.open_stream()
        first = await self._first_events(response, stream, exchange, provider)
        if self._keep_bodies and self._record is None:
            self._capture = Capture(self._budget)
        self._note(first)
        return first

    async def _first_events(
        self, response: Response, stream: AnswerStream, exchange: Exchange, provider: ProviderClient
    ) -> bytes:
        """What comes until something is written. Raises ProviderError for what is no stream or does not begin."""
        content_type = response.header(b"content-type")
        if content_type is not None and not content_type.lower().startswith(_STREAMS):
            raise ProviderBroken(
                f"`{provider.name}` was asked for a stream and did not send one.", provider=provider.name
            )
        response.await_first_token()
        first = b""
        while not stream.started and len(first) < _PEEK_BYTES:
            events = await self._read_events(response, stream, provider)
            if stream.error is not None and not stream.started:
                raise ProviderRefused(
                    f"`{provider.name}` ended the stream with an error before it began.",
                    provider=provider.name,
                    status=502,
                    body=provider.conceal(b'{"error":' + stream.error + b"}"),
                    dialect=exchange.speech,
                )
            first += events
            if not events or stream.complete:
                if stream.facts.stop_reason is None and not stream.started:
                    raise ProviderBroken(
                        f"The stream of `{provider.name}` ended before it began.", provider=provider.name
                    )
                break
        response.first_token_came()
        return first

    async def _read_events(self, response: Response, stream: AnswerStream, provider: ProviderClient) -> bytes:
        """The next events for the client; empty when the stream has come to its end."""
        try:
            if stream.broken is not None:
                raise stream.broken
            while piece := await response.read_some():
                events = stream.feed(piece)
                if events:
                    break
            else:
                events = stream.finish()
            return events if stream.error is None else provider.conceal(events)
        except NotAnAnswer as error:
            raise ProviderBroken(
                f"The stream of `{provider.name}` is broken: {_clause(error)}.", provider=provider.name
            ) from None

    async def next_piece(self) -> bytes:
        """The next events of the stream; empty when it is complete, and then the call is recorded.

        Raises ProviderError when the stream broke; the call is then recorded as cut.
        """
        stream = self._stream
        if self.ended:
            return b""
        if isinstance(stream, HeldStream) and (stream.holds or self._reading is not None):
            return await self._next_or_wait(stream)
        return await self._next_events()

    async def _next_or_wait(self, stream: HeldStream) -> bytes:
        """The next events or, when they take long, what shows the client that somebody is there."""
        reading = self._reading
        if reading is None:
            reading = self._reading = asyncio.create_task(self._next_events())
        done, _ = await asyncio.wait((reading,), timeout=self._beat)
        if not done:
            waiting = stream.wait()
            self.call.answer_bytes += len(waiting)
            return waiting
        self._reading = None
        return reading.result()

    async def _next_events(self) -> bytes:
        stream, response = self._stream, self._response
        assert stream is not None
        assert response is not None
        assert self._attempt is not None
        provider = self._runtime.providers[self._attempt.provider]
        if isinstance(stream, HeldStream) and stream.again is not None:
            return await self._stream_again(stream, provider, response)
        if stream.finished:
            try:
                await response.settle(_SETTLE_SECONDS)
            finally:  # hanging up now takes nothing from an answer that the client has
                self._answered()
            return b""
        if stream.error is not None:
            self._cut()
            return b""
        try:
            events = await self._read_events(response, stream, provider)
            if not events and not stream.complete:
                raise ProviderBroken(
                    f"The stream of `{provider.name}` ended before the answer did.", provider=provider.name
                )
        except ProviderError as error:
            self._cut(error)
            raise
        if not events:
            stream.finished = True
            events = stream.close()
            if not events:
                self._answered()
                return b""
        self._note(events)
        return events

    async def _stream_again(self, stream: HeldStream, provider: ProviderClient, response: Response) -> bytes:
        """A second attempt at the same model, in the same stream; its first events."""
        exchange, attempt, call = self._exchange, self._attempt, self.call
        assert exchange is not None
        assert attempt is not None
        await response.settle(_SETTLE_SECONDS)
        attempt.outcome = "answered"
        self._close_attempt()
        target = Target(attempt.provider, attempt.model)
        attempt = self._begin_attempt(target)
        self._stream, self._exchange = stream, exchange
        call.first_token_ms = None
        try:
            response = await self._send(stream.begin_anew(), target, stream=True)
            await self._check(response, provider)
            events = await self._first_events(response, stream, exchange, provider)
        except FreeholdError as error:
            self._cut(error)
            raise
        self._note(events)
        return events

    def _note(self, events: bytes) -> None:
        stream, attempt, call = self._stream, self._attempt, self.call
        call.answer_bytes += len(events)
        if self._capture is not None:
            self._capture.add(events)
        if call.first_token_ms is None and stream is not None and stream.started and attempt is not None:
            attempt.first_ms = call.first_token_ms = self._elapsed_ms()

    def _answered(self) -> None:
        attempt = self._attempt
        assert attempt is not None
        attempt.outcome = "answered"
        self._close_attempt()
        self._end("answered", status=200)

    def _cut(self, cause: FreeholdError | None = None) -> None:
        """The client has been told by the provider itself where there is no `cause`."""
        attempt = self._attempt
        assert attempt is not None
        attempt.outcome = "cut"
        attempt.error = error = "provider_refused" if cause is None else cause.code
        self._close_attempt()
        self._end("cut", status=200, error=error, cause=cause)

    # Records

    def _begin_attempt(self, target: Target) -> Attempt:
        self._attempt = attempt = Attempt(target.provider, target.model, self._elapsed_ms())
        self.call.provider = target.provider
        self.call.model = target.model
        self.call.attempts.append(attempt)
        self._stream = self._exchange = None
        self.provider_name = None
        return attempt

    def _close_attempt(self) -> None:
        if self._attempt is not None:
            self._attempt.end_ms = self._elapsed_ms()
            self._attempt = None
        if self._response is not None:
            self._response.close()
            self._response = None

    def _take_facts(self, facts: Facts) -> None:
        call = self.call
        call.reported_model = facts.model
        call.stop_reason = facts.stop_reason
        call.usage = facts.usage
        call.raw_usage = facts.raw_usage

    def _end(
        self,
        outcome: Outcome,
        *,
        status: int,
        error: str | None = None,
        cause: FreeholdError | None = None,
    ) -> None:
        done = self._done
        if done is None:
            return
        self._done = None
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()
        call = self.call
        if self._attempt is not None or self._response is not None:
            self._close_attempt()
        stream = self._stream
        if stream is not None:
            self._take_facts(stream.facts)
            call.usage = stream.usage_so_far()
            self._add_losses()
        if self._capture is not None:
            call.answer_body = self._capture.take()
            self._capture = None
        if self._record is not None:
            last_words = b"" if cause is None else self.last_words(cause)
            told = self._record(outcome, cause, last_words, self._budget.body_limit)
            if told is not None and self._keep_bodies:
                call.answer_body = told
        call.outcome = outcome
        call.status = status
        call.error = error
        call.duration_ms = self._elapsed_ms()
        if self._keep_bodies:
            call.request_body = self._request_body
        done(call)


def _clause(error: NotAnAnswer) -> str:
    """What is wrong, as the end of a sentence."""
    return str(error).rstrip(".")
