"""What a rollout is: from which model to which one, by which plan, and how much worse the new one may be."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.rollout.plan import Plan, Stage
from freehold.routing.routes import Target

State = Literal["running", "paused", "finished", "rolled back", "aborted", "closed"]
"""
running      it goes from stage to stage
paused       it stays at its stage; a gate that shows harm rolls it back all the same
finished     the candidate has the whole route, and keeps it
rolled back  a gate showed harm: the incumbent has the route again
aborted      somebody took it back
closed       it was finished, and the configuration names the candidate as the route's incumbent by now
"""
STANDING: tuple[State, ...] = ("running", "paused", "finished")
"""States in which a rollout decides who answers. A route has one such rollout at the most."""

Act = Literal["start", "pass", "promote", "pause", "resume", "abort", "roll back", "finish", "close"]


class Tolerances(msgspec.Struct, frozen=True, kw_only=True):
    """How much worse the candidate may look. It is rolled back where it surely is worse, and looks worse than this."""

    quality: float = 0.05
    """As a difference of mean scores from 0 to 1."""
    errors: float = 0.01
    """As a difference of shares of calls that the model did not answer."""
    refusals: float = 0.02
    """As a difference of shares of calls that it declined."""
    losses: float = 0.05
    """As a difference of shares of calls of which something was lost in translation."""
    complaints: float = 0.5
    """How much more often people complain, as a share of the incumbent's complaints."""
    latency: float | None = 0.5
    """How much slower it answers, as a share of the incumbent's time: 0.5 is half as slow again. None: any."""
    cost: float | None = 0.25
    """How much dearer a call is, as a share of the incumbent's. None: any."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed when a rollout was started; it never changes."""

    incumbent: Target
    candidate: Target
    plan: Plan
    tolerances: Tolerances = Tolerances()
    alpha: float = 0.05
    """The chance, at the most, that a candidate which is no worse is rolled back, over the whole rollout."""
    settle_calls: int = 100
    """Conversations that the candidate has to have answered at a stage before it is passed."""
    settle_us: int = 300_000_000
    """How long a stage lasts at least, in microseconds."""
    judge: str | None = None
    """The model that judges the copies' answers; None: none does."""
    budget_pico: int | None = None
    """What copies and their judges may cost, in 1e-12 US dollars; None: as much as they do."""
    without_quality: bool = False
    """Whether cutover needs no verdict on quality."""


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as it stands."""

    id: str
    route: str
    terms: Terms
    state: State = "running"
    stage: int = 0
    """Which of the plan's, from 0."""
    stage_us: int
    """Since when it has been at this stage, in microseconds since 1970."""
    version: int = 1
    """Counts its transitions."""
    begun_us: int
    ended_us: int | None = None

    @property
    def at(self) -> Stage:
        """The stage that it is at."""
        return self.terms.plan.stages[self.stage]

    @property
    def share(self) -> float:
        """The share of the conversations that the candidate answers now."""
        if self.state == "finished":
            return 1.0
        return self.at.share if self.state in STANDING else 0.0


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a rollout. It is kept for ever, with what it rested on."""

    rollout: str
    version: int
    """The rollout's, after it."""
    at_us: int
    by: str
    """Who: an actor as in the audit log, or `gates`."""
    act: Act
    state: State
    """After it, as the stage."""
    stage: int
    reason: str
    """One sentence."""
    evidence: msgspec.Raw = msgspec.Raw(b"{}")
    """What the gates knew at that moment, as JSON."""
