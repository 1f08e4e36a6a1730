"""What ails the sick provider: every fault that a provider has been seen with, as scripts of the simulated one."""

from __future__ import annotations

import random

import msgspec

from freehold.providers.simulated.dice import Uniform
from freehold.providers.simulated.faults import AnyFault, Cut, Drip, Hang, Malformed, Refused
from freehold.providers.simulated.script import Behaviour, Outage, Recite, Script

MODEL = "tale"
WORDS = 48
"""Of each answer."""

_WELL = Behaviour(text=Recite(WORDS), chunk_tokens=8, tokens_per_s=240.0)


def _faulty(*faults: AnyFault) -> Script:
    return Script(models={MODEL: msgspec.structs.replace(_WELL, faults=faults)})


HEALTHY = "healthy"
NAMELESS = "name not found"
"""Its calls go to a provider of a name that does not exist: no script can do that."""
SWAPPED = "another model answers"

SCRIPTS: dict[str, Script] = {
    HEALTHY: _faulty(),
    "connection refused": Script(models={MODEL: _WELL}, outage=Outage(how="refuse")),
    NAMELESS: _faulty(),
    "401 on every key": _faulty(Refused(status=401)),
    "429 with Retry-After": _faulty(Refused(status=429, retry_after="2")),
    "429 without": _faulty(Refused(status=429)),
    "5xx": _faulty(Refused(status=500, chance=0.34), Refused(status=502, chance=0.5), Refused(status=503)),
    "200, then silence": _faulty(Hang(after=0)),
    "silence in the middle": _faulty(Hang(after=3)),
    "cut in the middle": _faulty(
        Cut(after=3, how="reset", chance=0.34), Cut(after=3, how="end", chance=0.5), Cut(after=4, inside=True)
    ),
    "malformed chunk": _faulty(Malformed(after=3)),
    "slow drip": _faulty(Drip(every_s=Uniform(0.1, 0.6), bytes=64, part="body")),
    "model removed": Script(models={"another": _WELL}),
    SWAPPED: Script(models={MODEL: msgspec.structs.replace(_WELL, calls_itself="tale-mini")}),
}

MIXED = "all, at random"

FAULTS = tuple(name for name in SCRIPTS if name != HEALTHY)


class Phase(msgspec.Struct, frozen=True):
    """A stretch of time in which the sick provider is in one state."""

    fault: str
    seconds: float
    group: str
    """The row of the table that its calls are counted in."""

    @property
    def route(self) -> str:
        """Where its calls go. Each fault alone has a route and an entry of the provider of its own, so that what a
        gateway has learnt from one fault does not spare it the next.
        """
        if self.group == MIXED:
            return "nameless" if self.fault == NAMELESS else "mixed"
        return f"alone-{FAULTS.index(self.group)}" if self.group in FAULTS else "warm"


def routes() -> dict[str, bool]:
    """Every route, and whether its first provider has a name that exists."""
    alone = {f"alone-{number}": fault != NAMELESS for number, fault in enumerate(FAULTS)}
    return {"warm": True, "mixed": True, "nameless": False, **alone}


def phases(*, sick: float, well: float, mixed: float, seed: int) -> list[Phase]:
    """Each fault alone, with healthy stretches between, then `mixed` seconds of them at random."""
    planned: list[Phase] = []
    for fault in FAULTS:
        planned += [Phase(fault, sick, fault), Phase(HEALTHY, well, fault)]
    dice, left = random.Random(seed), mixed
    while left > 0.0:
        length = min(left, dice.uniform(0.3, 3.0))
        planned.append(Phase(dice.choice(tuple(SCRIPTS)), length, MIXED))
        left -= length
    return planned
