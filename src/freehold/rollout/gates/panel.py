"""All gates of one rollout, and what they share: its alpha, its conversations, its stages."""

from __future__ import annotations

import msgspec

from freehold.core.figures import milliseconds
from freehold.rollout.gates.finding import Finding
from freehold.rollout.gates.levels import LevelGate, level_gate
from freehold.rollout.gates.quality import QualityGate, quality_gate
from freehold.rollout.gates.rates import RateGate, rate_gate
from freehold.rollout.gates.units import Units, unpack
from freehold.rollout.observed import Observation
from freehold.rollout.terms import Terms
from freehold.routing.decisions import Arm

SHARES = {
    "quality": 0.4,
    "errors": 0.2,
    "latency": 0.1,
    "cost": 0.1,
    "refusals": 0.075,
    "losses": 0.075,
    "complaints": 0.05,
}
"""Of alpha, for each gate: together 1, so that all together err with at most the chance that was promised."""
_LEAST_COST = 1e-9
"""Dollars. A call that costs nothing is taken for one that costs next to nothing."""
_LEAST_SECONDS = 0.02
"""Nobody waits for less, so what takes less is taken to take this."""
_COMPLAINT = 0.5
"""A vote below this is one."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its copy, which the candidate was sent."""

    unit: str
    """The conversation."""
    stage: int
    failed: tuple[bool, bool]
    """Whether the incumbent gave no answer, and whether the candidate did not; as all that follow."""
    seconds: tuple[float, float] | None = None
    """Until the first word."""
    dollars: tuple[float, float] | None = None
    declined: tuple[bool, bool] | None = None
    lossy: tuple[bool, bool] | None = None
    difference: float | None = None
    """The candidate's score minus the incumbent's; None: nobody could judge them."""
    judged: bool = True
    """Whether the answers were judged, and not only their form: a good form says nothing for an answer."""


class Panel(msgspec.Struct):
    """See the module. Told everything in the order in which it was recorded."""

    kinds: tuple[str, ...]
    """Of the stages, as in the plan."""
    shares: tuple[float, ...]
    errors: RateGate
    refusals: RateGate
    losses: RateGate
    complaints: RateGate
    latency: LevelGate
    cost: LevelGate
    quality: QualityGate
    answered: dict[int, int] = {}
    """Conversations that the candidate was given, or copies that it was sent, by stage."""
    packed: bytes = b""
    """The conversations, while this is kept."""
    units: Units = msgspec.field(default_factory=Units)

    def begin(self, stage: int) -> None:
        """The stage has begun; told again, nothing changes."""
        for rate in (self.errors, self.refusals, self.losses, self.complaints):
            rate.begin(stage)
        self.latency.begin(stage)
        self.cost.begin(stage)
        self.quality.begin(stage)

    def observe(self, seen: Observation) -> None:
        """A call of the route."""
        kind, stage, arm = self.kinds[min(seen.stage, len(self.kinds) - 1)], seen.stage, seen.arm
        mark = 2 * stage + (arm == "candidate")
        if not self.units.first("cutover" if kind == "cutover" else "", seen.unit, mark):
            return
        if arm == "candidate":
            self.answered[stage] = self.answered.get(stage, 0) + 1
        dollars = None if seen.dollars is None else max(_LEAST_COST, seen.dollars)
        seconds = None if seen.seconds is None else max(_LEAST_SECONDS, seen.seconds)
        if kind == "canary" and 0.0 < seen.share < 1.0:
            share = seen.share
            self.errors.side_by_side(stage, arm, share, hit=seen.failed)
            self.refusals.side_by_side(stage, arm, share, hit=seen.declined)
            self.losses.side_by_side(stage, arm, share, hit=seen.lossy)
            self.complaints.side_by_side(stage, arm, share, hit=False)
            if seconds is not None:
                self.latency.side_by_side(stage, arm, seconds)
            if dollars is not None:
                self.cost.side_by_side(stage, arm, dollars)
        elif kind == "cutover":
            self.errors.apart(stage, arm, hit=seen.failed)
            self.refusals.apart(stage, arm, hit=seen.declined)
            self.losses.apart(stage, arm, hit=seen.lossy)
            if seconds is not None:
                self.latency.apart(stage, arm, seconds)
            if dollars is not None:
                self.cost.apart(stage, arm, dollars)

    def compare(self, pair: Compared) -> None:
        """A call and its copy."""
        self.answered[pair.stage] = self.answered.get(pair.stage, 0) + 1
        if not self.units.first("copy", pair.unit):
            return
        self.errors.pair(pair.stage, incumbent=pair.failed[0], candidate=pair.failed[1])
        if pair.declined is not None:
            self.refusals.pair(pair.stage, incumbent=pair.declined[0], candidate=pair.declined[1])
        if pair.lossy is not None:
            self.losses.pair(pair.stage, incumbent=pair.lossy[0], candidate=pair.lossy[1])
        if pair.seconds is not None:
            self.latency.pair(pair.stage, *(max(_LEAST_SECONDS, one) for one in pair.seconds))
        if pair.dollars is not None:
            self.cost.pair(pair.stage, *(max(_LEAST_COST, one) for one in pair.dollars))
        if pair.difference is not None:
            self.quality.judged(pair.difference, whole=pair.judged)

    def vote(self, unit: str, arm: Arm, score: float, *, cutover: bool) -> None:
        """What somebody said of a call, from 0 (bad) to 1. Of one conversation, the first vote counts."""
        if cutover:
            if self.units.first("vote at cutover", unit):
                self.quality.voted(arm, score, side_by_side=False)
            return
        mark = self.units.mark("", unit)
        if mark is None or not self.units.first("vote", unit):
            return
        stage, drawn = divmod(mark, 2)
        if arm != ("candidate" if drawn else "incumbent") or self.kinds[stage] != "canary":
            return
        self.quality.voted(arm, score, side_by_side=True)
        if score < _COMPLAINT:
            self.complaints.hit(stage, arm, self.shares[stage])

    def findings(self, stage: int) -> list[Finding]:
        """What every gate says at this stage."""
        return [
            self.quality.finding(),
            self.errors.finding(stage),
            self.latency.finding(stage, lambda seconds: milliseconds(seconds * 1000.0)),
            self.cost.finding(stage, lambda dollars: f"${dollars:.3g}"),
            self.refusals.finding(stage),
            self.losses.finding(stage),
            self.complaints.finding(stage),
        ]


def panel_of(terms: Terms) -> Panel:
    """The gates of a rollout that begins."""
    stages, tolerated, alpha = terms.plan.stages, terms.tolerances, terms.alpha
    many = len(stages)

    def rate(name: str, what: str, tolerance: float, *, relative: bool = False) -> RateGate:
        return rate_gate(
            name, what, tolerance=tolerance, alpha=alpha * SHARES[name], stages=many, relative=relative
        )

    return Panel(
        kinds=tuple(one.kind for one in stages),
        shares=tuple(one.share for one in stages),
        errors=rate("errors", "of calls were not answered", tolerated.errors),
        refusals=rate("refusals", "of calls were declined", tolerated.refusals),
        losses=rate("losses", "of calls lost something in translation", tolerated.losses),
        complaints=rate(
            "complaints", "of conversations were complained about", tolerated.complaints, relative=True
        ),
        latency=level_gate(
            "latency", "slower", tolerance=tolerated.latency, alpha=alpha * SHARES["latency"], stages=many
        ),
        cost=level_gate(
            "cost", "dearer", tolerance=tolerated.cost, alpha=alpha * SHARES["cost"], stages=many
        ),
        quality=quality_gate(
            tolerance=tolerated.quality, alpha=alpha * SHARES["quality"], alpha_good=alpha, stages=many
        ),
    )


def keep(panel: Panel) -> bytes:
    """A panel as bytes, to go on from in another process."""
    packed = panel.units.pack()
    return msgspec.json.encode(msgspec.structs.replace(panel, packed=packed, units=Units()))


def go_on(kept: bytes) -> Panel:
    """The panel that was kept."""
    panel = msgspec.json.decode(kept, type=Panel)
    return msgspec.structs.replace(panel, packed=b"", units=unpack(panel.packed))
