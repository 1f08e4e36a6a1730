"""What the ledger costs: `python -m benchmarks.ledger`. Run it on a machine that does nothing else.

With `--server URL` (`postgresql://…`, an empty database) the same on a PostgreSQL server. Processor time is that of the
writing process alone. Its last line on standard output is one JSON object with the figures.
"""

from __future__ import annotations

import gc
import json
import random
import re
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from random import getrandbits
from statistics import median
from typing import NamedTuple

from freehold.core.clock import SystemClock
from freehold.core.money import Cost as Price
from freehold.core.secret import Secret
from freehold.core.usage import Usage
from freehold.ledger.batch import Batch
from freehold.ledger.bodies import Packer
from freehold.ledger.file import LedgerFile
from freehold.ledger.holding import Holding
from freehold.ledger.inbox import Inbox
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Attempt, Call
from freehold.ledger.runs import Counts, Process
from freehold.ledger.server import LedgerServer
from freehold.ledger.tally import Tally
from freehold.store.places import Place, Server
from freehold.store.server import server_engine

CALLS = 40_000
BATCH = 2000
"""Calls of one commit: what 8,000 calls a second make in a quarter of a second."""
MANY = 1_000_000
FIRST_US = time.time_ns() // 1000 - 86_400_000_000
USAGE = (
    b'{"prompt_tokens":191,"completion_tokens":%d,"total_tokens":301,"prompt_tokens_details":{"cached_tokens":0,'
    b'"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
    b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
)


class Prices:
    """One price for everything."""

    cost = Price(Decimal("0.0001475"), "genai-prices openai/gpt-4o 2024-08-06")

    def cost_of(self, provider: str, model: str, usage: Usage, at_us: int) -> Price:
        """The price."""
        return self.cost


class Bodies:
    """Requests and answers of about 1 KB, of prose that the dictionary was not made from: the standard library's."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        text = " ".join(
            file.read_text(errors="replace")
            for file in sorted(Path(json.__file__).parent.parent.glob("*.py"))
        )
        found = re.findall(r'"""(.*?)"""', text, re.DOTALL)
        self.sentences = [re.sub(r"\s+", " ", one) for one in found if len(one) > 60]

    def prose(self, length: int) -> str:
        """So many characters of it."""
        text = ""
        while len(text) < length:
            text += self.random.choice(self.sentences) + " "
        return text[:length]

    def request(self) -> bytes:
        """A chat request."""
        asked = {"role": "user", "content": self.prose(850)}
        messages = [{"role": "system", "content": "You are a helpful assistant."}, asked]
        return json.dumps(
            {"model": "copilot", "messages": messages, "temperature": 0.2}, separators=(",", ":")
        ).encode()

    def answer(self, usage: bytes) -> bytes:
        """A chat answer."""
        told = json.dumps(self.prose(480)).encode()
        return (
            b'{"id":"chatcmpl-%024x","object":"chat.completion","created":1790000000,"model":"gpt-4o-2024-08-06",'
            b'"choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null,"annotations":[]},'
            b'"logprobs":null,"finish_reason":"stop"}],"usage":%s,"service_tier":"default"}'
        ) % (self.random.getrandbits(96), told, usage)


def make_call(number: int, bodies: Bodies | None) -> Call:
    """An ordinary call, 125 us after the one before it."""
    usage = USAGE % (number % 2000)
    started_us = FIRST_US + number * 125
    return Call(
        id=f"call_{started_us // 1000:012x}{getrandbits(80):020x}",  # as `new_id` would have made it then
        started_us=started_us,
        operation="chat",
        dialect="openai-chat",
        key_id=f"key_{number % 7:032x}",
        route=f"route-{number % 11}",
        provider="openai",
        model="gpt-4o",
        reported_model="gpt-4o-2024-08-06",
        usage=Usage(191, number % 2000, 0, None, 0, source="provider"),
        raw_usage=usage,
        stop_reason="stop",
        first_token_ms=210.512345,
        duration_ms=812.345678,
        request_bytes=1000,
        answer_bytes=1100,
        attempts=[Attempt("openai", "gpt-4o", 0.102432, 812.243241, 210.423401, 200, "answered")],
        request_body=bodies.request() if bodies else None,
        answer_body=bodies.answer(usage) if bodies else None,
    )


def time_record(calls: list[Call]) -> float:
    """Microseconds of one `record()`: the median of many rounds, for the machine is never quite still."""
    rounds = []
    for _ in range(20):
        tally = Tally()
        inbox = Inbox(10**12, tally, SystemClock())
        inbox.wake.set()
        began = time.perf_counter()
        for call in calls:
            inbox.put(call)
        rounds.append((time.perf_counter() - began) / len(calls) * 1e6)
        inbox.seal(forget=True)
    return sorted(rounds)[len(rounds) // 2]


def hold(place: Place) -> Holding:
    """The ledger there, opened."""
    process = Process.here(time.time_ns() // 1000, None)
    holding: Holding = (
        LedgerFile(place, process, SystemClock(), busy=1.0)
        if isinstance(place, Path)
        else LedgerServer(place, process, SystemClock(), patience=60.0)
    )
    holding.open(Counts(0, 0, 0))
    return holding


class Cost(NamedTuple):
    """What writing costs."""

    processor_us: float
    """Of one call, in the writer."""
    wall_us: float
    """Of one call, commits included: its inverse is how many calls a second can be written."""
    stored_bytes: float
    """Of one call, indexes included."""


def time_writing(place: Place, calls: list[Call]) -> Cost:
    """The medians of the batches."""
    holding = hold(place)
    batch, empty = Batch(Prices(), Packer()), LedgerReader(place).extent().file_bytes
    busy, waited = [], []
    for first in range(0, len(calls), BATCH):
        began, began_wall = time.process_time(), time.perf_counter()
        for start in range(first, first + BATCH, 128):  # as the writer takes them in
            batch.add(calls[start : min(start + 128, first + BATCH)])
        holding.write(batch, {}, None, Counts(first, first, 0))
        busy.append((time.process_time() - began) / BATCH * 1e6)
        waited.append((time.perf_counter() - began_wall) / BATCH * 1e6)
        batch.clear()
    holding.close({}, Counts(len(calls), len(calls), 0))
    stored = (LedgerReader(place).extent().file_bytes - empty) / len(calls)
    return Cost(median(busy), median(waited), stored)


def fill(place: Place, count: int) -> None:
    """A ledger of many calls without bodies."""
    file = hold(place)
    batch = Batch(Prices(), Packer())
    for first in range(0, count, BATCH):
        batch.add([make_call(number * 700, None) for number in range(first, first + BATCH)])
        file.write(batch, {}, None, Counts(first, first, 0))
        batch.clear()
    file.close({}, Counts(count, count, 0))


def place_for(name: str, folder: Path) -> Place:
    """Where a ledger is measured: a file of its own, or the server, emptied."""
    if "--server" not in sys.argv:
        return folder / f"{name}.db"
    place = Server(Secret(sys.argv[sys.argv.index("--server") + 1], "the command line"))
    engine = server_engine(place, "ledger", patience=60.0)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS freehold_ledger CASCADE")
    engine.dispose()
    return place


def main() -> None:
    """Measure, and print what was measured."""
    figures: dict[str, float] = {}
    bodies = Bodies()
    bare = [make_call(number, None) for number in range(CALLS)]
    distinct = [make_call(number, bodies) for number in range(CALLS)]
    for call in bare:
        call.request_body, call.answer_body = None, None
    repeated = [make_call(number, None) for number in range(CALLS)]
    for call in repeated:
        call.request_body, call.answer_body = distinct[0].request_body, distinct[0].answer_body
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        figures["record_us"] = time_record(distinct[:20_000])
        for name, calls in (("bare", bare), ("repeated_bodies", repeated), ("distinct_bodies", distinct)):
            cost = time_writing(place_for(name, Path(folder)), calls)
            figures[f"writer_us_{name}"], figures[f"bytes_{name}"] = cost.processor_us, cost.stored_bytes
            figures[f"calls_per_second_{name}"] = 1e6 / cost.wall_us
        if "--quick" not in sys.argv:
            place = place_for("many", Path(folder))
            fill(place, MANY)
            reader = LedgerReader(place)
            for by in ("route", "model", "key", "day"):
                began = time.perf_counter()
                total = sum(one.calls for one in reader.spend(by))
                figures[f"spend_by_{by}_s"] = time.perf_counter() - began
                assert total == MANY
    for name, figure in figures.items():
        print(f"{name:28}{figure:10.2f}")
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}))


if __name__ == "__main__":
    main()
