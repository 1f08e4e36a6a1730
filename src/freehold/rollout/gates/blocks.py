"""Differences between two arms that answer side by side: each of the one beside those of the other around it."""

from __future__ import annotations

import msgspec

from freehold.routing.decisions import Arm


class Block(msgspec.Struct):
    """Values of both arms, in the order in which they came, until there is at least one of each.

    Where the block ends depends on who was drawn and on no value. So where the arms are equally good, the difference of
    their means is 0 on average. Where both get worse with the time of day, the arm that is rarer is seen later in most
    blocks and looks worse by a part of what a block lasts, and better by as much where both get better again: what
    remains of it is no more than the change of a block.
    """

    incumbents: int = 0
    incumbent: float = 0.0
    candidates: int = 0
    candidate: float = 0.0

    def add(self, arm: Arm, value: float) -> float | None:
        """The candidate's mean minus the incumbent's, where this value completed the block."""
        if arm == "candidate":
            self.candidates += 1
            self.candidate += value
        else:
            self.incumbents += 1
            self.incumbent += value
        if not (self.candidates and self.incumbents):
            return None
        found = self.candidate / self.candidates - self.incumbent / self.incumbents
        self.candidates = self.incumbents = 0
        self.candidate = self.incumbent = 0.0
        return found
