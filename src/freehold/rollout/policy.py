"""The policy of a route that has a rollout: who was drawn at a small share stays drawn at a larger one."""

from __future__ import annotations

import msgspec

from freehold.rollout.terms import Rollout
from freehold.routing.decisions import Arm, Decision, Rejected, Situation, draw_of
from freehold.routing.routes import Target

NAME = "rollout"


class RolloutPolicy(msgspec.Struct, frozen=True):
    """Lets the candidate answer a share of the conversations: those whose draw is below it."""

    rollout: str
    """Its id, and the salt of the draws."""
    incumbent: Target
    candidate: Target
    share: float
    stage: int
    """From 0. Kept with each call, as calls are counted at the stage at which they were decided."""

    @property
    def name(self) -> str:
        """As in `Decision.policy`."""
        return NAME

    @property
    def reads(self) -> int:
        """Nothing of the prompt."""
        return 0

    def decide(self, situation: Situation) -> Decision:
        """The candidate where the draw is below the share, and whoever answered so far where the conversation is known.

        At cutover nothing holds a conversation but what another model could not read, and that was looked at before.
        """
        draw = draw_of(self.rollout, situation.sticky)
        arm: Arm = "candidate" if draw < self.share else "incumbent"
        reason = "drawn"
        lock = situation.lock
        if lock is not None and 0.0 < self.share < 1.0 and lock.target in (self.incumbent, self.candidate):
            arm, reason = ("candidate" if lock.target == self.candidate else "incumbent"), f"lock.{lock.kind}"
        chosen, other = (
            (self.candidate, self.incumbent) if arm == "candidate" else (self.incumbent, self.candidate)
        )
        return Decision(
            policy=NAME,
            chosen=chosen.name,
            reason=reason,
            rejected=(Rejected(other.name, "not drawn" if reason == "drawn" else "locked"),),
            facts={
                "draw": draw,
                "share": self.share,
                "stage": self.stage,
                "incumbent": self.incumbent.name,
                "candidate": self.candidate.name,
                "lock": None if reason == "drawn" else chosen.name,
            },
            rollout=self.rollout,
            arm=arm,
        )


def policy_of(rollout: Rollout) -> RolloutPolicy:
    """What a rollout that stands asks of its route."""
    terms = rollout.terms
    return RolloutPolicy(rollout.id, terms.incumbent, terms.candidate, rollout.share, rollout.stage)


def replay(decision: Decision) -> Decision | None:
    """The decision made again from its own facts. None: they do not say enough."""
    facts = decision.facts
    draw, share, lock = facts.get("draw"), facts.get("share"), facts.get("lock")
    incumbent, candidate = facts.get("incumbent"), facts.get("candidate")
    if not (
        isinstance(draw, float)
        and isinstance(share, int | float)
        and isinstance(incumbent, str)
        and isinstance(candidate, str)
    ):
        return None
    arm: Arm = "candidate" if (draw < share if lock is None else lock == candidate) else "incumbent"
    chosen, other = (candidate, incumbent) if arm == "candidate" else (incumbent, candidate)
    return msgspec.structs.replace(
        decision,
        policy=NAME,
        chosen=chosen,
        reason="drawn" if lock is None else "lock.conversation",
        rejected=(Rejected(other, "not drawn" if lock is None else "locked"),),
        arm=arm,
    )
