"""Locks: models that a conversation may not be taken from. They come before every policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from freehold.routing.decisions import Arm, Decision, Fact, Lock, Rejected, Situation, draw_of

PREFIX = "lock."
"""What the reason of a decision begins with that a lock made."""

WITHOUT = "none"
"""In place of a policy's name: the route has none any more, and only locks of one that it had are heeded."""

FoundBy = Literal["state", "answer", "tool calls", "history", "name"]
"""How it was found out who made what the conversation ends with.

state       the reasoning state in the request says it
answer      the request goes on from an answer that is on record
tool calls  by the ids of the tool calls that it answers
history     by what was said before
name        by the conversation's name: who answered it last
"""


@runtime_checkable
class Staged(Protocol):
    """A policy that moves a route: what a lock decides belongs to its rollout all the same."""

    @property
    def rollout(self) -> str:
        """Its id."""
        ...

    def arm_of(self, model: str) -> Arm | None:
        """Which side `provider/model` is on; None: neither."""
        ...


def decide_by_lock(
    policy: object, situation: Situation, lock: Lock, *, found_by: FoundBy, name: str
) -> Decision:
    """The decision that a lock makes in place of `policy`, which is called `name`."""
    chosen = lock.target.name
    facts: dict[str, Fact] = {"lock": lock.kind, "maker": chosen, "found_by": found_by}
    rejected = tuple(Rejected(target.name, "locked") for target in situation.targets if target != lock.target)
    decision = Decision(name, chosen, PREFIX + lock.kind, rejected, facts)
    return _of_rollout(decision, policy, situation)


def decide_without_maker(policy: object, situation: Situation, *, kind: str, why: str, name: str) -> Decision:
    """The decision where nobody knows who made the tool calls or the state: the incumbent, which is what such a
    conversation most likely comes from.
    """
    chosen = situation.targets[0].name
    facts: dict[str, Fact] = {"lock": kind, "maker": None, "incumbent": chosen, "why": why}
    rejected = tuple(Rejected(target.name, "locked") for target in situation.targets[1:])
    return _of_rollout(Decision(name, chosen, PREFIX + kind, rejected, facts), policy, situation)


def _of_rollout(decision: Decision, policy: object, situation: Situation) -> Decision:
    """The same as a part of the policy's rollout, if it is one. The draw tells which calls belong together there."""
    if not isinstance(policy, Staged):
        return decision
    return msgspec.structs.replace(
        decision,
        facts={**decision.facts, "draw": draw_of(policy.rollout, situation.sticky)},
        rollout=policy.rollout,
        arm=policy.arm_of(decision.chosen),
    )


def decide_freely(situation: Situation) -> Decision:
    """The decision on a route that has no policy any more, where nothing locks the conversation: the incumbent."""
    chosen = situation.targets[0].name
    return Decision(
        policy=WITHOUT,
        chosen=chosen,
        reason=f"{PREFIX}free",
        facts={"lock": "free", "maker": None, "incumbent": chosen},
    )


def replay_lock(decision: Decision) -> Decision:
    """The same decision, made again from its facts alone. Raises LookupError or TypeError where they do not
    say enough.
    """
    facts = decision.facts
    chosen = _text(facts, "maker") or facts["incumbent"]
    if not isinstance(chosen, str):
        raise TypeError("the incumbent is not named")
    names = [chosen, *(one.model for one in decision.rejected)]
    return Decision(
        policy=decision.policy,
        chosen=chosen,
        reason=f"{PREFIX}{facts['lock']}",
        rejected=tuple(Rejected(name, "locked") for name in names if name != chosen),
        facts=facts,
        rollout=decision.rollout,
        arm=decision.arm,
    )


def _text(facts: Mapping[str, Fact], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None
