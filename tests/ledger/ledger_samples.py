"""Calls to record, and a ledger that is closed whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from freehold.core.clock import SystemClock
from freehold.core.ids import new_id
from freehold.core.money import UNKNOWN_COST, Cost
from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.ledger.settings import LedgerSettings, Pace
from freehold.ledger.writer import Ledger
from freehold.store.places import Place

DAY_US = 86_400_000_000
NOON_US = 20_000 * DAY_US + DAY_US // 2
"""2024-10-04, noon."""
QUICK = Pace(busy=0.5, patience=1.0, relief=0.2, first_retry=0.02, last_retry=0.1, tidy=0.05)
RAW_USAGE = b'{"prompt_tokens":19,"completion_tokens":7,"details":{"ephemeral_5m_tokens":0,"cost":0.00012}}'


class PriceList:
    """Prices by the model's name; a model that is not on it has no known price."""

    def __init__(self, **dollars: str) -> None:
        self.dollars = dollars

    def cost_of(self, provider: str, model: str, usage: Usage, at_us: int) -> Cost:
        if model == "raises":
            raise RuntimeError("the price list is broken")
        amount = self.dollars.get(model)
        return UNKNOWN_COST if amount is None else Cost(Decimal(amount), f"test {provider}/{model}")


class HandClock(SystemClock):
    """A wall clock that stands where it was put."""

    def __init__(self, now_us: int = NOON_US) -> None:
        self.now_us = now_us

    @property
    def now(self) -> Callable[[], float]:  # type: ignore[override]
        return lambda: self.now_us / 1_000_000


def make_call(**changes: Any) -> Call:
    """A chat call that was answered, with everything a call can have but its bodies.

    Who answered and what it used are those of its last attempt, unless the attempts are given as well.
    """
    call = Call(
        id=new_id("call"),
        started_us=time.time_ns() // 1000,
        operation="chat",
        dialect="openai-chat",
        key_id="key_1",
        route="copilot",
        provider="openai",
        model="gpt-4o",
        reported_model="gpt-4o-2024-08-06",
        streamed=True,
        stop_reason="stop",
        usage=Usage(19, 7, 3, 0, 2, source="provider"),
        raw_usage=RAW_USAGE,
        first_token_ms=210.512,
        duration_ms=812.345,
        request_bytes=1000,
        answer_bytes=2000,
        attempts=[
            Attempt("azure", "gpt-4o", 0.1, 99.5, None, 503, "failed", "provider_refused"),
            Attempt(
                "openai",
                "gpt-4o",
                99.6,
                812.3,
                210.5,
                200,
                "answered",
                reason="fallback",
                usage=Usage(19, 7, 3, 0, 2, source="provider"),
            ),
        ],
        losses=("reasoning_signature",),
    )
    call = msgspec.structs.replace(call, **changes)
    if "attempts" not in changes:
        last = call.attempts[-1]
        last.provider, last.model = call.provider or "", call.model or ""
        last.usage = call.usage
    return call


@contextmanager
def opened(
    place: Place,
    *,
    pace: Pace = QUICK,
    clock: SystemClock | None = None,
    spool: Path | None = None,
    **settings: Any,
) -> Iterator[Ledger]:
    """A started ledger at `place`, closed at the end."""
    prices = PriceList(**{"gpt-4o": "0.0001475"})
    ledger = Ledger(place, LedgerSettings(**settings), prices, clock, pace, spool=spool)
    ledger.start()
    try:
        yield ledger
    finally:
        ledger.close(2.0)


def wait_until(holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until `holds()` does; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
