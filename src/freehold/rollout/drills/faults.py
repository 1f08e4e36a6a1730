"""What is rehearsed: every way in which a provider has been lost, each as something that a stand-in for it plays."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean
from freehold.providers.simulated.dice import Uniform
from freehold.providers.simulated.faults import AnyFault, Cut, Drip, Hang, Malformed, Refused
from freehold.providers.simulated.script import Behaviour, Outage, Script

WELL = Behaviour(chunk_tokens=4)
"""A stand-in that is not sick: what the request's form demands, else some words without meaning."""
OTHER_NAME = "another-model"
"""What a model that was changed in silence calls itself."""
SEQUENCE = "sequence"
"""All faults, one after another, without anything being forgotten in between."""


class Fault(msgspec.Struct, frozen=True):
    """One way of being lost."""

    name: str
    """As it is written on a command line."""
    title: str
    script: Script | None = None
    """What the stand-in plays; None: nobody is asked, as it is a matter of money alone."""
    nameless: bool = False
    """The provider's name does not exist any more, so that no stand-in can be reached."""
    wordless: bool = False
    """It comes before any word of an answer, so that it can be rehearsed on live calls: a stand-in's words may never
    reach a client."""
    answers: bool = False
    """The provider answers as if nothing had happened: what matters is whether anybody notices."""


def _faulty(*faults: AnyFault) -> Script:
    return _playing(msgspec.structs.replace(WELL, faults=faults))


def _playing(behaviour: Behaviour) -> Script:
    return Script(models={"*": behaviour}, strict_turns=False)


HEALTHY = _playing(WELL)

FAULTS: tuple[Fault, ...] = (
    Fault(
        "refused",
        "connection refused",
        Script(models={"*": WELL}, strict_turns=False, outage=Outage(how="refuse")),
        wordless=True,
    ),
    Fault("nameless", "name not found", HEALTHY, nameless=True, wordless=True),
    Fault("keys", "401 on every key", _faulty(Refused(status=401)), wordless=True),
    Fault(
        "storm-told", "429 with Retry-After", _faulty(Refused(status=429, retry_after="20")), wordless=True
    ),
    Fault("storm", "429 without", _faulty(Refused(status=429)), wordless=True),
    Fault(
        "failing",
        "5xx",
        _faulty(Refused(status=500, chance=0.34), Refused(status=502, chance=0.5), Refused(status=503)),
        wordless=True,
    ),
    Fault("silent", "200, then silence", _faulty(Hang(after=0)), wordless=True),
    Fault(
        "cut",
        "cut in the middle",
        _faulty(
            Cut(after=3, how="reset", chance=0.34),
            Cut(after=3, how="end", chance=0.5),
            Cut(after=4, inside=True),
        ),
    ),
    Fault("malformed", "malformed chunk", _faulty(Malformed(after=3))),
    Fault("drip", "slow drip", _faulty(Drip(every_s=Uniform(0.1, 0.6), bytes=64, part="body"))),
    Fault("removed", "model removed", Script(models={"removed": WELL}, strict_turns=False), wordless=True),
    Fault(
        "swapped",
        "another model answers",
        _playing(msgspec.structs.replace(WELL, calls_itself=OTHER_NAME)),
        answers=True,
    ),
    Fault("dearer", "price doubled"),
)

NAMES = tuple(fault.name for fault in FAULTS)


def faults_called(names: tuple[str, ...]) -> tuple[Fault, ...]:
    """The faults of these names, all for none, in their own order. Raises BadRequest."""
    for name in names:
        if name not in NAMES:
            near = did_you_mean(name, NAMES)
            known = ", ".join(f"`{one}`" for one in NAMES)
            raise BadRequest(f"No fault is called `{name[:100]}`.", hint=near or f"There are {known}.")
    return tuple(fault for fault in FAULTS if not names or fault.name in names)
