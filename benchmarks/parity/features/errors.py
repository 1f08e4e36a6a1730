"""What goes wrong: before the answer, and in the middle of it."""

from __future__ import annotations

from typing import Any

from benchmarks.parity.features.numbers import answering
from benchmarks.parity.probes import Probe
from benchmarks.parity.wishes import Wish, said
from freehold.providers.simulated.faults import AnyFault, Cut, ErrorEvent, Refused

_ASKED = said("Hello.")
_WORDS = "One two three four five six seven eight."
REASON = "So the provider says."
"""Must reach the application."""


def _error(name: str, fault: AnyFault, **more: Any) -> Probe:
    behaves = answering(_WORDS, faults=(fault,))
    return Probe(feature="errors", name=name, asks=(Wish(turns=_ASKED),), behaves=behaves, error=True, **more)


def _refused(status: int, retry_after: str | None = None, **more: Any) -> Probe:
    fault = Refused(status=status, message=REASON, retry_after=retry_after)
    return _error(f"{status} of the provider", fault, **more)


def _ours(kind: str, status: int) -> Probe:
    return _error(f"{status} of Freehold: {kind}", Refused(status=status), ours=kind)


PROBES = [
    _refused(400),
    _refused(401),
    _refused(404),
    _refused(413),
    _refused(429, "7"),
    _refused(500),
    _refused(503),
    _refused(529),
    _ours("request", 400),
    _ours("key", 401),
    _ours("model", 404),
    _ours("size", 413),
    _error("error in the middle", ErrorEvent(after=8, message=REASON), modes=("streamed",)),
    _error("cut in the middle", Cut(after=8), modes=("streamed",), broken=True),
]
