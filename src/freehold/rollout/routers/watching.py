"""Watches a router while it decides: whether answers get worse than was promised, and whether the calls change.

Both may be looked at after every call. The alarm is an e-process: as long as the promise holds, and the incumbent would
do no worse on the calls it gave away than on those it kept, it is ever raised with a probability of at most
`1 - confidence` (Ville's inequality). Feedback on an answer of a cheaper model is held against
feedback on one of the incumbent's, in the order in which both came: if the router keeps its promise, the cheaper ones'
are bad more often by no more than the risk, divided by the share of calls that go there.
"""

from __future__ import annotations

import math

import msgspec

from freehold.core.decision import Decision
from freehold.routing.learned.router import About, Seen

STAKES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Parts of what may be staked at all; bettors with each are averaged."""
MOST_WAITING = 1_000
"""Outcomes of one side that wait for one of the other; what comes then does not count."""
_FEWEST_CALLS = 50
"""Decisions before which nothing is said of a change."""
_SURE = math.log(100.0)
_CHANCE = "worse "


class Watched(msgspec.Struct):
    """What has been seen so far. It is kept beside the router, and gone on with."""

    calls: int = 0
    """Up to where the ledger was read."""
    feedback: int = 0
    decided: int = 0
    """Calls for which the router decided."""
    cheaper: int = 0
    """Of these, given to a cheaper model."""
    counts: list[int] = []
    """By bin of `Seen`."""
    heard: bytes = b""
    """Of which calls: each counts once, however often and under how many names something is said of it."""
    waiting: list[bool] = []
    """Outcomes, bad or not, that wait for one of the other side."""
    waiting_cheaper: bool = False
    """Whose they are."""
    pairs: int = 0
    bad_cheaper: int = 0
    bad_incumbent: int = 0
    """Of the pairs."""
    wealth: list[float] = []
    """By bettor, as logarithms."""
    alarm_us: int | None = None
    """When the alarm was raised. It stays."""
    alarm_pairs: int | None = None
    drift_us: int | None = None
    """When the calls were seen to be others than the labels."""

    def decide(self, decision: Decision, seen: Seen, now_us: int) -> None:
        """One more decision of the router's."""
        self.decided += 1
        self.cheaper += decision.chosen != decision.facts.get("incumbent")
        chances = [
            value
            for name, value in decision.facts.items()
            if name.startswith(_CHANCE) and isinstance(value, int | float)
        ]
        if chances and seen.edges:
            self.counts = self.counts or [0] * len(seen.counts)
            self.counts[seen.bin_of(min(chances))] += 1
        if self.drift_us is None and log_changed(self.counts, seen.counts) >= _SURE:
            self.drift_us = now_us

    def hear(self, *, cheaper: bool, bad: bool, about: About, now_us: int) -> None:
        """What somebody said of an answer, of the model that the router chose."""
        if self.waiting and self.waiting_cheaper != cheaper:
            other = self.waiting.pop(0)
            self._bet(*((bad, other) if cheaper else (other, bad)), about, now_us)
        elif len(self.waiting) < MOST_WAITING:
            self.waiting_cheaper = cheaper
            self.waiting.append(bad)

    def _bet(self, cheaper_bad: bool, incumbent_bad: bool, about: About, now_us: int) -> None:
        promised = margin_of(about)
        excess = float(cheaper_bad) - float(incumbent_bad) - promised
        self.wealth = self.wealth or [0.0] * len(STAKES)
        for place, stake in enumerate(STAKES):
            # Of what a bettor has, no more than he can lose: the least excess is -1 - promised.
            self.wealth[place] += math.log1p(stake * 0.95 / (1.0 + promised) * excess)
        self.pairs += 1
        self.bad_cheaper += cheaper_bad
        self.bad_incumbent += incumbent_bad
        if self.alarm_us is None and self.log_e >= -math.log(1.0 - about.certificate.confidence):
            self.alarm_us, self.alarm_pairs = now_us, self.pairs

    @property
    def log_e(self) -> float:
        """The evidence against the promise as it is now: the logarithm of the bettors' mean wealth."""
        if not self.wealth:
            return 0.0
        most = max(self.wealth)
        return most + math.log(math.fsum(math.exp(one - most) for one in self.wealth) / len(self.wealth))


def margin_of(about: About) -> float:
    """By how much more often than the incumbent's a cheaper model's answers may be bad."""
    share = about.certificate.share
    return min(0.99, about.certificate.risk / share) if share else 0.99


def log_changed(live: list[int], seen: tuple[int, ...]) -> float:
    """The logarithm of how much likelier the bins of live calls are if their shares are others than those of the
    labels, than if they are the same. What is not known of the labels' shares counts for the same.
    """
    if sum(live) < _FEWEST_CALLS or len(live) != len(seen):
        return 0.0
    half = [0.5] * len(seen)
    same = [0.5 + one for one in seen]
    return _log_chance(live, half) - _log_chance(live, same)


def _log_chance(counts: list[int], before: list[float]) -> float:
    """Of counts whose shares are drawn from Dirichlet's distribution."""
    whole = math.lgamma(sum(before)) - math.lgamma(sum(before) + sum(counts))
    return whole + math.fsum(
        math.lgamma(start + one) - math.lgamma(start) for start, one in zip(before, counts, strict=True)
    )
