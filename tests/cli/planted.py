"""A ledger filled through the real writer."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger

PRICES = PriceList(
    own={
        "big/one": (ModelPrice(Rates(input=Decimal("2.50"), output=Decimal(10))),),
        "small/two": (ModelPrice(Rates(input=Decimal("0.0001"), output=Decimal("0.0003"))),),
    },
    lists={},
)
START_US = 1_790_000_000_000_000


def plant(folder: Path, calls: Iterable[Call], prices: PriceList = PRICES) -> None:
    """Write `calls` into the ledger of the data folder `.freehold` in `folder`."""
    data = folder / ".freehold"
    data.mkdir(mode=0o700, exist_ok=True)
    ledger = Ledger(data / "ledger.db", LedgerSettings(), prices)
    ledger.start()
    for call in calls:
        ledger.record(call)
    assert ledger.close(10)


def call_number(number: int, **more: object) -> Call:
    """An answered call, a second after the one before it; `more` are fields of the record."""
    values: dict[str, object] = {
        "id": f"call_{number:032x}",
        "started_us": START_US + number * 1_000_000,
        "operation": "chat",
        "dialect": "openai-chat",
        "key_id": "key_0123",
        "route": "default",
        "provider": "big",
        "model": "one",
        "stop_reason": "stop",
        "usage": Usage(input_tokens=1000 + number, output_tokens=10, source="provider"),
        "first_token_ms": 12.5,
        "duration_ms": 1234.5,
        "request_bytes": 20,
        "answer_bytes": 30,
        "attempts": [Attempt("big", "one", 0.1, 1234.0, 12.5, 200, "answered")],
        "request_body": b'{"model": "default", "n": %d}' % number,
        "answer_body": b'{"choices": [{"message": {"content": "hello"}}]}',
    }
    return Call(**{**values, **more})  # type: ignore[arg-type]
