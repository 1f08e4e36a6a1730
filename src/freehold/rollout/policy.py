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

    @property
    def brings(self) -> tuple[Target, ...]:
        """The candidate, which the route need not know."""
        return (self.candidate,)

    def arm_of(self, model: str) -> Arm | None:
        """The side that a model (`provider/model`) is on; None: on none."""
        if model == self.candidate.name:
            return "candidate"
        return "incumbent" if model == self.incumbent.name else None

    def decide(self, situation: Situation) -> Decision:
        """The candidate where the draw is below the share. Conversations that a model may not be taken from are not
        asked about.
        """
        draw = draw_of(self.rollout, situation.sticky)
        return _decision(
            self.rollout,
            self.incumbent.name,
            self.candidate.name,
            draw=draw,
            share=self.share,
            stage=self.stage,
        )


def _decision(
    rollout: str | None, incumbent: str, candidate: str, *, draw: float, share: float, stage: int
) -> Decision:
    arm: Arm = "candidate" if draw < share else "incumbent"
    chosen, other = (candidate, incumbent) if arm == "candidate" else (incumbent, candidate)
    return Decision(
        policy=NAME,
        chosen=chosen,
        reason="drawn",
        rejected=(Rejected(other, "not drawn"),),
        facts={"draw": draw, "share": share, "stage": stage, "incumbent": incumbent, "candidate": candidate},
        rollout=rollout,
        arm=arm,
    )


def policy_of(rollout: Rollout) -> RolloutPolicy:
    """What a rollout that stands asks of its route."""
    terms = rollout.terms
    return RolloutPolicy(rollout.id, terms.incumbent, terms.candidate, rollout.share, rollout.stage)


def replay(decision: Decision) -> Decision:
    """The decision made again from its own facts. Raises TypeError where they do not say enough."""
    draw, share, stage, incumbent, candidate = (
        decision.facts.get(name) for name in ("draw", "share", "stage", "incumbent", "candidate")
    )
    if not (isinstance(draw, float) and isinstance(share, int | float) and isinstance(stage, int)):
        raise TypeError("draw, share, stage")
    if not (isinstance(incumbent, str) and isinstance(candidate, str)):
        raise TypeError("incumbent, candidate")
    return _decision(decision.rollout, incumbent, candidate, draw=draw, share=share, stage=stage)
