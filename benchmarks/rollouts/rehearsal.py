"""One rollout from its beginning to its end, in simulated time."""

from __future__ import annotations

import random

import msgspec

from benchmarks.rollouts.worlds import World, call_of, pair_of, vote_of
from freehold.rollout.gates.panel import panel_of
from freehold.rollout.knowing import evidence_of, knowledge_of
from freehold.rollout.machine import GATES, Step, applied, next_of
from freehold.rollout.plan import Plan
from freehold.rollout.policy import policy_of
from freehold.rollout.terms import Rollout, Terms
from freehold.routing.decisions import Situation
from freehold.routing.routes import Target

OLD, NEW = Target("old", "model"), Target("new", "model")
_INTERVAL = 20
"""Conversations between two looks: two a second, and a look every ten seconds."""
_SECOND_US = 500_000
_SETTLE = 30


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a rollout ended."""

    state: str
    """`finished`, `rolled back`, `undecided`."""
    stage: str
    answered: int
    """Conversations that the candidate answered for clients."""
    copies: int
    conversations: int
    """Of both, while it went."""
    gates: tuple[str, ...] = ()
    """Those that showed harm."""


def rehearse(world: World, plan: Plan, seed: int, *, most: int) -> Outcome:
    """One rollout. After `most` conversations at one stage it is undecided."""
    chance = random.Random(seed)
    terms = Terms(incumbent=OLD, candidate=NEW, plan=plan, settle_calls=_SETTLE, settle_us=60_000_000)
    rollout = Rollout(id=f"rollout_{seed:032x}", route="r", terms=terms, stage_us=0, begun_us=0)
    panel = panel_of(terms)
    answered = copies = number = since = 0
    while since < most:
        panel.begin(rollout.stage)
        policy = policy_of(rollout)
        for _ in range(_INTERVAL):
            number, since = number + 1, since + 1
            decision = policy.decide(Situation("r", (OLD,), f"conversation {number}"))
            seen = call_of(world, decision, number, chance)
            panel.observe(seen)
            answered += seen.arm == "candidate"
            cutover = rollout.at.kind == "cutover"
            vote = vote_of(world, seen, chance)
            if vote is not None:
                panel.vote(seen.unit, seen.arm, vote, cutover=cutover)
            if copies < rollout.at.copies:
                copies += 1
                panel.compare(pair_of(world, number, rollout.stage, chance))
        known = knowledge_of(rollout, panel, copied=copies >= rollout.at.copies, incumbent=OLD.name)
        now_us = number * _SECOND_US
        step = next_of(rollout, known, now_us)
        if isinstance(step, Step):
            stage = rollout.stage
            rollout, _ = applied(
                rollout, step, by=GATES, now_us=now_us, evidence=evidence_of(rollout, panel, known)
            )
            since = 0 if rollout.stage != stage else since
        if rollout.state != "running":
            break
    harm = tuple(one.gate for one in panel.findings(rollout.stage) if one.word == "harm")
    state = rollout.state if rollout.state in ("finished", "rolled back") else "undecided"
    return Outcome(
        state=state, stage=rollout.at.name, answered=answered, copies=copies, conversations=number,
        gates=harm if state == "rolled back" else (),
    )  # fmt: skip
