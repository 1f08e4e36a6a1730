"""Asking a model through the engine: a request in, an answer out, whatever became of it."""

from __future__ import annotations

import asyncio
import logging
import math
from decimal import Decimal

import msgspec

from freehold.access.key import Key
from freehold.catalog.prices import Pricer
from freehold.compare.answer import Answer, ToolCall
from freehold.compare.budget import NAME as BUDGET
from freehold.compare.budget import BudgetedLimits
from freehold.compare.halting import Halted
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import (
    BadRequest,
    BudgetExhausted,
    Forbidden,
    FreeholdError,
    LimitReached,
    Overloaded,
    ProviderError,
    ProviderRefused,
    RateLimited,
    Stopping,
    UnknownModel,
)
from freehold.core.ids import new_id
from freehold.engine.engine import Engine
from freehold.engine.running import RunningCall
from freehold.ledger.record import Call
from freehold.wire.openai_errors import status_of
from freehold.wire.request import Request, read_chat_request

log = logging.getLogger("freehold.compare")

_AGAIN = frozenset({429, 500, 502, 503, 529})
"""Statuses that may be different a while later. After a time limit nobody is asked again: it would take as long."""
_encode = msgspec.json.Encoder().encode


class Patience(msgspec.Struct, frozen=True):
    """How often, and after how long, what was refused for lack of room is asked again. Times are seconds."""

    tries: int = 5
    first: float = 1.0
    """Doubled each time, where the provider says nothing else."""
    longest: float = 120.0


class _NoRoom(Exception):
    """The comparison's own budget has no room at this moment."""


def caller_of(comparison: str) -> Key:
    """Whom the calls of a comparison are of, in the ledger and under limits: the comparison itself."""
    return Key(id=comparison, name=comparison, prefix="", created_us=0)


class Asker:
    """Asks models, each call on record under the id of the comparison that it is for."""

    def __init__(
        self,
        engine: Engine,
        prices: Pricer,
        clock: Clock,
        comparison: str,
        *,
        patience: Patience | None = None,
        limits: BudgetedLimits | None = None,
    ) -> None:
        """`limits`: those that the engine asks, where there is a budget."""
        self._engine = engine
        self._limits = limits
        self._prices = prices
        self._clock = clock
        self._key = caller_of(comparison)
        self._patience = patience or Patience()

    async def ask(self, model: str, request: msgspec.Raw) -> Answer:
        """The answer of a model to the body of an `openai-chat` request; with `failure`, where there is none.

        What was refused for lack of room is asked for again a few times. Limits of the owner are waited for. Raises
        BudgetSpent; Halted: such a limit will not let go soon, or nobody may ask this model; BadRequest: it is none.
        """
        body = b'{"model":' + _encode(model) + b"," + bytes(request).lstrip()[1:]
        cost: Decimal | None = Decimal(0)
        tried, wait = 0, self._patience.first
        while True:
            asked = read_chat_request(body)
            if asked.stream:
                raise BadRequest("A case is no stream.", hint="Leave `stream` out of it.", param="stream")
            answer, error = await self._once_paid(model, body, asked)
            cost = None if cost is None or answer.cost is None else cost + answer.cost
            pause = self._pause(error, wait)
            if not isinstance(error, RateLimited):
                tried += 1
                wait *= 2
            if error is None or pause is None or tried >= self._patience.tries:
                return msgspec.structs.replace(answer, cost=cost)
            await asyncio.sleep(pause)

    def _pause(self, error: FreeholdError | None, wait: float) -> float | None:
        """Seconds until it may be asked again; None: it would be in vain."""
        longest = self._patience.longest
        if isinstance(error, RateLimited):  # one of ours
            return min(error.retry_after or wait, longest)
        if isinstance(error, ProviderRefused):
            if error.provider_status not in _AGAIN:
                return None
            return min(_seconds(error.retry_after, wait), longest)
        if not isinstance(error, ProviderError | Overloaded) or status_of(error) not in _AGAIN:
            return None
        return min(wait, longest)

    async def _once_paid(
        self, model: str, body: bytes, asked: Request
    ) -> tuple[Answer, FreeholdError | None]:
        if self._limits is None:
            return await self._once(model, body, asked)
        target = self._engine.runtime.route_for(model, self._key).incumbent
        while True:
            try:
                async with self._limits.room_for(target, asked):
                    return await self._once(model, body, asked)
            except _NoRoom:
                continue  # a second attempt of the call was one too many for what others hold

    async def _once(self, model: str, body: bytes, asked: Request) -> tuple[Answer, FreeholdError | None]:
        running = self._engine.begin("chat", "openai-chat", self._key)
        try:
            running.receive(body, keep_body=True)
            self._engine.held_bytes += running.call.request_bytes
            running.route_to(asked)
            said = await running.ask(asked)
        except LimitReached as error:
            running.fail(error, status_of(error))
            if error.limit == BUDGET:
                raise _NoRoom from None
            soon = error.retry_after is not None and error.retry_after <= self._patience.longest
            if isinstance(error, BudgetExhausted) or not soon:
                raise Halted(error.message, hint=error.hint) from error
            return self._failed(model, running, error), error
        except (Forbidden, UnknownModel) as error:
            running.fail(error, status_of(error))
            raise Halted(error.message, hint=error.hint) from error
        except FreeholdError as error:
            running.fail(error, status_of(error))
            return self._failed(model, running, error), error
        except asyncio.CancelledError:
            running.fail(Stopping("The comparison is being stopped."), 503)
            raise
        except Exception:  # as in the gateway: one call must not take the comparison with it
            log.exception("a call ended in an error of ours", extra=running.named)
            unknown = FreeholdError("Something went wrong here.")
            running.fail(unknown, status_of(unknown))
            return self._failed(model, running, unknown), unknown
        return self._answered(model, running, said), None

    def _failed(self, model: str, running: RunningCall, error: FreeholdError) -> Answer:
        return Answer(
            id=new_id("answer"),
            model=model,
            failure=error.code,
            call_id=running.call.id,
            cost=self._cost_of(running.call),
            latency_s=_latency_of(running.call),
            losses=running.call.losses,
            made_us=microseconds(self._clock.now()),
        )

    def _answered(self, model: str, running: RunningCall, said: bytes) -> Answer:
        call = running.call
        try:
            message = _decode(said)
        except (
            msgspec.DecodeError,
            RecursionError,
        ):  # the engine has taken it for an answer: somebody's own form
            message = _Completion([_Choice()])
        choice = message.choices[0] if message.choices else _Choice()
        told = choice.message
        return Answer(
            id=new_id("answer"),
            model=model,
            text=_text_of(told.content),
            tool_calls=tuple(
                ToolCall(one.function.name, one.function.arguments)
                for one in told.tool_calls or ()
                if one.function is not None
            ),
            reasoning=told.reasoning_content or told.reasoning or "",
            refusal=told.refusal,
            finish_reason=choice.finish_reason,
            call_id=call.id,
            reported_model=call.reported_model,
            cost=self._cost_of(call),
            latency_s=_latency_of(call),
            input_tokens=call.usage.input_tokens,
            output_tokens=call.usage.output_tokens,
            losses=call.losses,
            made_us=microseconds(self._clock.now()),
        )

    def _cost_of(self, call: Call) -> Decimal | None:
        """What the attempts of a call cost together; None as soon as one may have cost nobody knows what."""
        total = Decimal(0)
        for attempt in call.attempts:
            if attempt.usage.source == "unknown":
                if attempt.may_be_billed:
                    return self._free(attempt.provider, attempt.model, call, total)
                continue
            cost = self._prices.cost_of(
                attempt.provider, attempt.model, attempt.usage, call.started_us
            ).amount
            if cost is None:
                return None
            total += cost
        return total

    def _free(self, provider: str, model: str, call: Call, total: Decimal) -> Decimal | None:
        """What is free costs nothing however much of it was used."""
        much = msgspec.structs.replace(call.usage, input_tokens=1, output_tokens=1, source="counted")
        return total if self._prices.cost_of(provider, model, much, call.started_us).amount == 0 else None


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Part(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


_decode = msgspec.json.Decoder(_Completion).decode


def _text_of(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""


def _latency_of(call: Call) -> float | None:
    """Of the attempt that answered, without the time that was spent waiting for room."""
    if not call.attempts:
        return None
    last = call.attempts[-1]
    return max(0.0, last.end_ms - last.start_ms) / 1000


def _seconds(retry_after: str | None, otherwise: float) -> float:
    try:
        seconds = float(retry_after) if retry_after is not None else otherwise
    except ValueError:
        return otherwise
    return seconds if math.isfinite(seconds) and seconds >= 0 else otherwise
