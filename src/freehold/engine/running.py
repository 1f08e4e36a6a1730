"""A call on its way, from the request to exactly one record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from freehold.access.key import Key
from freehold.core.clock import Clock
from freehold.core.errors import ClientError, FreeholdError, ProviderError, ProviderRefused
from freehold.core.usage import NO_USAGE, Usage, total
from freehold.engine.aside import aside
from freehold.engine.attempt import RunningAttempt
from freehold.engine.capture import Capture, CaptureBudget
from freehold.engine.continuing import Seam
from freehold.engine.held import HeldStream
from freehold.engine.limiting import Headers
from freehold.engine.rehearsing import Rehearsing
from freehold.engine.reserving import Reserving, forget_refused
from freehold.engine.runtime import Runtime
from freehold.engine.seldom import Seldom
from freehold.engine.steering import Steering
from freehold.engine.tries import Tries
from freehold.ledger.record import Call, Outcome
from freehold.routing.plans import Reason
from freehold.routing.routes import Route
from freehold.wire.request import Request

if TYPE_CHECKING:
    from freehold.engine.deliberation import Deliberation

Record = Callable[[Outcome, FreeholdError | None, bytes, int], bytes | None]
"""Given how a call ended, why, the last words of its stream and how many bytes a body may have: the answer that the
client was given, or None where it is the one that the call has."""


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
        "_clock",
        "_deliberation",
        "_done",
        "_has_all",
        "_heard",
        "_keep_bodies",
        "_reading",
        "_record",
        "_rehearsing",
        "_request",
        "_request_body",
        "_reserving",
        "_route",
        "_runtime",
        "_seldom",
        "_sent",
        "_started",
        "_steered",
        "_tries",
        "call",
        "conversation",
        "key",
    )

    def __init__(
        self,
        call: Call,
        key: Key | None,
        runtime: Runtime,
        *,
        clock: Clock,
        budget: CaptureBudget,
        done: Callable[[Call], None],
        beat: float,
        seldom: Seldom,
        rehearsing: Rehearsing | None = None,
    ) -> None:
        """`beat`: seconds after which a client that waits for what is held back hears that it is being made. `seldom`:
        how the log is told of policies that fail. `rehearsing`: who may have it answered as if a provider were lost.
        """
        self.call = call
        self.key = key
        self.conversation: str | None = None
        """Name of the conversation that it is part of, where the client gave one beside the request."""
        self._runtime = runtime
        self._clock = clock
        self._started = clock.tick()
        self._budget = budget
        self._done: Callable[[Call], None] | None = done
        self._keep_bodies = runtime.keep_bodies
        self._request_body: bytes | None = None
        self._request: Request | None = None
        self._route: Route | None = None
        self._reserving: Reserving | None = None
        """None: there are no limits."""
        self._tries: Tries | None = None
        self._attempt: RunningAttempt | None = None
        """The one that answers."""
        self._capture: Capture | None = None
        """The answer's bytes, for the ledger."""
        self._sent: Capture | None = None
        """The answer's bytes, for another model that may have to go on from them, and for who steered the call."""
        self._beat = beat
        self._seldom = seldom
        self._rehearsing = rehearsing
        self._reading: asyncio.Task[bytes] | None = None
        """Of a stream that is held back, what makes its next piece."""
        self._record: Record | None = None
        self._deliberation: Deliberation | None = None
        """Who looks at answers while the client of a stream is kept waiting."""
        self._has_all = False
        """Whether all of a stream is there already: it was held."""
        self._steered: Request | None = None
        """The request, where a policy decided."""
        self._heard = False
        """Whether it was told the answer."""

    @property
    def ended(self) -> bool:
        """Whether the record has been handed on."""
        return self._done is None

    @property
    def provider_name(self) -> bytes | None:
        """What the provider that was asked last calls the request, where it says so."""
        latest = self._attempt or (None if self._tries is None else self._tries.latest)
        return None if latest is None else latest.provider_name

    @property
    def named(self) -> dict[str, str]:
        """What a line of the log says of it."""
        trace = self.call.trace
        known = {"call": self.call.id}
        return known if trace is None else {**known, "trace": trace.trace_id}

    @property
    def keeps_bodies(self) -> bool:
        """Whether request and answer go into the ledger."""
        return self._keep_bodies

    @property
    def is_steered(self) -> bool:
        """Whether somebody may choose its model, and would like to know the conversation."""
        return self._runtime.steering is not None and self.call.operation == "chat"

    def _elapsed_ms(self) -> float:
        return (self._clock.tick() - self._started) * 1000.0

    # What the caller says

    def receive(self, body: bytes, *, keep_body: bool) -> None:
        """The request's bytes, and whether the client lets us keep them and the answer."""
        self.call.request_bytes = len(body)
        self._keep_bodies = self._keep_bodies and keep_body
        self._request_body = body if self._keep_bodies else None

    def route_to(self, request: Request, route: Route | None = None) -> None:
        """Find the route, unless it is given. Raises UnknownModel or Forbidden; the caller then calls `fail`."""
        self.call.streamed = request.stream
        self._route = route = route or self._runtime.route_for(request.model, self.key)
        self.call.route = route.name
        if not route.keep_bodies:
            self._keep_bodies = False
            self._request_body = None
        if self._rehearsing is not None:
            self._runtime = self._rehearsing.runtime_for(
                self.call, request, route, self._runtime, self.conversation
            )

    def tell_instead(self, record: Record) -> None:
        """The client is told something else than the pieces of the answer; `record` gives what the ledger keeps."""
        self._record = record

    def fail(self, error: FreeholdError, status: int) -> None:
        """It ends with an error that the client is told with `status`."""
        latest = None if self._tries is None else self._tries.latest
        if latest is not None:
            latest.end("failed", error)
            self.call.losses = latest.all_losses
            forget_refused(self.call, error)
        refused = isinstance(error, ClientError) or (isinstance(error, ProviderRefused) and status < 500)
        self._end("refused" if refused else "failed", status=status, error=error.code, cause=error)

    def break_off(self, error: FreeholdError) -> None:
        """A stream that the client has seen the beginning of is ended by us."""
        if not self.ended:
            self._cut(error)

    @property
    def limit_headers(self) -> Headers:
        """What the client is told of its limits."""
        return () if self._reserving is None else self._reserving.headers(self.call.dialect)

    def last_words(self, error: FreeholdError) -> bytes:
        """How the client is told that its stream breaks off, and why."""
        if self._attempt is None and self._deliberation is not None:
            return self._deliberation.fail(error)
        stream = None if self._attempt is None else self._attempt.stream
        return b"" if stream is None else stream.fail(error)

    def cancel(self, error: str = "client_gone", *, status: int = 499) -> None:
        """The client hung up, or said that it wants no answer. What had come is recorded as what it is; the provider
        is cut off.
        """
        if self.ended:
            return
        if self._attempt is not None and self._tries is not None:
            self._attempt.end("cancelled")
            self._tries.count(self._attempt)
        self._end("cancelled", status=status, error=error)

    # Asking

    async def ask(self, request: Request) -> bytes:
        """The whole answer or, for a stream, its first events; further ones come from `next_piece`.

        Nothing has been sent to the client while this runs, so a fallback is invisible to it. Raises the last model's
        ProviderError, Overloaded or DeadlinePassed; the caller then calls `fail`.
        """
        route, call = self._route, self.call
        assert route is not None
        limits = self._runtime.limits
        if limits is not None and call.operation != "mirror":  # whose copies they are bounds them
            self._reserving = Reserving(
                limits, self.key, route.name, operation=call.operation, tick=self._clock.tick
            )
        first: Reason = "incumbent"
        steering = self._runtime.steering
        if steering is not None and self.is_steered:
            route, first = await self._steer(steering, route, request)
        deliberation = self._deliberate(route, request, first)
        if deliberation is not None:
            return await self._decided(deliberation)
        self._tries = tries = self._try(request, route, first)
        attempt, answer = await tries.answer()
        return self._begin(attempt, answer, request, continues=route.continue_streams)

    def _begin(self, attempt: RunningAttempt, answer: bytes, request: Request, *, continues: bool) -> bytes:
        """What the client gets first: the whole answer or, for a stream, its first events."""
        call = self.call
        self._adopt(attempt)
        if request.stream:
            if self._keep_bodies and self._record is None:
                self._capture = Capture(self._budget)
            if continues:
                self._request = request
            if continues or self._steered is not None:
                self._sent = Capture(self._budget)
            self._note(answer)
            return answer
        call.answer_bytes = len(answer)
        if self._keep_bodies:
            call.answer_body = answer
        if self._steered is not None:
            self._hear(self._steered, answer)
        self._answered()
        return answer

    def _try(self, request: Request, route: Route, first: Reason) -> Tries:
        return Tries(
            self.call,
            request,
            route,
            self._runtime,
            clock=self._clock,
            started=self._started,
            reserving=self._reserving,
            first=first,
            led=self._steered is not None,
        )

    def _deliberate(self, route: Route, request: Request, first: Reason) -> Deliberation | None:
        """Who looks at the answers of one model after the other; None: the first that comes is the client's."""
        decision = self.call.decision
        if decision is None or decision.policy != "cascade":
            return None
        from freehold.engine.cascading import Cascading  # noqa: PLC0415 - few routes have one
        from freehold.engine.deliberation import Deliberation  # noqa: PLC0415
        from freehold.routing.policies.cascade import is_open  # noqa: PLC0415

        if not is_open(decision):
            return None
        cascading = Cascading(decision, route, request, self._try_for_cascade)
        continues = route.continue_streams
        return Deliberation(cascading, first, request, continues=continues, beat=self._beat)

    async def _decided(self, deliberation: Deliberation) -> bytes:
        """The answer that somebody is sure of, or what keeps a client waiting that would get it as a stream."""
        try:
            held = await deliberation.held()
        finally:
            self.call.decision = deliberation.decision
        if held is None:
            self._deliberation = deliberation
            self.call.provider = self.call.model = None  # whose answer it will be is not known yet
            waiting = deliberation.wait()
            self.call.answer_bytes += len(waiting)
            return waiting
        self._deliberation = None
        self._tries, self._has_all = held.tries, held.complete
        if held.complete:
            self.call.first_token_ms = self._elapsed_ms()
        return self._begin(held.attempt, held.answer, deliberation.request, continues=deliberation.continues)

    def _give_up(self, deliberation: Deliberation) -> None:
        """Nobody waits for its answer any more."""
        deliberation.give_up()
        self.call.decision = deliberation.decision
        latest = None if self._tries is None else self._tries.latest
        if latest is not None:
            self.call.provider, self.call.model = latest.target.provider, latest.target.model
            self.call.losses = latest.all_losses

    def _try_for_cascade(self, request: Request, route: Route, first: Reason) -> Tries:
        tries = self._try(request, route, first)
        if first != "sample":
            self._tries = tries
        return tries

    async def _steer(self, steering: Steering, route: Route, request: Request) -> tuple[Route, Reason]:
        """What is tried after a policy has decided, and why its first model is first."""
        try:
            steered = await steering.steer(route, request, self.call, self.key, self.conversation)
        except Exception:  # noqa: BLE001 - a policy that fails must not fail the call, which can do without
            self._seldom.tell("a policy failed, and the call went without one", self.named)
            return route, "incumbent"
        if steered is None or not self._runtime.has(steered.route.incumbent):
            return route, "incumbent"
        self.call.decision = steered.decision
        self._steered = request
        led = steered.route
        if led.incumbent == route.incumbent:
            return led, "incumbent"
        if steered.decision.arm == "candidate":
            led = msgspec.structs.replace(led, on_trial=led.incumbent)
        return led, "policy"

    def _adopt(self, attempt: RunningAttempt) -> None:
        """This is the attempt that answers."""
        call, target = self.call, attempt.target
        self._attempt = attempt
        call.provider, call.model = target.provider, target.model
        call.losses = attempt.all_losses
        if call.first_token_ms is None:
            call.first_token_ms = attempt.record.first_ms

    async def next_piece(self) -> bytes:
        """The next events of the stream; empty when it is complete, and then the call is recorded.

        Raises ProviderError when the stream broke; the call is then recorded as cut.
        """
        if self.ended:
            return b""
        if self._deliberation is not None:
            try:
                return await self._decided(self._deliberation)
            except FreeholdError as error:
                self._cut(error)
                raise
        if self._has_all:
            self._answered()
            return b""
        attempt = self._attempt
        assert attempt is not None
        stream = attempt.stream
        if isinstance(stream, HeldStream) and (stream.holds or self._reading is not None):
            return await self._next_or_wait(stream)
        return await self._next_events(attempt)

    async def _next_or_wait(self, stream: HeldStream) -> bytes:
        """The next events or, when they take long, what shows the client that somebody is there."""
        reading = self._reading
        if reading is None:
            assert self._attempt is not None
            reading = self._reading = asyncio.create_task(self._next_events(self._attempt))
        done, _ = await asyncio.wait((reading,), timeout=self._beat)
        if not done:
            waiting = stream.wait()
            self.call.answer_bytes += len(waiting)
            return waiting
        self._reading = None
        return reading.result()

    async def _next_events(self, attempt: RunningAttempt) -> bytes:
        stream = attempt.stream
        assert stream is not None
        finished = stream.finished and not attempt.begins_again
        told = False
        try:
            events = await attempt.next_events()
            if stream.error is not None and not events:
                told = not stream.hides_error
                raise _refused(stream.error, attempt)
        except ProviderError as error:
            going_on = await self._go_on(attempt, error)
            if going_on:
                return going_on
            self._cut(error, told=told)
            if told:
                return b""
            raise
        finally:
            if finished:  # hanging up now takes nothing from an answer that the client has
                self._answered()
        if not events:
            self._answered()
            return b""
        self._note(events)
        return events

    async def _go_on(self, attempt: RunningAttempt, error: ProviderError) -> bytes:
        """The first events of another model that goes on where this one broke off; empty when none can."""
        if self._request is None or self._tries is None:
            return b""
        sent = self._sent_so_far()
        if sent is None:
            return b""
        size = self._request.size + len(sent)
        seam = await aside(size, partial(Seam.found, self._request, sent, self.call))
        if seam is None:
            return b""
        attempt.end("cut", error)
        self._tries.count(attempt)
        try:
            speaking = seam.speaking(self._runtime, attempt.record.usage)
            other, events = await self._tries.go_on(speaking, attempt, error, seam.more)
        except FreeholdError:
            return b""
        self._adopt(other)
        self._note(events)
        return events

    def _sent_so_far(self) -> bytes | None:
        return None if self._sent is None or self._sent.dropped else self._sent.peek()

    def _note(self, events: bytes) -> None:
        attempt, call = self._attempt, self.call
        call.answer_bytes += len(events)
        if self._capture is not None:
            self._capture.add(events)
        if self._sent is not None:
            self._sent.add(events)
        if call.first_token_ms is None and attempt is not None:
            attempt.note_first()
            call.first_token_ms = attempt.record.first_ms
        if self._steered is not None and attempt is not None and _says_all(attempt):
            self._hear(self._steered, self._sent_so_far())

    def _answered(self) -> None:
        assert self._attempt is not None
        self._attempt.end("answered")
        self._end("answered", status=200)

    def _cut(self, error: FreeholdError, *, told: bool = False) -> None:
        """`told`: the client has seen the provider's own error event."""
        assert self._tries is not None
        if self._attempt is not None:
            self._attempt.end("cut", error)
            self._tries.count(self._attempt)
        self._end("cut", status=200, error=error.code, cause=None if told else error)

    # The record

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
        if self._deliberation is not None:
            self._give_up(self._deliberation)
        call, attempt = self.call, self._attempt
        if attempt is not None:
            facts = attempt.facts
            call.reported_model = facts.model
            call.stop_reason = facts.stop_reason
            call.raw_usage = facts.raw_usage
            call.losses = attempt.all_losses
        call.usage = _usage_of(call)
        if self._steered is not None:
            self._hear(self._steered, self._sent_so_far())
        for capture in (self._capture, self._sent):
            body = None if capture is None else capture.take()
            if capture is self._capture and capture is not None:
                call.answer_body = body
        self._capture = self._sent = None
        if self._reserving is not None:
            self._reserving.leave()
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
        if self._steered is not None:
            self._tell_of_end(self._steered)
        done(call)

    # Who steered it

    def _hear(self, request: Request, answer: bytes | None) -> None:
        """Tell what the client is told, unless that was said."""
        steering, decision = self._runtime.steering, self.call.decision
        if self._heard or steering is None or decision is None:
            return
        self._heard = True
        try:
            steering.heard(self.call, request, decision, answer)
        except Exception:  # noqa: BLE001 - the client has to be answered whatever becomes of the policy
            self._seldom.tell("a policy was told of an answer, and failed", self.named)

    def _tell_of_end(self, request: Request) -> None:
        steering, decision = self._runtime.steering, self.call.decision
        if steering is None or decision is None:
            return
        try:
            steering.ended(self.call, request, decision)
        except Exception:  # noqa: BLE001 - the call has to be recorded whatever becomes of its policy
            self._seldom.tell("a policy was told of the end of a call, and failed", self.named)


def _says_all(attempt: RunningAttempt) -> bool:
    """Whether the client has all that is said once it has what was read of the stream."""
    stream = attempt.stream
    if stream is None or attempt.begins_again:
        return False
    return stream.finished or (stream.complete and not isinstance(stream, HeldStream))


def _usage_of(call: Call) -> Usage:
    """What all attempts used together, as far as anything is known. (Whether all is known, the cost tells.)"""
    usage: Usage | None = None
    for attempt in call.attempts:
        if attempt.usage.source == "unknown":
            continue
        usage = attempt.usage if usage is None else total(usage, attempt.usage)
    return usage or NO_USAGE


def _refused(said: bytes, attempt: RunningAttempt) -> ProviderRefused:
    """The error event with which a provider ended a stream."""
    provider = attempt.target.provider
    return ProviderRefused(
        f"`{provider}` ended the stream with an error.",
        provider=provider,
        status=502,
        body=attempt.conceal(b'{"error":' + said + b"}"),
        dialect=None if attempt.exchange is None else attempt.exchange.speech,
    )
