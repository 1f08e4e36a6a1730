"""Calls made ready for the database: priced, their bodies hashed and compressed."""

from __future__ import annotations

import logging
from decimal import Decimal

from freehold.catalog.prices import Pricer
from freehold.core.secret import without_our_keys
from freehold.ledger.bodies import FreshBody, Packer, Place
from freehold.ledger.inbox import size_of
from freehold.ledger.record import Call
from freehold.ledger.rows import Places, Price, pico_of

log = logging.getLogger("freehold.ledger")

BATCH_CALLS = 2048
"""A batch of so many calls is committed at once, however young."""
BATCH_BYTES = 8_000_000
DAY_US = 86_400_000_000
NOBODY_ASKED = (0, "no provider was asked")
COUNTED = (0, "counting costs nothing")


class Batch:
    """What the next transaction writes. The calls stay as they are, so that it can be made ready anew."""

    def __init__(self, pricer: Pricer, packer: Packer) -> None:
        self.calls: list[Call] = []
        self.ready: list[tuple[Price, Places]] = []
        """What goes with each call."""
        self.fresh: list[FreshBody] = []
        self.renewed: list[Place] = []
        self.pricing_errors = 0
        """Calls since the start whose cost is unknown because working it out failed."""
        self._size = 0
        self._pricer = pricer
        self._packer = packer
        self._complaints: set[str] = set()

    @property
    def room(self) -> int:
        """How many more calls it takes."""
        return BATCH_CALLS - len(self.calls)

    @property
    def is_full(self) -> bool:
        """Whether it is to be committed without waiting for more."""
        return len(self.calls) >= BATCH_CALLS or self._size >= BATCH_BYTES

    def add(self, calls: list[Call]) -> None:
        """Append calls and make them ready."""
        self.calls += calls
        for call in self.calls[len(self.ready) :]:
            self._size += size_of(call)
            self.ready.append((self._price(call), self._pack(call)))
        self.fresh += self._packer.take_fresh()
        self.renewed += self._packer.take_renewed()

    def make_anew(self, stored: list[Place]) -> None:
        """Make the same calls ready again, for another database, of whose bodies `stored` are known."""
        calls = self.calls
        self.clear()
        self._packer.forget_all()
        for place in stored:
            self._packer.remember(place)
        self.add(calls)

    def clear(self) -> None:
        """Begin the next one."""
        self.calls, self.ready, self.fresh, self.renewed = [], [], [], []
        self._size = 0

    def _price(self, call: Call) -> Price:
        if call.operation == "count":
            return COUNTED
        if call.provider is None or call.model is None:
            return NOBODY_ASKED if not call.attempts else (None, None)
        try:
            if len(call.attempts) > 1:
                return self._price_each(call)
            cost = self._pricer.cost_of(call.provider, call.model, call.usage, call.started_us)
            return pico_of(cost.amount), cost.row
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in the price list, the call is kept
            self.pricing_errors += 1
            self._complain("The cost of a call cannot be worked out: %r", error)
            return None, None

    def _price_each(self, call: Call) -> Price:
        """The sum over the attempts, each by its own model's price; unknown as soon as one of them is."""
        total: Decimal | None = None
        rows: list[str] = []
        for attempt in call.attempts:
            if attempt.usage.source == "unknown":
                if attempt.may_be_billed:
                    return None, None
                continue
            cost = self._pricer.cost_of(attempt.provider, attempt.model, attempt.usage, call.started_us)
            if cost.amount is None:
                return None, None
            total = cost.amount if total is None else total + cost.amount
            if cost.row is not None and cost.row not in rows:
                rows.append(cost.row)
        return pico_of(total), " + ".join(rows) or None

    def _pack(self, call: Call) -> Places:
        # Whether bodies are to be kept was decided for this call before it was handed in.
        request, answer = call.request_body, call.answer_body
        if request is None and answer is None:
            return None, None
        try:
            day, pack = call.started_us // DAY_US, self._packer.pack
            return (
                None if request is None else pack(without_our_keys(request), day),
                None if answer is None else pack(without_our_keys(answer), day),
            )
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a body, the call is kept
            self._complain("The bodies of a call cannot be kept: %r", error)
            return None, None

    def _complain(self, message: str, error: Exception) -> None:
        if message not in self._complaints:
            self._complaints.add(message)
            log.warning(message, error)
