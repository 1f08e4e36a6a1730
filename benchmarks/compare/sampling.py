"""How long a sample of a suite takes, and how much memory: `python -m benchmarks.compare.sampling [CALLS] [CASES]`.

A ledger of so many calls is filled by the real writer, in a folder that is thrown away, and sampled by the real command
in a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from freehold.catalog.prices import PriceList
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger

FORMS = {
    50: "I want a refund for order {number}, the {item} arrived {state}.",
    25: "Which account is the invoice over {money} euros for one {item} booked on? Its number is {number}.",
    15: "Translate into French: the {item} is {state} and costs {money} euros.",
    10: "주문 {number} 환불은 언제 되나요? {item} 상태: {state}.",
}
"""By how many of a hundred are so."""
ITEMS = (
    "lamp",
    "chair",
    "table",
    "kettle",
    "phone",
    "laptop",
    "bike",
    "tent",
    "shoes",
    "coat",
    "printer",
    "desk",
)
STATES = ("broken", "late", "wrong", "scratched", "wet", "incomplete", "loud", "cold", "stained", "torn")
_AT_ONCE = 2_000
"""Calls that are handed to the writer before it is waited for, so that it drops none."""


def main(calls: int, cases: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder / ".freehold", calls)
        begun, before = time.perf_counter(), _used()
        words = ("suite", "sample", "default", "--n", str(cases), "--scorer", "recorded")
        source = str(Path(__file__).parents[2] / "src")
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": source},
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, used = time.perf_counter() - begun, _used()
    print(done.stderr)
    print(
        f"{calls:,} calls, {cases:,} cases: {seconds:.1f} s, of which {used[0] - before[0]:.1f} s of processor time; "
        f"{used[1] / 1000:,.0f} MB"
    )


def fill(data: Path, calls: int) -> None:
    """Record so many calls of the last hours."""
    data.mkdir(mode=0o700)
    ledger = Ledger(data / "ledger.db", LedgerSettings(flush_ms=10), PriceList(own={}, lists={}))
    ledger.start()
    for number, call in enumerate(_calls(calls), 1):
        ledger.record(call)
        if number % _AT_ONCE == 0:
            while ledger.status.queued:
                time.sleep(0.01)
    assert ledger.close(60)


def _calls(many: int) -> Iterator[Call]:
    dice = random.Random(1)
    begun_us = int((time.time() - 36_000) * 1_000_000)
    forms, shares = list(FORMS.values()), list(FORMS)
    for number in range(many):
        question = dice.choices(forms, shares)[0].format(
            number=dice.randrange(10**4),
            money=dice.randrange(1000),
            item=dice.choice(ITEMS),
            state=dice.choice(STATES),
        )
        if number % 10 == 0:
            question += f" Write to anna{number}@example.com or call 010-{dice.randrange(1000, 9999)}-1234."
        rest = " ".join(dice.choice(ITEMS) for _ in range(dice.randrange(60)))
        messages = [
            {"role": "system", "content": "You help."},
            {"role": "user", "content": f"{question} {rest}"},
        ]
        answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": f"Sure, {number}."}}]}
        body = json.dumps({"model": "default", "messages": messages}).encode()
        yield Call(
            id=f"call_{number:032x}",
            started_us=begun_us + number * 1_000,
            operation="chat",
            dialect="openai-chat",
            route="default",
            provider="some",
            model="one",
            request_bytes=len(body),
            request_body=body,
            answer_body=json.dumps(answer).encode(),
        )


def _used() -> tuple[float, int]:
    """Processor time of processes that have ended, in seconds, and the most memory that one of them took, in kB."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss


if __name__ == "__main__":
    numbers = [int(word.replace("_", "")) for word in sys.argv[1:]]
    main(*(numbers + [100_000, 500][len(numbers) :]))
