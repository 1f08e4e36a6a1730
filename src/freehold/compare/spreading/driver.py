"""The driver: hands questions to stations, each with the share of the budget that it may cost at the most."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.budget import Budget, Tariffs
from freehold.compare.halting import Halted
from freehold.compare.spreading.station import Reply
from freehold.core.errors import BadRequest
from freehold.limits.worst import worst_of
from freehold.routing.routes import Target
from freehold.wire.request import read_chat_request

_TIMES = 6
"""How often a question is handed out whose share did not do, or whose station went."""

Remote = Callable[[str, bytes, int], Awaitable[bytes]]
"""Asks a station: model, request and share; a Reply as JSON. Raises StationLost."""


class StationLost(Exception):
    """A station went, and nobody knows what became of the question."""


class Driver:
    """Asks whichever station has least to do. The shares that are out and what was charged never exceed the budget."""

    def __init__(
        self,
        stations: Sequence[Remote],
        budget: Budget | None,
        tariffs: Tariffs,
        target_of: Callable[[str], Target],
    ) -> None:
        """`target_of`: the model that is asked by a name."""
        self._busy = dict.fromkeys(range(len(stations)), 0)
        self._stations = stations
        self._budget = budget
        self._tariffs = tariffs
        self._target_of = target_of

    async def ask(self, model: str, request: msgspec.Raw) -> Answer:
        """As `Asker.ask`, by a station. Raises BudgetSpent, Halted, BadRequest."""
        share = self._worst(model, request)
        for _ in range(_TIMES):
            reply = await self._handed_out(model, request, share)
            if reply is None:
                continue
            if reply.answer is not None:
                return reply.answer
            if reply.trouble == "halted":
                raise Halted(reply.message, hint=reply.hint)
            if reply.trouble == "bad":
                raise BadRequest(reply.message, hint=reply.hint)
            share *= 2  # a second attempt was needed, and the first one may have cost something
        raise Halted(
            f"`{model}` could not be asked: {_TIMES} times the station was lost, or its share of the budget used up.",
            hint="The same command goes on where this ended.",
        )

    async def _handed_out(self, model: str, request: msgspec.Raw, share: int) -> Reply | None:
        """None: the station was lost on the way, and is not asked again."""
        if self._budget is not None:
            await self._budget.wait_for(share)
        charged = 0
        try:
            if not self._busy:
                raise Halted("All stations are lost.", hint="The same command goes on where this ended.")
            number = min(self._busy, key=self._busy.__getitem__)
            self._busy[number] += 1
            charged = share  # of what nobody knows the end of, all
            try:
                reply = msgspec.json.decode(
                    await self._stations[number](model, bytes(request), share), type=Reply
                )
            except StationLost:
                self._busy.pop(number, None)
                return None
            if number in self._busy:
                self._busy[number] -= 1
            charged = reply.charged
            return reply
        finally:
            if self._budget is not None:
                self._budget.settle(share, charged)

    def _worst(self, model: str, request: msgspec.Raw) -> int:
        if self._budget is None:
            return 0
        body = b'{"model":' + msgspec.json.encode(model) + b"," + bytes(request).lstrip()[1:]
        # A model without a price is asked uncounted: whether it may be was looked at before.
        return (
            self._tariffs.worst(self._target_of(model), worst_of(read_chat_request(body), writes=True)) or 0
        )
