"""What the gates of a rollout know at a moment, as the machine and people are told it."""

from __future__ import annotations

import msgspec

from freehold.rollout.gates.panel import Panel
from freehold.rollout.machine import Knowledge
from freehold.rollout.terms import Rollout
from freehold.rollout.told import Told


def knowledge_of(rollout: Rollout, panel: Panel, *, copied: bool, incumbent: str | None) -> Knowledge:
    """What is known. `copied`: whether shadow makes no more copies; `incumbent`: of the route's configuration."""
    return Knowledge(
        findings=panel.findings(rollout.stage),
        answered=panel.answered.get(rollout.stage, 0),
        copied=copied,
        quality=panel.quality.evidence > 0,
        may_replace=panel.quality.may_replace,
        incumbent=incumbent,
    )


def told_of(rollout: Rollout, panel: Panel, known: Knowledge) -> Told:
    """The same for people."""
    return Told(
        stage=rollout.at.name,
        answered=known.answered,
        in_all=sum(panel.answered.values()),
        copied=known.copied,
        quality=known.quality,
        may_replace=known.may_replace,
        findings=list(known.findings),
    )


def evidence_of(rollout: Rollout, panel: Panel, known: Knowledge) -> bytes:
    """The same as JSON."""
    return msgspec.json.encode(told_of(rollout, panel, known))
