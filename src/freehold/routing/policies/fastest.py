"""The policy that takes the fastest of the models that replace each other."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.routing.decisions import Decision, Situation
from freehold.routing.policies.least import choose_least
from freehold.routing.policies.standing import Standing, standings_for, standings_in

NAME = "fastest"


class Fastest:
    """Goes by what is known of the models when it is made."""

    name = NAME
    reads = 0

    def __init__(self, standings: Mapping[str, Standing], *, unproven: bool = False) -> None:
        """`standings` by `provider/model`. `unproven`: models without a verdict are chosen, too."""
        self._standings = dict(standings)
        self._unproven = unproven

    def decide(self, situation: Situation) -> Decision:
        """The model that is proven and answers fastest."""
        return _decide(standings_for(situation.targets, self._standings), unproven=self._unproven)


def _decide(standings: list[Standing], *, unproven: bool) -> Decision:
    return choose_least(NAME, "pace", standings, unproven=unproven, more="slower")


def replay(decision: Decision) -> Decision:
    """The same decision, made again from its facts alone. Raises LookupError where they do not say enough."""
    return _decide(standings_in("pace", decision.facts), unproven=decision.facts["unproven"] is True)
