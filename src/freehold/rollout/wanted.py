"""What somebody who starts a rollout says, on the command line and over HTTP alike."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from freehold.rollout.plan import DEFAULT
from freehold.rollout.terms import Tolerances

Word = Annotated[str, Meta(min_length=1, max_length=300)]
_Share = Annotated[float, Meta(gt=0, lt=1)]
_More = Annotated[float, Meta(gt=0, le=1000)]


class RolloutWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rollout that is to begin. What is left out is as usual."""

    route: Word
    to: Word
    """The candidate: `provider/model`."""
    plan: Annotated[str, Meta(min_length=1, max_length=1000)] = DEFAULT
    """The stages."""
    margin: _Share = Tolerances().quality
    """How much worse its answers may look, as a difference of mean scores from 0 to 1."""
    errors: _Share = Tolerances().errors
    """How much larger the share of calls may look that it does not answer."""
    refusals: _Share = Tolerances().refusals
    """How much larger the share of calls may look that it declines."""
    losses: _Share = Tolerances().losses
    """How much larger the share of calls may look of which something is lost in translation."""
    complaints: _More = Tolerances().complaints
    """How much more often people may seem to complain: 0.5 is half as often again."""
    slower: _More | None = Tolerances().latency
    """How much slower it may look: 0.5 is half as slow again. Null: any."""
    dearer: _More | None = Tolerances().cost
    """How much dearer its calls may look: 0.25 is a quarter. Null: any."""
    alpha: Annotated[float, Meta(ge=0.0001, le=0.5)] = 0.05
    """The chance, at the most, that a candidate which is no worse is rolled back."""
    settle_calls: Annotated[int, Meta(ge=1, le=10_000_000)] = 100
    """Conversations that it has to have answered at a stage before the next one."""
    settle_time: Annotated[str, Meta(max_length=20)] = "5m"
    """How long a stage lasts at least: `90s`, `15m`, `12h`, `2d`."""
    judge: Word | None = None
    """The model that judges copies' answers: `provider/name`."""
    allow_judges: tuple[Word, ...] = ()
    """Judges that may judge a model of their own provider."""
    budget: Annotated[str, Meta(max_length=30)] | None = None
    """What copies and their judging may cost together, in US dollars."""
    without_quality: bool = False
    """Whether cutover needs no verdict on quality."""
    unpriced: bool = False
    """Whether the candidate may have no price: then nothing is known of its cost."""
