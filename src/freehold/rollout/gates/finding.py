"""What a gate says at a moment."""

from __future__ import annotations

from typing import Literal

import msgspec

Word = Literal["harm", "looks worse", "no harm", "may replace", "no evidence"]
"""
harm         it surely is worse, and looks worse than is tolerated: it is rolled back
looks worse  it looks worse than is tolerated, with some evidence: its stage is not passed
no harm      it does not look worse than is tolerated, or hardly anything speaks for it
may replace  of quality: it surely is not worse than is tolerated
no evidence  nothing was seen that the gate could judge
"""


SUSPECT = 1.0 / 3.0
"""Of the evidence that harm takes: from here on, what looks worse is not passed. With less, chance alone would hold
up most rollouts.
"""


def word_of(*, worse: bool, surety: float) -> Word:
    """What a gate says of a candidate. `worse`: it looks worse than is tolerated."""
    if not worse or surety < SUSPECT:
        return "no harm"
    return "harm" if surety >= 1.0 else "looks worse"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Of one gate."""

    gate: str
    word: Word
    told: str
    """One sentence."""
    incumbent: float | None = None
    candidate: float | None = None
    """Shares of calls, mean scores, seconds, dollars: as the gate's name says. None: unknown."""
    units: int = 0
    """Of the candidate: conversations or pairs that count."""
    surety: float = 0.0
    """How much evidence of harm there is, as a share of what is needed; 1: it is sure."""
