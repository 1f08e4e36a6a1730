"""Whose turn it is: from a script and the number of the call to what will happen."""

from __future__ import annotations

from msgspec import Struct

from freehold.providers.simulated.dice import Dice
from freehold.providers.simulated.faults import AnyFault
from freehold.providers.simulated.script import Behaviour, Script

_USUAL = Behaviour()


class Turn(Struct, frozen=True):
    """What will happen to one call."""

    model: str
    number: int
    """How many calls this model had before."""
    behaviour: Behaviour
    fault: AnyFault | None
    dice: Dice
    """For everything that is still to be drawn."""
    identifier: str
    """24 digits for the ids of the answer."""


class Turns:
    """Counts the calls of each model. The same script gives the same turns in the same order."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._calls: dict[str, int] = {}

    def take(self, model: str) -> Turn | None:
        """The next turn of `model`; None when the script does not know it."""
        models = self._script.models
        listed = models.get(model) or models.get("*")
        if listed is None:
            if models:
                return None
            listed = _USUAL
        number = self._calls.get(model, 0)
        self._calls[model] = number + 1
        behaviour = listed if isinstance(listed, Behaviour) else _at(listed, number)
        dice = Dice(self._script.seed, model, number)
        struck = next((fault for fault in behaviour.faults if dice.share() < fault.chance), None)
        return Turn(model, number, behaviour, struck, dice, f"{dice.bits():016x}{dice.bits():08x}"[:24])


def _at(sequence: tuple[Behaviour, ...], number: int) -> Behaviour:
    for behaviour in sequence:
        number -= behaviour.times
        if number < 0:
            return behaviour
    return sequence[-1]
