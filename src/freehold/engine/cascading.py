"""Asks one model after the other until one can be sure of an answer, and keeps the client from seeing the others.

An answer is held until it has been looked at, streams too: nothing is sent before, so the next model is invisible.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from freehold.core.answer import Answer
from freehold.core.decision import Decision
from freehold.core.errors import ClientError, FreeholdError, ProviderBroken
from freehold.core.gathering import Gathering
from freehold.core.request import ChatRequest, HostedTool
from freehold.engine.aside import aside
from freehold.engine.attempt import RunningAttempt
from freehold.engine.confidence import agreement, calls_tools, has_form, mean_probability, problem_of
from freehold.engine.exchange import Translating
from freehold.engine.tries import Tries
from freehold.routing.plans import Reason
from freehold.routing.policies.cascade import Finding, is_open, models_in, predicted_of, settle
from freehold.routing.routes import Route, Target
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.dialects import dialect_of
from freehold.wire.request import Request
from freehold.wire.sse import EventSplitter

MOST_HELD_BYTES = 4_000_000
"""Of an answer: a longer one goes on to the client as it is."""
_FIRST_SHARE = 0.5
"""Of the route's deadline, for every model but the last."""

Trying = Callable[[Request, Route, Reason], Tries]
"""Makes the tries of one model, as part of the call."""


class Held(NamedTuple):
    """An answer that the client has not seen."""

    tries: Tries
    attempt: RunningAttempt
    answer: bytes
    """In the client's dialect: a whole answer, or all of a stream that has come."""
    complete: bool
    """Whether that is all of it: then its attempt has ended."""


class Cascading:
    """The models that are asked for one call, and what was found of their answers."""

    def __init__(self, decision: Decision, route: Route, request: Request, trying: Trying) -> None:
        """`route`: of all models that may be asked."""
        self.decision = decision
        """What was decided by now."""
        self._route = route
        self._request = request
        self._make_tries = trying
        self._made: list[Tries] = []
        self._held: Held | None = None
        """The last answer that there is, of which nobody is sure."""

    async def answer(self, first: Reason) -> Held:
        """The answer that the client gets; of a stream that was not held, its first events. `first`: why the first
        model is asked. Raises what `Tries.answer` does.
        """
        reason = first
        asked: ChatRequest | None = None
        while is_open(self.decision):
            model = self.decision.chosen
            asked = asked or await self._decoded()
            finding, held = await self._ask(_target_of(model), asked, reason)
            self._held = held or self._held
            self.decision = settle(self.decision, model, finding)
            if held is not None and self.decision.chosen == model:
                return held
            reason = "escalation" if self._held is not None else "fallback"
        return await self._ask_last(reason)

    def give_up(self) -> None:
        """Nobody waits for an answer any more: whatever is under way has ended with this."""
        for tries in self._made:
            if tries.latest is not None and not tries.latest.ended:
                tries.latest.end("cancelled")
                tries.count(tries.latest)

    def _trying(self, request: Request, route: Route, reason: Reason) -> Tries:
        tries = self._make_tries(request, route, reason)
        self._made.append(tries)
        return tries

    async def _decoded(self) -> ChatRequest | None:
        try:
            return await aside(self._request.size, self._request.decoded)
        except ClientError:
            return None  # its own provider may understand it all the same

    async def _ask(
        self, target: Target, asked: ChatRequest | None, reason: Reason
    ) -> tuple[Finding, Held | None]:
        """What an answer of a model that is not the last is worth, and the answer."""
        if asked is None:
            return Finding("unread"), None
        if any(isinstance(one, HostedTool) for one in asked.tools):
            return Finding("hosted tools"), None
        request = msgspec.structs.replace(self._request, measured=self._confidence == "logprobs")
        deadline = None if self._route.deadline is None else self._route.deadline * _FIRST_SHARE
        route = msgspec.structs.replace(
            self._route,
            incumbent=target,
            fallbacks=(),
            deadline=deadline,
            retries=0,  # the next model is there, and need not be waited for
            hedge_after=None,
            continue_streams=False,
        )
        tries = self._trying(request, route, reason)
        if not tries.is_well:
            return Finding("not well"), None
        others = [
            asyncio.create_task(_said_again(self._trying(request, route, "sample"), request))
            for _ in range(self._more)
        ]
        try:
            held = await _hold(tries, streamed=request.stream)
            if not held.complete:
                return Finding("too long"), held
            said = [one for one in await asyncio.gather(*others) if one is not None]
        except FreeholdError as error:
            return Finding("broken off" if isinstance(error, ProviderBroken) else "failed"), None
        finally:
            for one in others:
                one.cancel()
            if others:  # what they cost is part of the record
                await asyncio.wait(others)
        return await aside(len(held.answer), partial(self._look_at, held, asked, said)), held

    async def _ask_last(self, reason: Reason) -> Held:
        """The answer of the model after which there is none, or of whoever else may take over."""
        last = self.decision.chosen
        cascade = models_in(self.decision.facts)
        asked = {tries.latest.target for tries in self._made if tries.latest is not None}
        others = [one for one in self._route.plan if one.name not in cascade]
        others += [one for one in map(_target_of, reversed(cascade[:-1])) if one not in asked]
        route = msgspec.structs.replace(
            self._route,
            incumbent=_target_of(last),
            fallbacks=() if self._held is not None else tuple(others),
        )
        tries = self._trying(self._request, route, reason)
        try:
            return Held(tries, *await tries.answer(), complete=False)
        except FreeholdError:
            self.decision = settle(self.decision, last, Finding("failed"))
            if self._held is None:
                raise
            return self._held

    # Looking at an answer

    @property
    def _confidence(self) -> object:
        return self.decision.facts.get("confidence")

    @property
    def _more(self) -> int:
        """Answers that are asked for beside the first."""
        samples = self.decision.facts.get("samples")
        return samples - 1 if self._confidence == "agreement" and isinstance(samples, int) else 0

    def _look_at(self, held: Held, asked: ChatRequest, others: Sequence[Answer]) -> Finding:
        try:
            answer = _read(held.answer, self._request)
        except NotAnAnswer:
            return Finding("no score")
        problem = problem_of(answer, asked)
        if problem is not None:
            return Finding(problem)
        score: float | None = None
        if self._confidence == "schema":
            if not has_form(asked) and not calls_tools(answer):
                return Finding("nothing to check")
            score = 1.0
        elif self._confidence == "logprobs":
            exchange = held.attempt.exchange
            measures = exchange.measures if isinstance(exchange, Translating) else None
            score = None if measures is None else mean_probability(measures.pieces)
        elif self._confidence == "agreement":
            score = agreement(answer, others)
        elif self._confidence == "learned":
            score = predicted_of(self.decision.chosen, self.decision.facts)
        return Finding("no score") if score is None else Finding("score", score)


def _target_of(name: str) -> Target:
    provider, _, model = name.partition("/")
    return Target(provider, model)


async def _said_again(tries: Tries, request: Request) -> Answer | None:
    """What a model says when it is asked once more; None when it does not answer."""
    try:
        held = await _hold(tries, streamed=request.stream)
        held.attempt.end("answered")
        return await aside(len(held.answer), partial(_read, held.answer, request))
    except (FreeholdError, NotAnAnswer):
        return None


async def _hold(tries: Tries, *, streamed: bool) -> Held:
    """All of an answer, or as much of it as is held. Raises as `Tries.answer`, and ProviderError when it broke."""
    attempt, answer = await tries.answer()
    pieces, size = [answer], len(answer)
    try:
        while streamed and (events := await attempt.next_events()):
            pieces.append(events)
            size += len(events)
            if size > MOST_HELD_BYTES:
                return Held(tries, attempt, b"".join(pieces), complete=False)
        if attempt.stream is not None and attempt.stream.error is not None:
            name = attempt.target.provider
            raise ProviderBroken(f"`{name}` ended the stream with an error.", provider=name)
    except FreeholdError as error:
        attempt.end("cut", error)
        tries.count(attempt)
        raise
    except asyncio.CancelledError:
        attempt.end("cancelled")
        tries.count(attempt)
        raise
    attempt.end("answered")
    return Held(tries, attempt, b"".join(pieces), complete=True)


def _read(answer: bytes, request: Request) -> Answer:
    """What the client would read. Raises NotAnAnswer."""
    dialect = dialect_of(request.dialect)
    if not request.stream:
        return dialect.decode_answer(answer)
    gathering, decoder = Gathering(), dialect.decode_stream()
    for frame in _frames_of(answer, request):
        for event in decoder.read(frame):
            gathering.add(event)
    for event in decoder.finish():
        gathering.add(event)
    return gathering.finish()


def _frames_of(answer: bytes, request: Request) -> list[bytes]:
    if request.framing != "json-array":
        splitter = EventSplitter()
        return [one for one in (*splitter.feed(answer), splitter.take_rest()) if one.strip()]
    try:
        return [b"data: " + bytes(one) for one in _decode_list(answer)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotAnAnswer("it is no list") from None


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
