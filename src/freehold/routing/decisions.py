"""What a policy is told of a call, and how it is asked. What it decides is kept with the call: `core/decision.py`."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, Protocol

import msgspec

from freehold.core.decision import Arm, Decision, Fact, Rejected
from freehold.routing.routes import Target

__all__ = ["Arm", "Decision", "Fact", "Lock", "LockKind", "Policy", "Rejected", "Situation", "draw_of"]

LockKind = Literal["tool_loop", "state", "conversation"]
"""
tool_loop     the request answers tool calls of this model, which has to see what came of them
state         the request holds reasoning state, or goes on from an answer, that only this model can read
conversation  this model has answered the conversation so far
"""


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that a conversation may not be taken from. Locks come before every policy."""

    target: Target
    kind: LockKind

    @property
    def hard(self) -> bool:
        """Whether another model could not go on: such a lock outlasts a roll-back."""
        return self.kind != "conversation"


class Situation(msgspec.Struct, frozen=True):
    """All that a policy may know of a call, so that it is a pure function."""

    route: str
    targets: tuple[Target, ...]
    """The route's models, the incumbent first."""
    sticky: str
    """What calls that belong together have in common: the conversation, else the user, else the key."""
    lock: Lock | None = None
    now_us: int = 0
    prompt: str | None = None
    """The text that is asked, for policies that say they read it; cut to what they read."""


class Policy(Protocol):
    """Chooses one of a route's models for each call. Pure: it keeps nothing and asks nobody."""

    @property
    def name(self) -> str:
        """As in `Decision.policy`."""
        ...

    @property
    def reads(self) -> int:
        """Characters of the prompt that it looks at; 0: none."""
        ...

    def decide(self, situation: Situation) -> Decision:
        """The decision for one call. Locks have been looked at before: `situation.lock` is told for soft ones only."""
        ...


def draw_of(salt: str, sticky: str) -> float:
    """A number in [0, 1) that is the same for calls that belong together, and independent between salts."""
    digest = blake2b(f"{salt}\0{sticky}".encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
