"""The soak: half a million requests through a fresh Freehold; does its memory stay, is its ledger whole?"""

from __future__ import annotations

import http.client
import re
import sqlite3
import time

from .environments import BENCH
from .gateways import Gateway
from .loads import Loads
from .measuring import Mock, wake
from .results import Plan, Soak

_CLIENTS = 64
_READINGS = 11
_SECONDS = 240.0
"""The soak ends after this long, however far it came."""


def soak_freehold(freehold: Gateway, mock: Mock, loads: Loads, plan: Plan) -> Soak:
    """Load a fresh process until `plan.soak_last` requests are answered; read its memory on the way."""
    awake, _ = wake(freehold)
    assert awake.process is not None
    readings: list[tuple[int, float]] = []
    begin, started = mock.count()[0] - 1, time.monotonic()  # the first answer came before we could count
    step = (plan.soak_last - plan.soak_first) / (_READINGS - 1)
    with awake.process as process:
        while len(readings) < _READINGS and time.monotonic() - started < _SECONDS:
            due = plan.soak_first + round(step * len(readings))
            rate = max(1_000.0, _rate_so_far(mock.count()[0] - begin, time.monotonic() - started))
            missing = due - (mock.count()[0] - begin)
            if missing > 0:
                loads.run_closed(
                    awake.target, clients=_CLIENTS, seconds=max(1, round(missing / rate)), streamed=False
                )
            process.settle()
            answered = mock.count()[0] - begin
            if answered >= due:
                readings.append((answered, process.resident_mb()))
        made = mock.count()[0] - begin
        dropped = _dropped(awake.target.port)
    return Soak(readings, kept_calls=_calls_kept(), made_calls=made, dropped=dropped)


def _rate_so_far(requests: int, seconds: float) -> float:
    return requests / seconds if seconds > 0 else 0.0


def _dropped(port: int) -> int:
    """What the endpoint's own metrics say that the ledger dropped."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        metrics = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = re.search(r"^freehold_ledger_dropped\w* (\S+)$", metrics, re.MULTILINE)
    if found is None:
        raise RuntimeError("The metrics do not tell how many calls the ledger dropped.")
    return int(float(found[1]))


def _calls_kept() -> int:
    """Rows in the ledger; every one but those of the warm-up is a call of the soak."""
    path = BENCH / "run" / "freehold" / ".freehold" / "ledger.db"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (rows,) = connection.execute("select count(*) from calls").fetchone()
    finally:
        connection.close()
    return int(rows)
